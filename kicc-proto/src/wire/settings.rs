//! Where a transport finds the gateway and what it may do to get there, checked once for every transport.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    ops::Range,
    time::Duration,
};

use base64ct::{Base64, Encoding as _};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::REPLY_MAX;

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
    /// Where `proxy` is `None`, take it from `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as the HTTP
    /// library reads them. Default off: a variable that somebody set for something else must not divert payments.
    pub proxy_from_environment: bool,
    /// Keep connections and use them again, also for money-moving requests. Default off: a kept connection that
    /// the peer is just closing fails *after* the request was written, and turns a payment that would have been
    /// answered into an unknown one that has to be rescued (up to a third of them where a server closes at once).
    pub reuse_connections: bool,
    /// Keep connections and use them again, but never for a request that moves money ([`money`]): for net-cancels,
    /// queries and registrations. Default off: a kept connection that the peer is just closing costs a rescue one
    /// more try, and customers nothing; it saves handshakes where many rescues run at once.
    ///
    /// [`money`]: super::exchange::Limits::money
    pub reuse_unless_money: bool,
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
            reuse_unless_money: false,
            allow_http: false,
            body_limit: REPLY_MAX,
        }
    }

    /// Whether a connection may carry more than one request of this kind.
    #[must_use]
    pub fn reuses(&self, money: bool) -> bool {
        self.reuse_connections || (self.reuse_unless_money && !money)
    }

    /// The base URL, checked. `proxied`: through a proxy nothing is known of where plain HTTP goes.
    ///
    /// # Errors
    /// [`SettingsError::BaseUrl`], [`SettingsError::PlainHttp`].
    pub fn gateway(&self, proxied: bool) -> Result<BaseUrl, SettingsError> {
        let mut base = BaseUrl::new(&self.base_url)?;
        base.loopback_only = !base.is_https() && !self.allow_http;
        if base.loopback_only && (!base.is_loopback() || proxied) {
            return Err(SettingsError::PlainHttp);
        }
        Ok(base)
    }

    /// The proxy that `proxy` names, checked.
    ///
    /// # Errors
    /// [`SettingsError::Proxy`].
    pub fn proxy(&self) -> Result<Option<ProxyUrl>, SettingsError> {
        self.proxy.as_deref().filter(|url| !url.is_empty()).map(ProxyUrl::new).transpose()
    }

    /// `connect_timeout`, checked.
    ///
    /// # Errors
    /// [`SettingsError::ConnectTimeout`].
    pub fn connect_timeout(&self) -> Result<Duration, SettingsError> {
        if self.connect_timeout.is_zero() {
            return Err(SettingsError::ConnectTimeout);
        }
        Ok(self.connect_timeout)
    }
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs may hold a password (R23).
        f.debug_struct("HttpSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("ca_pem_bytes", &self.ca_pem.as_ref().map(Vec::len))
            .field("proxy_from_environment", &self.proxy_from_environment)
            .field("reuse_connections", &self.reuse_connections)
            .field("reuse_unless_money", &self.reuse_unless_money)
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

/// The address of the gateway, checked: `http` or `https`, a host, perhaps a port and a path, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Without a slash at its end.
    text: String,
    https: bool,
    /// Where host and port are in `text`.
    authority: Range<usize>,
    host: String,
    port: Option<u16>,
    loopback_only: bool,
}

impl BaseUrl {
    fn new(text: &str) -> Result<Self, SettingsError> {
        let bad = SettingsError::BaseUrl;
        if text.contains(['?', '#']) {
            return Err(bad("has a query or fragment"));
        }
        let (https, rest) = scheme(text).ok_or(bad("must begin with https:// or http://"))?;
        let begin = text.len() - rest.len();
        let text = text.trim_end_matches('/');
        let rest = text.get(begin..).unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err(bad("holds a user name or password"));
        }
        let (host, port) = host_and_port(authority).map_err(bad)?;
        let in_path = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
        if !rest.bytes().skip(authority.len()).all(in_path) {
            return Err(bad("has a path that is no part of a URL"));
        }
        Ok(Self {
            text: text.to_owned(),
            https,
            authority: begin..begin + authority.len(),
            host: host.to_owned(),
            port,
            loopback_only: true,
        })
    }

    /// The whole address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is spoken to over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host, and port where one is given: the value of `host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.text[self.authority.clone()]
    }

    /// A name or an address; of IPv6 without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is given, or that of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// What stands before every path: empty, or it begins with a slash and ends without one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[self.authority.end..]
    }

    /// Whether it is on this machine: `localhost` or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse() {
            Ok(address) => is_loopback(address),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Whether it is plain HTTP that must not leave the machine, so that only an address of which [`is_loopback`]
    /// holds may be connected to, whatever the name resolves to.
    #[must_use]
    pub fn loopback_only(&self) -> bool {
        self.loopback_only
    }
}

