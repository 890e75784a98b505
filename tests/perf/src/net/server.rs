//! A gateway that approves whatever it is asked, in a process of its own, for both sides of a comparison.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// The argument that makes this program the server; then how many milliseconds it waits, and perhaps `tls`.
pub const SERVE: &str = "serve";

/// The server's process, ended with this.
pub struct Server {
    process: Child,
    /// Of `localhost`.
    pub port: u16,
    /// Its certificate, in PEM, where it speaks TLS.
    pub certificate: Option<String>,
}

impl Server {
    /// Begins a server that answers after `delay`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(delay: Duration, tls: bool) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, &delay.as_millis().to_string(), if tls { "tls" } else { "plain" }])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).lines();
        let mut line = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        let port = line()?.parse().map_err(io::Error::other)?;
        let certificate = if tls { Some(line()?.replace('|', "\n")) } else { None };
        Ok(Server { process, port, certificate })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until whoever started it is gone.
///
/// # Errors
/// When it cannot listen.
pub fn serve(delay: Duration, tls: bool) -> io::Result<()> {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpSocket::new_v4()?;
        listener.bind(([127, 0, 0, 1], 0).into())?;
        let listener: TcpListener = listener.listen(4096)?;
        println!("{}", listener.local_addr()?.port());
        let tls = if tls { Some(acceptor()?) } else { None };
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => answer(stream, delay).await,
                    Some(tls) => answer(tls.accept(stream).await?, delay).await,
                }
            });
        }
    })
}

fn acceptor() -> io::Result<TlsAcceptor> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).and_then(|params| params.self_signed(&key));
    let certificate = certificate.map_err(io::Error::other)?;
    println!("{}", certificate.pem().replace('\n', "|"));
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
        });
    Ok(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)))
}

/// One request after another, until the peer closes.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, delay: Duration) -> io::Result<()> {
    let mut request = Vec::with_capacity(2048);
    loop {
        request.clear();
        let number = loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
            if let Some(number) = number(&request) {
                break number;
            }
        };
        let body = super::answer_to(number);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// The number in a whole request.
fn number(request: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(request).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1;
    if body.len() < length.parse().ok()? {
        return None;
    }
    body.split_once(r#""mercTrxNo":""#)?.1.split_once('"').map(|(number, _)| number)
}
