//! Servers and proxies on raw sockets, which do what a case tells them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// An answer that is whole and good.
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\ngood";

/// Listens on loopback until the process ends, and counts.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

/// The server's side of one connection.
#[derive(Debug)]
pub struct Peer {
    /// The socket.
    pub stream: TcpStream,
    /// Which connection it is, from 0.
    pub number: usize,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Each connection is given to a thread of its own.
    ///
    /// # Panics
    /// Where nobody can listen on loopback.
    #[must_use]
    pub fn start(serve: impl Fn(Peer) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        let address = listener.local_addr().expect("an address");
        let server = Server { address, accepted: Arc::default(), requests: Arc::default() };
        let (accepted, requests) = (server.accepted.clone(), server.requests.clone());
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = accepted.fetch_add(1, Ordering::SeqCst);
                let (serve, peer) = (serve.clone(), Peer { stream, number, requests: requests.clone() });
                thread::spawn(move || serve(peer));
            }
        });
        server
    }

    /// Reads one request, answers with these bytes, and closes.
    #[must_use]
    pub fn answering(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::start(move |mut peer| {
            peer.request();
            peer.write(&answer);
        })
    }

    /// A proxy: is asked for a tunnel by CONNECT, then passes bytes both ways.
    #[must_use]
    pub fn tunnelling() -> Server {
        Server::start(|mut peer| {
            let request = read_request(&mut peer.stream);
            let request = String::from_utf8_lossy(&request);
            let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
            let Some(Ok(mut server)) = target.map(TcpStream::connect) else { return };
            peer.write(b"HTTP/1.1 200 OK\r\n\r\n");
            let mut client = peer.stream;
            let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Both);
        })
    }

    /// How many connections came.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The same, shared.
    #[must_use]
    pub fn counter(&self) -> Arc<AtomicUsize> {
        self.accepted.clone()
    }

    /// How many whole requests came, by [`Peer::request`] and [`Peer::count`].
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Its base URL without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Peer {
    /// One request, whole, or what came before the end.
    pub fn request(&mut self) -> Vec<u8> {
        let request = read_request(&mut self.stream);
        self.count(&request);
        request
    }

    /// Counts a request that came another way, if it is whole.
    pub fn count(&self, request: &[u8]) {
        if is_whole(request) {
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Writes, if the client still listens.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Writes a byte at a time, with a gap after each.
    pub fn drip(&mut self, bytes: &[u8], gap: Duration) {
        let _ = self.stream.set_nodelay(true);
        for byte in bytes {
            if !self.write(&[*byte]) {
                return;
            }
            thread::sleep(gap);
        }
    }

    /// Waits for what the client does: whether it resets, where it could close.
    pub fn is_reset(&mut self) -> bool {
        self.stream.read(&mut [0]).is_err()
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        // A socket that refuses is already broken.
        let _ = socket2::Socket::from(self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// Up to the end of the body by `content-length`, or what came before the end or an error.
pub fn read_request(stream: &mut impl Read) -> Vec<u8> {
    let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
    while !is_whole(&seen) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => seen.extend_from_slice(&chunk[..read]),
        }
    }
    seen
}

/// What comes after the head.
#[must_use]
pub fn body(request: &[u8]) -> &[u8] {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    head.map_or(&[], |head| &request[head + 4..])
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    length
        .map_or(Some(0), |length| length.parse().ok())
        .is_some_and(|length| request.len() >= head + 4 + length)
}
