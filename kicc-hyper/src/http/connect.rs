//! What a connection is made by: the ready-made way, or your own.

use std::io;

use hyper::rt::{Read, Write};
use kicc_proto::wire::NotSent;
use kicc_proto::wire::settings::BaseUrl;

use super::call::Call;

/// Makes connections to the gateway: bring your own TLS, proxy, Unix socket or in-memory stream.
/// [`Rustls`](super::Rustls) is the ready-made one.
///
/// *Never sent* and *at most once* rest on what a connector promises:
///
/// * The stream is new, and ready for the first byte of HTTP: handshakes with TLS and proxies are over, and nothing
///   that belongs to the request has gone out on it.
/// * What is written goes to that one peer, once: nothing below resends it, and nothing goes on writing after the
///   stream was dropped (no task of its own that does). Dropping the future of [`Connect::connect`] ends the attempt
///   to connect.
/// * `poll_flush` is ready only when the kernel, or the peer itself, has taken all that was written.
/// * Where [`Opening::reset_on_close`] says so, dropping the stream or losing the process discards what the peer has
///   not got, from before the stream is handed over: `SO_LINGER` of zero on a TCP socket (R13a). Without it a payment
///   that was given up may still arrive.
/// * Where [`BaseUrl::loopback_only`] says so, no byte leaves the machine.
///
/// ```
/// use std::io;
/// use hyper_util::rt::TokioIo;
/// use kicc_hyper::http::{BaseUrl, Connect, Http, HttpSettings, Opening};
///
/// /// A gateway in the same process.
/// struct InMemory(tokio::sync::mpsc::Sender<tokio::io::DuplexStream>);
///
/// impl Connect for InMemory {
///     type Stream = TokioIo<tokio::io::DuplexStream>;
///
///     async fn connect(&self, _: &BaseUrl, _: Opening<'_>) -> io::Result<Self::Stream> {
///         let (here, there) = tokio::io::duplex(4096);
///         self.0.send(there).await.map_err(io::Error::other)?;
///         Ok(TokioIo::new(here))
///     }
/// }
///
/// let (gateway, _streams) = tokio::sync::mpsc::channel(1);
/// let http = Http::with_connector(HttpSettings::new("http://localhost"), InMemory(gateway))?;
/// # Ok::<(), kicc_hyper::http::SettingsError>(())
/// ```
pub trait Connect: Send + Sync + 'static {
    /// What HTTP is spoken on.
    type Stream: Read + Write + Unpin + Send + 'static;

    /// One connection. It may try several addresses and wait as long as it likes: the exchange ends it at `send_by`.
    ///
    /// # Errors
    /// Whatever failed: not one byte was sent. The exchange names the step of [`Opening::at`].
    fn connect(
        &self,
        gateway: &BaseUrl,
        opening: Opening<'_>,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// What a connection is opened for.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'c> {
    pub(super) call: &'c Call,
    pub(super) reset_on_close: bool,
}

impl Opening<'_> {
    /// The step that is taken now: what is reported should it fail or the time run out. At first
    /// [`NotSent::Connect`].
    pub fn at(&self, step: NotSent) {
        self.call.at(step);
    }

    /// Whether the connection may carry a request that moves money.
    #[must_use]
    pub fn reset_on_close(&self) -> bool {
        self.reset_on_close
    }
}
