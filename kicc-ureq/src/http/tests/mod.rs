//! The transport against servers on raw sockets that misbehave on purpose.

mod answers;
mod message;
mod permission;
mod proxy;
mod reuse;
mod settings;
mod tls;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kicc_proto::wire::{Failure, MaybeSent, NotSent};

use super::{Exchange, Http, HttpSettings, Limits, MaySend};

const BODY: &[u8] = br#"{"mercTrxNo":"ORD1"}"#;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\ngood";

/// Each connection is given to a thread of its own, with its number from 0.
struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (accepted.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, number) = (serve.clone(), count.fetch_add(1, Ordering::SeqCst));
                thread::spawn(move || serve(stream.unwrap(), number));
            }
        });
        Server { address, accepted }
    }

    /// Reads one request and answers with these bytes, then closes.
    fn answering(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::start(move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(&answer);
        })
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn http(&self) -> Http {
        Http::new(HttpSettings::new(self.url())).unwrap()
    }
}

/// A proxy: speaks CONNECT, then passes bytes both ways.
fn tunnelling() -> Server {
    Server::start(|mut client, _| {
        let request = String::from_utf8(read_request(&mut client)).unwrap();
        let target = request.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
        let mut server = TcpStream::connect(target).unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    })
}

/// Up to the end of the body by `content-length`, or what came before the end or an error.
fn read_request(stream: &mut impl Read) -> Vec<u8> {
    let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
    while !is_whole(&seen) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => seen.extend_from_slice(&chunk[..read]),
        }
    }
    seen
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    request.len() >= head + 4 + length.map_or(0, |length| length.parse().unwrap())
}

fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

fn limits(send_by: u64, answer_within: u64) -> Limits {
    Limits {
        send_by: Instant::now() + Duration::from_millis(send_by),
        answer_within: Duration::from_millis(answer_within),
        money: true,
    }
}

fn permitted() -> MaySend {
    Arc::new(|| true)
}

fn post(http: &Http, limits: Limits, may_send: MaySend) -> Exchange {
    let headers = [("content-type", "application/json"), ("x-kicc-nonce", "n")];
    http.post("/smpy/kiccpay/reqAprv", headers.into_iter(), BODY, limits, may_send)
}

/// With two seconds for everything.
fn ask(http: &Http) -> Exchange {
    post(http, limits(2000, 2000), permitted())
}

#[track_caller]
fn assert_not_sent(exchange: &Exchange, why: NotSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::NotSent(why)));
    assert_eq!(exchange.written_at, None);
}

#[track_caller]
fn assert_maybe_sent(exchange: &Exchange, why: MaybeSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::MaybeSent(why)));
}

#[track_caller]
fn assert_good(exchange: &Exchange) {
    let reply = exchange.result.as_ref().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"good".as_slice()));
    assert!(exchange.written_at.is_some());
}

fn took(began: Instant, at_least: u64, below: u64) {
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(at_least) && took < Duration::from_millis(below), "took {took:?}");
}