/// Whether an address is this machine's own, also where IPv6 carries one of IPv4.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The address of an HTTP proxy, checked. It may hold a password, which is not printed (R23).
#[derive(Clone)]
pub struct ProxyUrl {
    https: bool,
    host: String,
    port: Option<u16>,
    authorization: Option<Zeroizing<String>>,
}

impl ProxyUrl {
    /// `http://` or `https://` (without a scheme `http`), perhaps `user:password@` with percent escapes, a host,
    /// perhaps a port.
    ///
    /// # Errors
    /// [`SettingsError::Proxy`].
    pub fn new(text: &str) -> Result<Self, SettingsError> {
        let bad = SettingsError::Proxy;
        let (https, rest) = match scheme(text) {
            Some(found) => found,
            // Passed on, it would be ignored and the request sent directly.
            None if text.contains("://") => return Err(bad("must be http or https")),
            None => (false, text),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address).map_err(bad)?;
        Ok(Self { https, host: host.to_owned(), port, authorization: user.map(basic) })
    }

    /// The same, with this value of `proxy-authorization`.
    #[must_use]
    pub fn authorized(self, value: &str) -> Self {
        Self { authorization: Some(Zeroizing::new(value.to_owned())), ..self }
    }

    /// Whether it is itself spoken to over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// A name or an address; of IPv6 without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is given, or that of the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// The value of `proxy-authorization`, where there is a user: a secret.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref().map(String::as_str)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyUrl")
            .field("https", &self.https)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn basic(user_and_password: &str) -> Zeroizing<String> {
    let (user, password) = user_and_password.split_once(':').unwrap_or((user_and_password, ""));
    // At its size from the start: growth leaves copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
    plain.extend(percent_decode_str(user));
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let encoded = Zeroizing::new(Base64::encode_string(&plain));
    Zeroizing::new(["Basic ", &encoded].concat())
}

/// Whether it is `https`, and what follows.
fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let https = scheme.eq_ignore_ascii_case("https");
    (https || scheme.eq_ignore_ascii_case("http")).then_some((https, rest))
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, after) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']').ok_or("has no host")?;
            host.parse::<Ipv6Addr>().map_err(|_| "has no host")?;
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || (!authority.starts_with('[') && !host.bytes().all(in_name)) {
        return Err("has no host");
    }
    if after.is_empty() {
        return Ok((host, None));
    }
    let port = after.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port: Option<u16> = port.and_then(|port| port.parse().ok());
    match port {
        Some(1..) => Ok((host, port)),
        _ => Err("has a port that is not between 1 and 65535"),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn gateway(url: &str) -> Result<BaseUrl, SettingsError> {
        HttpSettings::new(url).gateway(false)
    }

    #[test]
    fn a_base_url_is_taken_apart() {
        let base = gateway("https://gw.test:8443/a/b//").unwrap();
        assert_eq!((base.as_str(), base.path()), ("https://gw.test:8443/a/b", "/a/b"));
        assert_eq!((base.authority(), base.host(), base.port()), ("gw.test:8443", "gw.test", 8443));
        let base = gateway("HTTP://[::1]/").unwrap();
        assert_eq!((base.authority(), base.host(), base.port(), base.path()), ("[::1]", "::1", 80, ""));
        assert!(!base.is_https() && base.loopback_only());
        assert_eq!(gateway("https://gw.test").unwrap().port(), 443);
    }

    #[test]
    fn a_base_url_is_refused_before_anything_is_sent() {
        for url in [
            "",
            "gw.test",
            "ftp://gw.test",
            "https://",
            "https:///",
            "https:///smpy",
            "https://u:hunter2@gw.test",
            "https://gw.test:",
            "https://gw.test:0",
            "https://gw.test:+1",
            "https://gw.test:99999",
            "https://gw.test/?q=1",
            "https://gw.test/#f",
            "https://gw.test/a b",
            "https://gw.test\\x",
            "https://[::1",
            "https://[gw.test]",
            "https://[::1]x",
            "/smpy",
            "https://gw test",
            "https://게이트",
        ] {
            let error = gateway(url).unwrap_err();
            assert!(matches!(error, SettingsError::BaseUrl(_)), "{url}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only_unless_allowed() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080/x", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://LocalHost", true),
            ("http://gw.test", false),
            ("http://192.0.2.1", false),
            ("http://localhost.gw.test", false),
        ] {
            match gateway(url) {
                Ok(base) => assert!(loopback && base.is_loopback() && base.loopback_only(), "{url}"),
                Err(error) => assert!(!loopback && error == SettingsError::PlainHttp, "{url}: {error}"),
            }
            let mut settings = HttpSettings::new(url);
            assert_eq!(settings.gateway(true), Err(SettingsError::PlainHttp));
            settings.allow_http = true;
            let allowed = settings.gateway(true).unwrap();
            assert!(allowed.is_loopback() == loopback && !allowed.loopback_only(), "{url}");
            let secure = gateway(&url.replace("http:", "https:")).unwrap();
            assert!(secure.is_loopback() == loopback && !secure.loopback_only(), "{url}");
        }
    }

    #[test]
    fn a_proxy_is_taken_apart_and_one_that_would_be_ignored_is_refused() {
        let proxy = ProxyUrl::new("http://us%40er:p%3a:w@proxy.test:3128/").unwrap();
        assert_eq!((proxy.is_https(), proxy.host(), proxy.port()), (false, "proxy.test", 3128));
        assert_eq!(proxy.authorization(), Some("Basic dXNAZXI6cDo6dw=="));
        let proxy = ProxyUrl::new("HTTPS://[::1]").unwrap();
        assert_eq!((proxy.is_https(), proxy.host(), proxy.port()), (true, "::1", 443));
        assert_eq!(proxy.authorization(), None);
        assert_eq!(ProxyUrl::new("proxy.test").unwrap().port(), 80);
        for url in ["", "socks5://proxy.test", "ftp://proxy.test", "://", "http://", "http://proxy test"] {
            assert!(matches!(ProxyUrl::new(url), Err(SettingsError::Proxy(_))), "{url}");
        }
        let mut settings = HttpSettings::new("https://gw.test");
        assert!(settings.proxy().unwrap().is_none());
        settings.proxy = Some(String::new());
        assert!(settings.proxy().unwrap().is_none());
    }

    #[test]
    fn a_connection_needs_time() {
        let mut settings = HttpSettings::new("https://gw.test");
        assert_eq!(settings.connect_timeout(), Ok(Duration::from_secs(5)));
        settings.connect_timeout = Duration::ZERO;
        assert_eq!(settings.connect_timeout(), Err(SettingsError::ConnectTimeout));
    }

    #[test]
    fn a_proxys_authorization_can_be_given_apart() {
        let proxy = ProxyUrl::new("http://user:p@proxy.test").unwrap().authorized("Negotiate abc");
        assert_eq!((proxy.host(), proxy.authorization()), ("proxy.test", Some("Negotiate abc")));
    }

    #[test]
    fn only_what_is_asked_for_is_reused() {
        let mut settings = HttpSettings::new("https://gw.test");
        assert!(!settings.reuses(true) && !settings.reuses(false));
        settings.reuse_unless_money = true;
        assert!(!settings.reuses(true) && settings.reuses(false));
        settings.reuse_connections = true;
        assert!(settings.reuses(true) && settings.reuses(false));
    }

    #[test]
    fn r23_debug_shows_no_password() {
        let mut settings = HttpSettings::new("https://u:hunter2@gw.test");
        settings.proxy = Some("http://user:hunter2@proxy.test".into());
        let shown = format!("{settings:?} {:?}", settings.proxy().unwrap());
        assert!(shown.contains("proxy.test") && !shown.contains("hunter2"), "{shown}");
        assert!(shown.starts_with("HttpSettings { connect_timeout: 5s"), "{shown}");
        assert!(!shown.contains("dXNlcjpodW50ZXIy"), "{shown}");
    }
}
