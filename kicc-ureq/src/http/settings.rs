//! What the transport is told, checked once.

use std::net::IpAddr;
use std::time::Duration;

use kicc_proto::wire::REPLY_MAX;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// How to reach the gateway. Start from [`HttpSettings::new`] and change fields.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Scheme, host, optional port and optional path prefix. KICC names the host per service (spec 0.2).
    pub base_url: String,
    /// For each address of the host; `send_by` ends them all. Default 5 s.
    pub connect_timeout: Duration,
    /// Certificates in PEM that alone are trusted as authorities, for the gateway and an `https` proxy. Default:
    /// the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// An HTTP proxy (`http://` or `https://`, `user:password@` allowed), always spoken to by CONNECT. `None` and
    /// the empty text mean none; the empty text also overrides the environment.
    pub proxy: Option<String>,
    /// Where `proxy` is `None`, take it from `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Default off:
    /// a variable that somebody set for something else must not divert payments.
    pub proxy_from_environment: bool,
    /// Keep connections and use them again, also for money-moving requests. Default off: a kept connection that
    /// the peer is just closing fails *after* the request was written, and turns a payment that would have been
    /// answered into an unknown one that has to be rescued (up to a third of them where a server closes at once).
    pub reuse_connections: bool,
    /// Plain `http` beyond this machine. Default off. Without it every address is checked, not only the name.
    pub allow_http: bool,
    /// The longest body that is read, in bytes; a longer one is *maybe sent*. Default [`REPLY_MAX`].
    pub body_limit: usize,
}

impl HttpSettings {
    /// The defaults, for this base URL.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> HttpSettings {
        HttpSettings {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(5),
            ca_pem: None,
            proxy: None,
            proxy_from_environment: false,
            reuse_connections: false,
            allow_http: false,
            body_limit: REPLY_MAX,
        }
    }

    pub(super) fn proxy(&self) -> Result<Option<Proxy>, SettingsError> {
        let proxy = match self.proxy.as_deref() {
            Some("") => None,
            Some(url) => Some(Proxy::new(url).map_err(|_| SettingsError::Proxy("is not a proxy's URL"))?),
            None if self.proxy_from_environment => Proxy::try_from_env(),
            None => None,
        };
        match proxy.as_ref().map(Proxy::protocol) {
            None | Some(ProxyProtocol::Http | ProxyProtocol::Https) => Ok(proxy),
            // Passed on, it would be ignored and the request sent directly.
            Some(_) => Err(SettingsError::Proxy("must be http or https")),
        }
    }

    pub(super) fn base(&self, proxied: bool) -> Result<Base, SettingsError> {
        let bad = SettingsError::BaseUrl;
        let uri: Uri = self.base_url.parse().map_err(|_| bad("is not a URL"))?;
        let authority = uri.authority().ok_or(bad("has no host"))?;
        let plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            _ => return Err(bad("must begin with https:// or http://")),
        };
        if authority.as_str().contains('@') {
            return Err(bad("holds a user name or password"));
        }
        if authority.host().is_empty() {
            return Err(bad("has no host"));
        }
        if authority.as_str().len() > authority.host().len()
            && authority.port_u16().is_none_or(|port| port == 0)
        {
            return Err(bad("has a port that is not between 1 and 65535"));
        }
        if self.base_url.contains(['?', '#']) {
            return Err(bad("has a query or fragment"));
        }
        let loopback = is_loopback(authority.host());
        let loopback_only = plain && !self.allow_http;
        if loopback_only && (!loopback || proxied) {
            return Err(SettingsError::PlainHttp);
        }
        Ok(Base { url: self.base_url.trim_end_matches('/').to_owned(), loopback, loopback_only })
    }
}

impl std::fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URLs may hold a password (R23).
        f.debug_struct("HttpSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("ca_pem_bytes", &self.ca_pem.as_ref().map(Vec::len))
            .field("proxy_from_environment", &self.proxy_from_environment)
            .field("reuse_connections", &self.reuse_connections)
            .field("allow_http", &self.allow_http)
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

/// Which setting cannot be used, and why. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The base URL.
    #[error("base_url {0}; nothing was sent")]
    BaseUrl(&'static str),
    /// Plain `http` to another machine.
    #[error("base_url is plain http beyond this machine, which needs allow_http; nothing was sent")]
    PlainHttp,
    /// The proxy.
    #[error("proxy {0}; nothing was sent")]
    Proxy(&'static str),
    /// The file with the authorities' certificates.
    #[error("ca_file {0}; nothing was sent")]
    Ca(&'static str),
    /// Zero.
    #[error("connect_timeout must be above zero; nothing was sent")]
    ConnectTimeout,
    /// The TLS library offers no protocol version.
    #[error("TLS cannot be set up; nothing was sent")]
    Tls,
}

/// The base URL, checked.
pub(super) struct Base {
    /// Without a slash at its end.
    pub url: String,
    pub loopback: bool,
    /// Plain HTTP that must not leave the machine.
    pub loopback_only: bool,
}

fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.to_canonical().is_loopback())
}
