//! The async HTTP/1.1 transport, on hyper and rustls: one request, one answer or the reason why there is none.
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
//! Before every poll of the exchange the time left is computed from the marker, so no trickle of bytes, no TLS record
//! and no proxy can stretch it:
//!
//! * up to the first byte of the request: `send_by`. All resolved addresses are tried until then;
//! * while writing: `answer_within` from the first byte;
//! * from the last byte written: `answer_within`. Where writing went on past `send_by` it counts from `send_by`,
//!   because a lease covers the exchange to `send_by + answer_within` and no further (R20).
//!
//! The clock is tokio's. A test that pauses it takes `send_by` from it, too:
//! `tokio::time::Instant::now().into_std()`.
//!
//! # Dropping
//!
//! The connection runs inside the future of [`Http::exchange`] and nowhere else: no task, no pool, no thread that could
//! go on sending. To drop that future drops the socket at once; one that carries a money-moving request was set to
//! reset on close before it was connected, so that the kernel discards what the peer has not got (R13a). What it says
//! of the request is *maybe sent*: whoever drops it does not learn whether the first byte had gone. The resolver alone
//! may outlive it, on a thread of tokio's, and sends nothing.
//!
//! # What is not done
//!
//! No redirects, no status treated as an error, no compression, no cookies, no proxy from the environment unless
//! asked for, no retry, and no kept connections unless asked for ([`HttpSettings::reuse_connections`],
//! [`HttpSettings::reuse_unless_money`]). Where a kept connection turns out to be closed before the permission to send
//! was given, a new one is made: not one byte had gone (R4).
//!
//! [`Failure::NotSent`]: kicc_proto::wire::Failure::NotSent
//! [`Failure::MaybeSent`]: kicc_proto::wire::Failure::MaybeSent

mod call;
mod connect;
mod line;
mod marker;
mod message;
pub(crate) mod rustls;

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::rt::{Read, Write};
use kicc_proto::wire::{MaybeSent, NotSent, Request, exchange};

pub use kicc_proto::wire::exchange::OwnedReply;
pub use kicc_proto::wire::message::{CallError, CallLimits};
pub use kicc_proto::wire::settings::{BaseUrl, HttpSettings, SettingsError};

pub use self::connect::{Connect, Opening};
pub use self::rustls::{Rustls, RustlsStream};

use self::call::Call;
use self::line::Line;

/// How long a kept connection may lie idle. Our choice: shorter than the idle limits that servers commonly have.
const IDLE: Duration = Duration::from_secs(15);

/// Polled after connect and TLS, immediately before the first byte of the request: may it still go? `false` ends
/// the exchange as [`NotSent::PermitLapsed`]. This is where lease, token and wall clock are checked (R4, R20, R25);
/// `send_by` is checked after it is ready. Between its `true` and the first byte nothing is awaited.
pub type MaySend = Pin<Box<dyn Future<Output = bool> + Send>>;

/// What one exchange may take, by the clock of the standard library as tokio reads it.
pub type Limits = exchange::Limits<Instant>;

/// How one exchange ended.
pub type Exchange = exchange::Exchange<Instant>;

/// The transport to one gateway. Clones share settings, TLS sessions and kept connections. It needs a tokio runtime
/// with its timer and, for [`Rustls`], its I/O.
pub struct Http<C: Connect = Rustls>(Arc<Shared<C>>);

struct Shared<C: Connect> {
    base: BaseUrl,
    settings: HttpSettings,
    connector: C,
    kept: Mutex<Vec<Kept<C::Stream>>>,
}

/// A request as hyper takes it.
type Message = hyper::Request<Full<Bytes>>;

struct Kept<S: Read + Write + Unpin> {
    line: Box<Line<S>>,
    since: Instant,
}

impl Http {
    /// Checks the settings and builds what all exchanges share. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting that cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Http, SettingsError> {
        let connector = Rustls::new(&settings)?;
        Ok(Http::over(settings.gateway(connector.is_proxied())?, settings, connector))
    }
}

impl<C: Connect> Http<C> {
    /// The same over connections of another make. How they come about is the connector's: TLS where the base URL is
    /// `https`, a proxy, a time for each address.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting that cannot be used; `ca_pem`, `proxy` and `proxy_from_environment` are
    /// refused, because they would be ignored.
    pub fn with_connector(settings: HttpSettings, connector: C) -> Result<Http<C>, SettingsError> {
        if settings.ca_pem.is_some() {
            return Err(SettingsError::Ca("is the connector's to read"));
        }
        if settings.proxy()?.is_some() || settings.proxy_from_environment {
            return Err(SettingsError::Proxy("is the connector's to use"));
        }
        Ok(Http::over(settings.gateway(false)?, settings, connector))
    }

