//! The ready-made connector: TCP with its options, a proxy's tunnel, and TLS 1.2 and 1.3 by rustls with ring. One
//! configuration is shared by all connections, so that sessions are resumed although every request has its own.

use std::io::{self, ErrorKind, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use kicc_proto::wire::NotSent;
use kicc_proto::wire::settings::{BaseUrl, HttpSettings, ProxyUrl, SettingsError, is_loopback};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::connect::{Connect, Opening};
use super::line::drive;

/// As many as `kicc-ureq` tries.
const ADDRESSES_MAX: usize = 16;

/// Plain TCP or TLS, directly or through an HTTP proxy: what [`Http::new`](super::Http::new) makes of its settings.
pub struct Rustls {
    tls: TlsConnector,
    proxy: Option<ProxyUrl>,
    /// For each address.
    timeout: Duration,
}

/// A connection of [`Rustls`].
pub type RustlsStream = TokioIo<Box<dyn Io>>;

/// TCP, with TLS and a tunnel around it as often as needed.
#[doc(hidden)]
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Rustls {
    pub(super) fn new(settings: &HttpSettings) -> Result<Rustls, SettingsError> {
        Ok(Rustls {
            tls: client_config(settings.ca_pem.as_deref())?.into(),
            proxy: proxy(settings)?,
            timeout: settings.connect_timeout()?,
        })
    }

    pub(super) fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    async fn secure(&self, host: &str, stream: Box<dyn Io>) -> io::Result<Box<dyn Io>> {
        let host = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(ErrorKind::InvalidInput, "the host is no name for TLS"))?;
        Ok(Box::new(self.tls.connect(host, stream).await?))
    }
}

impl Connect for Rustls {
    type Stream = RustlsStream;

    async fn connect(&self, gateway: &BaseUrl, opening: Opening<'_>) -> io::Result<RustlsStream> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (gateway.host(), gateway.port()),
        };
        opening.at(NotSent::Resolve);
        let addresses = resolve(host, port).await?;
        opening.at(NotSent::Connect);
        let socket =
            reach(&addresses, gateway.loopback_only(), self.timeout, opening.reset_on_close()).await?;
        let mut stream: Box<dyn Io> = Box::new(Socket(socket));
        if let Some(proxy) = &self.proxy {
            if proxy.is_https() {
                opening.at(NotSent::Tls);
                stream = self.secure(proxy.host(), stream).await?;
            }
            opening.at(NotSent::Proxy);
            stream = tunnel(stream, gateway, proxy).await?;
        }
        if gateway.is_https() {
            opening.at(NotSent::Tls);
            stream = self.secure(gateway.host(), stream).await?;
        }
        Ok(TokioIo::new(stream))
    }
}

impl std::fmt::Debug for Rustls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rustls").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => lookup_host((host, port)).await?.take(ADDRESSES_MAX).collect(),
    })
}

