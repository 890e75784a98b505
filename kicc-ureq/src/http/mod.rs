//! The blocking HTTP/1.1 transport, on ureq and rustls: one request, one answer or the reason why there is none.
//!
//! # Never sent
//!
//! The core closes an attempt as *never sent* on this module's word alone, so the word rests on a marker of our
//! own and on nothing else. Every request has its own. The outermost layer of the connection, above TLS and above
//! a proxy's tunnel, sets it **before** the first byte of the request is handed down (R4). Not set:
//! [`Failure::NotSent`]. Set: [`Failure::MaybeSent`]. The kind of an error never decides, because the same kinds
//! (reset, end of file, timed out) come out of both sides of that line; it only chooses which variant to name.
//! With TLS 1.3 a server's refusal of the client shows up only after the client's first write: that is *maybe
//! sent*, the safe side.
//!
//! # Deadlines
//!
//! The lowest layer, the socket, computes the time left from the marker before every system call, so no trickle
//! of bytes, no TLS record and no proxy can stretch them:
//!
//! * up to the first byte of the request: `send_by`. All resolved addresses are tried until then;
//! * while writing: `answer_within` from the first byte;
//! * from the last byte written: `answer_within`. Where writing went on past `send_by` it counts from `send_by`,
//!   because a lease covers the exchange to `send_by + answer_within` and no further (R20).
//!
//! Give-up drops the socket; one that carries a money-moving request was set to reset on close before it was
//! connected, so that the kernel discards what the peer has not got (R13a).
//!
//! # What ureq says of it
//!
//! ureq writes to the crate `log`: at DEBUG the address of each request, which for i'mport's look-up of a billing key has
//! the customer's name for it, and at TRACE (target `ureq_proto`) every header and answer byte by byte, i'mport's token
//! among them. Keep that target at DEBUG (R23).
//!
//! # What ureq is kept from doing
//!
//! No redirects, no status treated as an error, no compression, no cookies, no proxy from the environment unless
//! asked for, and no kept connections unless asked for ([`HttpSettings::reuse_connections`],
//! [`HttpSettings::reuse_unless_money`]). It has no retry.
//!
//! [`Failure::NotSent`]: kicc_proto::wire::Failure::NotSent
//! [`Failure::MaybeSent`]: kicc_proto::wire::Failure::MaybeSent

mod call;
mod connect;
mod marker;
mod message;
mod settings;
mod tls;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kicc_proto::wire::settings::BaseUrl;
use kicc_proto::wire::{
    Request,
    exchange::{self, has_one_end},
};
use ureq::config::Config;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, AsSendBody, http};

pub use kicc_proto::wire::exchange::OwnedReply;
pub use kicc_proto::wire::message::{CallError, CallLimits};
pub use kicc_proto::wire::settings::{HttpSettings, SettingsError};

use self::call::{Call, Stop};
use self::connect::{Dns, TcpConnector};
use self::marker::MarkerConnector;
use self::tls::TlsConnector;

/// How long a kept connection may lie idle. Our choice: shorter than the idle limits that servers commonly have.
const IDLE: Duration = Duration::from_secs(15);
/// Our choice: KICC's answers carry a handful of headers.
const HEAD_MAX: usize = 16 * 1024;
/// What is read. Above [`HEAD_MAX`], so that a head that is too long is told from the end of the stream.
const INPUT: usize = 2 * HEAD_MAX;
/// What is written: a request of KICC's and its head, mostly. Each connection's are made, and zeroed, anew.
const OUTPUT: usize = 8 * 1024;

/// Asked after connect and TLS, immediately before the first byte of the request: may it still go? `false` ends
/// the exchange as [`NotSent::PermitLapsed`](kicc_proto::wire::NotSent::PermitLapsed). This is where lease, token
/// and wall clock are checked (R4, R20, R25); `send_by` is checked after it returned.
pub type MaySend = Arc<dyn Fn() -> bool + Send + Sync>;

/// What one exchange may take, by the clock of the standard library.
pub type Limits = exchange::Limits<Instant>;

/// How one exchange ended.
pub type Exchange = exchange::Exchange<Instant>;

/// The transport to one gateway. Clones share settings, TLS sessions and kept connections.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