    fn over(base: BaseUrl, settings: HttpSettings, connector: C) -> Http<C> {
        Http(Arc::new(Shared { base, settings, connector, kept: Mutex::default() }))
    }

    /// Whether the gateway is on this machine: `localhost` or a loopback address in the base URL.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.base.is_loopback()
    }

    /// Sends the request once and waits for the whole answer, at most up to `send_by` and then `answer_within`.
    /// Nothing is ever sent a second time. Dropped, it sends nothing more. The request is copied at once: its buffer need
    /// not be kept while the answer is awaited.
    pub fn exchange(
        &self,
        request: &Request<'_>,
        limits: Limits,
        may_send: MaySend,
    ) -> impl Future<Output = Exchange> + Send + use<'_, C> {
        let message = self.message(request, self.0.settings.reuses(limits.money)).map(Box::new).ok();
        self.exchange_message(message, limits, may_send)
    }

    async fn exchange_message(
        &self,
        message: Option<Box<Message>>,
        limits: Limits,
        may_send: MaySend,
    ) -> Exchange {
        let reuse = self.0.settings.reuses(limits.money);
        let kept = if reuse { self.kept().pop() } else { None };
        let call = match &kept {
            Some(Kept { line, .. }) => {
                line.call.begin(limits, may_send);
                line.call.clone()
            }
            None => Arc::new(Call::new(limits, may_send)),
        };
        let kept = kept.map(|kept| kept.line);
        let mut post = pin!(self.post(message, limits.money, kept, &call));
        let posted = call.in_time(post.as_mut()).await;
        let (found, line) = match posted {
            Ok((reply, line)) => (Ok(reply), Some(line)),
            Err(why) => (Err(why), None),
        };
        let exchange = call.conclude(found);
        if let Some(mut line) = line.filter(|_| reuse && exchange.result.is_ok())
            && line.is_idle().await
        {
            self.kept().push(Kept { line, since: Instant::now() });
        }
        exchange
    }

    /// The errors are names, should it be *maybe sent*.
    async fn post(
        &self,
        message: Option<Box<Message>>,
        money: bool,
        kept: Option<Box<Line<C::Stream>>>,
        call: &Arc<Call>,
    ) -> Result<(OwnedReply, Box<Line<C::Stream>>), MaybeSent> {
        let settings = &self.0.settings;
        let message = message.ok_or(MaybeSent::Other)?;
        if let Some(mut line) = kept {
            let found = line.post(message.clone(), settings.body_limit).await;
            if found.is_ok() || !call.is_unasked() {
                return found.map(|reply| (reply, line));
            }
        }
        // In the heap, and gone before the answer is awaited: TLS and a proxy's tunnel need much more room than that does.
        let mut line = Box::pin(self.line(money, call)).await?;
        let reply = line.post(message, settings.body_limit).await?;
        Ok((reply, line))
    }

    /// A new connection.
    async fn line(&self, money: bool, call: &Arc<Call>) -> Result<Box<Line<C::Stream>>, MaybeSent> {
        let Shared { base, settings, connector, .. } = &*self.0;
        // A kept connection may carry a money-moving request later.
        let opening = Opening { call, reset_on_close: money || settings.reuse_connections };
        opening.at(NotSent::Connect);
        let stream = connector.connect(base, opening).await.map_err(|_| MaybeSent::Other)?;
        opening.at(NotSent::Connect);
        Line::new(stream, call).await.map(Box::new).map_err(|_| MaybeSent::Other)
    }

    fn message(&self, request: &Request<'_>, reuse: bool) -> hyper::http::Result<Message> {
        let Shared { base, .. } = &*self.0;
        let mut message = hyper::Request::builder()
            .method(request.method().as_str())
            .uri([base.path(), request.path()].concat())
            .header(HOST, base.authority())
            .header(USER_AGENT, concat!("kicc/", env!("CARGO_PKG_VERSION")));
        for (name, value) in request.headers() {
            message = message.header(name, value);
        }
        if !reuse {
            message = message.header(CONNECTION, "close");
        }
        message.body(Full::new(Bytes::copy_from_slice(request.body())))
    }

    /// The kept lines; always empty unless connections are reused. Those that lay idle too long are dropped.
    fn kept(&self) -> MutexGuard<'_, Vec<Kept<C::Stream>>> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.since.elapsed() < IDLE);
        kept
    }
}

impl<C: Connect> Clone for Http<C> {
    fn clone(&self) -> Self {
        Http(self.0.clone())
    }
}

impl<C: Connect> std::fmt::Debug for Http<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("base_url", &self.0.base.as_str()).finish_non_exhaustive()
    }
}