/// The first address that connects.
async fn reach(
    addresses: &[SocketAddr],
    loopback_only: bool,
    timeout: Duration,
    reset_on_close: bool,
) -> io::Result<TcpStream> {
    let mut error = ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        // Plain HTTP does not leave the machine, whatever a name resolves to.
        if loopback_only && !is_loopback(address.ip()) {
            continue;
        }
        let opened = tokio::time::timeout(timeout, open(*address, reset_on_close)).await;
        match opened.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            Ok(stream) => return Ok(stream),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// A socket that asks the kernel where tokio says that there is nothing to read: whether the peer has closed a
/// connection must be known before the first byte, and the runtime may not have heard of it yet.
struct Socket(TcpStream);

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let ready @ Poll::Ready(_) = Pin::new(&mut self.0).poll_read(cx, into) {
            return ready;
        }
        // There is hardly ever more than nothing.
        let mut some = [0; 256];
        let room = into.remaining().min(some.len());
        match (&*SockRef::from(&self.0)).read(&mut some[..room]) {
            Ok(read) => {
                into.put_slice(&some[..read]);
                Poll::Ready(Ok(()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

async fn open(address: SocketAddr, reset_on_close: bool) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if reset_on_close {
        // Set before connecting, so that no instant is left without it (R13a).
        socket.set_zero_linger()?;
    }
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// A tunnel through the proxy. What is written for it is CONNECT, not the request.
async fn tunnel(stream: Box<dyn Io>, gateway: &BaseUrl, proxy: &ProxyUrl) -> io::Result<Box<dyn Io>> {
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let brackets = if gateway.host().contains(':') { ["[", "]"] } else { ["", ""] };
    let target = format!("{}{}{}:{}", brackets[0], gateway.host(), brackets[1], gateway.port());
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::new()).map_err(io::Error::other)?;
    let opened = pin!(async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if !response.status().is_success() {
            return Err(io::Error::other("the proxy refused the tunnel"));
        }
        hyper::upgrade::on(response).await.map_err(io::Error::other)
    });
    let upgraded = drive(opened, &mut Some(connection.with_upgrades())).await?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

fn proxy(settings: &HttpSettings) -> Result<Option<ProxyUrl>, SettingsError> {
    if settings.proxy.is_some() || !settings.proxy_from_environment {
        return settings.proxy();
    }
    let base = settings.base_url.parse().map_err(|_| SettingsError::BaseUrl("is not a URL"))?;
    let Some(found) = Matcher::from_env().intercept(&base) else { return Ok(None) };
    let proxy = ProxyUrl::new(&found.uri().to_string())?;
    let authorization = found.basic_auth().and_then(|value| value.to_str().ok());
    Ok(Some(match authorization {
        Some(authorization) => proxy.authorized(authorization),
        None => proxy,
    }))
}

/// The given authorities alone, or the public ones.
pub(crate) fn client_config(ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, SettingsError> {
    let mut roots = RootCertStore { roots: Vec::new() };
    match ca_pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| SettingsError::Ca("is not readable as PEM"))?;
                roots
                    .add(certificate)
                    .map_err(|_| SettingsError::Ca("has a certificate that cannot be used"))?;
            }
            if roots.is_empty() {
                return Err(SettingsError::Ca("holds no certificate"));
            }
        }
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let versions = versions.with_safe_default_protocol_versions().map_err(|_| SettingsError::Tls)?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn reached(addresses: &[SocketAddr], loopback_only: bool) -> Option<SocketAddr> {
        let timeout = Duration::from_millis(200);
        reach(addresses, loopback_only, timeout, true).await.ok().map(|stream| stream.peer_addr().unwrap())
    }

    #[tokio::test]
    async fn r4_other_addresses_are_tried_until_one_connects() {
        let (closed, refusing) = listening();
        drop(closed);
        let (_open, address) = listening();
        assert_eq!(reached(&[refusing, address], false).await, Some(address));
        assert_eq!(reached(&[refusing, refusing], false).await, None);
        assert_eq!(reached(&[], false).await, None);
    }

    #[tokio::test]
    async fn plain_http_does_not_leave_the_machine_whatever_the_name_resolves_to() {
        let (_open, address) = listening();
        assert_eq!(reached(&["192.0.2.1:80".parse().unwrap(), address], true).await, Some(address));
        let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", address.port()).parse().unwrap();
        assert!(reached(&[mapped], true).await.is_some());
        // Connecting to the unspecified address reaches this machine on Linux, and is still no loopback address.
        let unspecified = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        assert_eq!(reached(&[unspecified], true).await, None);
    }

    /// A full backlog: Linux drops what comes then, and the peer waits.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_does_not_answer_is_given_its_own_time_and_no_more() {
        let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        full.listen(0).unwrap();
        let silent = full.local_addr().unwrap().as_socket().unwrap();
        let _filling = std::net::TcpStream::connect(silent).unwrap();
        let (_open, address) = listening();
        let began = Instant::now();
        assert_eq!(reached(&[silent, address], false).await, Some(address));
        assert!(began.elapsed() >= Duration::from_millis(190) && began.elapsed() < SECOND);
    }

    #[tokio::test]
    async fn r13a_what_moves_money_is_reset_on_close_from_before_it_is_connected() {
        let (_open, address) = listening();
        for resets in [true, false] {
            let stream = reach(&[address], true, SECOND, resets).await.unwrap();
            assert_eq!(SockRef::from(&stream).linger().unwrap(), resets.then_some(Duration::ZERO));
        }
    }

    #[test]
    fn a_ca_file_without_a_usable_certificate_is_refused() {
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let error = client_config(Some(pem.as_bytes())).unwrap_err();
            assert!(matches!(error, SettingsError::Ca(_)), "{pem}");
        }
    }
}