struct Shared {
    base: BaseUrl,
    config: Config,
    proxied: bool,
    settings: HttpSettings,
    tls: Arc<rustls::ClientConfig>,
    kept: Mutex<Vec<Kept>>,
}

/// An agent of its own for one request at a time, so that a marker never belongs to two requests.
struct Line {
    agent: Agent,
    call: Arc<Call>,
}

struct Kept {
    line: Line,
    since: Instant,
}

impl Http {
    /// Checks the settings and builds what all exchanges share. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Http, SettingsError> {
        let proxy = settings::proxy(&settings)?;
        settings.connect_timeout()?;
        Ok(Http(Arc::new(Shared {
            base: settings.gateway(proxy.is_some())?,
            proxied: proxy.is_some(),
            config: settings::config(proxy, settings.reuses(false)),
            tls: tls::client_config(settings.ca_pem.as_deref())?,
            kept: Mutex::default(),
            settings,
        })))
    }

    /// Whether the gateway is on this machine: `localhost` or a loopback address in the base URL.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.base.is_loopback()
    }

    /// Sends the request once and waits for the whole answer. Blocks at most up to `send_by` and then
    /// `answer_within`. Nothing is ever sent a second time.
    #[must_use]
    pub fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> Exchange {
        let keep = self.0.settings.reuses(limits.money);
        let mut message = http::Request::builder().method(request.method().as_str()).uri(format!(
            "{}{}",
            self.0.base.as_str(),
            request.path()
        ));
        for (name, value) in request.headers() {
            message = message.header(name, value);
        }
        if !keep {
            message = message.header("connection", "close");
        }
        let line = self.line(limits, may_send, request.body().len());
        let body_limit = self.0.settings.body_limit;
        let outcome = match request.method().has_body() {
            true => run(&line.agent, message.body(request.body()), body_limit),
            false => run(&line.agent, message.body(()), body_limit),
        };
        let exchange = line.call.conclude(outcome);
        if keep && exchange.result.is_ok() {
            self.kept().push(Kept { line, since: Instant::now() });
        }
        exchange
    }

    fn line(&self, limits: Limits, may_send: MaySend, body: usize) -> Line {
        let kept = if self.0.settings.reuses(limits.money) { self.kept().pop() } else { None };
        if let Some(Kept { line, .. }) = kept {
            line.call.begin(limits, may_send, body);
            return line;
        }
        let shared = &*self.0;
        let call = Arc::new(Call::new(limits, may_send, body));
        let connector = ()
            .chain(ConnectProxyConnector::default())
            .chain(TcpConnector {
                call: call.clone(),
                timeout: shared.settings.connect_timeout,
                loopback_only: shared.base.loopback_only(),
                // A kept connection may carry a money-moving request later.
                reset_on_close: limits.money || shared.settings.reuse_connections,
            })
            .chain(TlsConnector { call: call.clone(), config: shared.tls.clone() })
            .chain(MarkerConnector { call: call.clone(), proxied: shared.proxied });
        let agent = Agent::with_parts(shared.config.clone(), connector, Dns { call: call.clone() });
        Line { agent, call }
    }

    /// The kept lines; always empty unless connections are reused. Those that lay idle too long are dropped.
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.since.elapsed() < IDLE);
        kept
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("base_url", &self.0.base.as_str()).finish_non_exhaustive()
    }
}

fn run(
    agent: &Agent,
    request: http::Result<http::Request<impl AsSendBody>>,
    body_limit: usize,
) -> Result<OwnedReply, Stop> {
    let request = request.map_err(|error| Stop::Failed(error.into()))?;
    let response = agent.run(request).map_err(Stop::Failed)?;
    let headers = response.headers();
    let all = |name| headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    let is_http_1_1 = response.version() == http::Version::HTTP_11;
    if !has_one_end(is_http_1_1, all(http::header::TRANSFER_ENCODING), all(http::header::CONTENT_LENGTH)) {
        return Err(Stop::TwoEnds);
    }
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut reader = response.into_body().into_reader().take((body_limit as u64).saturating_add(1));
    reader.read_to_end(&mut body).map_err(|error| Stop::Failed(error.into()))?;
    if body.len() > body_limit {
        return Err(Stop::BodyTooLarge);
    }
    Ok(OwnedReply { status, content_type, body })
}
