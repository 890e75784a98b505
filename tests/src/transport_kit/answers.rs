//! Whole answers, damaged ones, late ones and none.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;

use kicc_proto::wire::{Method, REPLY_MAX};

use super::server::{OK, body};
use super::*;

fn answered(adapter: &dyn Adapter, answer: impl Into<Vec<u8>>) -> Option<(Exchange, Server)> {
    let server = Server::answering(answer);
    Some((ask(&*to(adapter, &server)?), server))
}

pub fn a_whole_answer_is_delivered_with_status_and_content_type(adapter: &dyn Adapter) -> Option<String> {
    let (exchange, server) = answered(adapter, OK)?;
    assert_good(&exchange);
    let content_type = exchange.result.as_ref().ok()?.content_type.as_deref();
    assert_eq!(content_type, Some("application/json"));
    Some(seen(&exchange, &server))
}

pub fn the_request_carries_what_was_given_and_little_else(adapter: &dyn Adapter) -> Option<String> {
    let (seen, request) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        let _ = seen.send(peer.request());
        peer.write(OK);
    });
    assert_good(&ask(&*adapter.open(&HttpSettings::new(format!("{}/prefix/", server.url())))?));
    let request = String::from_utf8(request.recv().expect("a request")).expect("text");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body.as_bytes(), BODY);
    let (first, headers) = head.split_once("\r\n").expect("headers");
    assert_eq!(first, format!("POST /prefix{PATH} HTTP/1.1"));
    let mut headers: Vec<_> =
        headers.split("\r\n").filter(|line| !line.starts_with("user-agent: ")).collect();
    headers.sort_unstable();
    let expected = [
        "connection: close",
        &format!("content-length: {}", BODY.len()),
        "content-type: application/json",
        &format!("host: {}", server.address),
        "x-kicc-nonce: n",
    ];
    assert_eq!(headers, expected);
    Some("host, content-length, connection".into())
}

/// Two writes would cost a packet more, and a gateway that is slow to read the second would stretch every payment. One
/// request may have both on its way before the peer looks; not each of many.
pub fn head_and_body_of_a_request_leave_in_one_write(adapter: &dyn Adapter) -> Option<String> {
    const TIMES: usize = 20;
    let (first, firsts) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        let mut chunk = [0; 4096];
        let read = peer.stream.read(&mut chunk).unwrap_or_default();
        peer.count(&chunk[..read]);
        let _ = first.send(chunk[..read].to_vec());
        peer.write(OK);
    });
    let transport = to(adapter, &server)?;
    for _ in 0..TIMES {
        assert_good(&ask(&*transport));
        assert_eq!(body(&firsts.recv().expect("a first read")), BODY);
    }
    assert_eq!(server.requests(), TIMES);
    Some("1 read each".into())
}

/// Also where the answer is a redirect, which a client follows more readily by GET.
pub fn r4_any_method_is_sent_once_and_only_post_and_put_with_a_body(adapter: &dyn Adapter) -> Option<String> {
    for (method, sends_body) in
        [(Method::Post, true), (Method::Put, true), (Method::Get, false), (Method::Delete, false)]
    {
        let (seen, request) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            let _ = seen.send(peer.request());
            peer.write(b"HTTP/1.1 302 Moved\r\nlocation: /other\r\ncontent-length: 4\r\n\r\ngone");
        });
        let trial = Request::trial("/payments?a=1", &[("x-kicc-nonce", "n")], BODY).expect("one header");
        let exchange = to(adapter, &server)?.exchange(&trial.by(method), limits(2000, 2000), permitted());
        assert!(exchange.written_at.is_some());
        assert_eq!(exchange.result.expect("an answer").status, 302);
        let request = String::from_utf8(request.recv().expect("a request")).expect("text");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with(&format!("{} /payments?a=1 HTTP/1.1\r\n", method.as_str())), "{head}");
        assert!(head.contains("x-kicc-nonce: n"));
        assert_eq!(body.as_bytes(), if sends_body { BODY } else { b"" });
        let framed = ["content-length", "transfer-encoding"].iter().any(|name| head.contains(name));
        assert_eq!(framed, sends_body, "{head}");
        thread::sleep(Duration::from_millis(20));
        assert_eq!((server.accepted(), server.requests()), (1, 1));
    }
    Some("1 request each".into())
}

pub fn any_status_is_an_answer_with_its_body(adapter: &dyn Adapter) -> Option<String> {
    for status in [201, 400, 401, 404, 413, 500, 502, 503] {
        let answer = format!("HTTP/1.1 {status} Text\r\ncontent-length: 4\r\n\r\noops");
        let reply = answered(adapter, answer)?.0.result.expect("an answer");
        assert_eq!((reply.status, reply.body.as_slice()), (status, b"oops".as_slice()));
    }
    Some("answer".into())
}

pub fn r4_a_redirect_is_an_answer_and_is_not_followed(adapter: &dyn Adapter) -> Option<String> {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: /other\r\ncontent-length: 4\r\n\r\ngone");
        let (exchange, server) = answered(adapter, answer)?;
        let reply = exchange.result.expect("an answer");
        assert_eq!((reply.status, reply.body.as_slice()), (status, b"gone".as_slice()));
        thread::sleep(Duration::from_millis(20));
        assert_eq!((server.accepted(), server.requests()), (1, 1));
    }
    Some("answer; 1 request each".into())
}

pub fn an_answer_without_length_ends_where_the_peer_closes(adapter: &dyn Adapter) -> Option<String> {
    let (exchange, server) = answered(adapter, "HTTP/1.1 200 OK\r\n\r\ngood")?;
    assert_good(&exchange);
    Some(seen(&exchange, &server))
}

/// Sends back the last eighth of the body.
pub(super) fn echo(request: &[u8]) -> Vec<u8> {
    let body = body(request);
    let part = &body[body.len() - body.len() / 8..];
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", part.len()).as_bytes(), part].concat()
}

pub(super) fn assert_echoed(transport: &dyn Transport) -> Exchange {
    let body: Vec<u8> = (0..500_000u32).map(|number| number.to_le_bytes()[0]).collect();
    let exchange = send(transport, &body, limits(2000, 2000), permitted());
    assert_eq!(exchange.result.as_ref().expect("an answer").body, body[body.len() - body.len() / 8..]);
    exchange
}

pub fn a_long_request_and_a_long_answer_pass(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|mut peer| {
        let request = peer.request();
        peer.write(&echo(&request));
    });
    let exchange = assert_echoed(&*to(adapter, &server)?);
    Some(seen(&exchange, &server))
}

pub fn refused_is_never_sent(adapter: &dyn Adapter) -> Option<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let exchange = ask(&*adapter.open(&HttpSettings::new(url))?);
    assert_not_sent(&exchange, NotSent::Connect);
    Some(ended(&exchange))
}

pub fn an_unknown_name_is_never_sent(adapter: &dyn Adapter) -> Option<String> {
    let exchange = ask(&*adapter.open(&HttpSettings::new("https://no-such-host.invalid"))?);
    assert_not_sent(&exchange, NotSent::Resolve);
    Some(ended(&exchange))
}

/// A full backlog: Linux drops what comes then, and the peer waits.
pub fn r4_a_connection_that_does_not_come_about_is_never_sent(adapter: &dyn Adapter) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("loopback");
    full.listen(0).expect("a listener");
    let silent = full.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let _filling = TcpStream::connect(silent).expect("a place");
    let mut settings = HttpSettings::new(format!("http://{silent}"));
    let began = Instant::now();
    assert_not_sent(&post(&*adapter.open(&settings)?, limits(300, 2000), permitted()), NotSent::Connect);
    took(began, 290, 900);
    settings.connect_timeout = Duration::from_millis(200);
    let began = Instant::now();
    let exchange = ask(&*adapter.open(&settings)?);
    assert_not_sent(&exchange, NotSent::Connect);
    took(began, 190, 900);
    Some(ended(&exchange))
}

pub fn r4_a_connection_that_breaks_just_before_the_first_byte_is_never_more_than_maybe_sent(
    adapter: &dyn Adapter,
) -> Option<String> {
    let mut found = String::new();
    for resets in [true, false] {
        let (connected, proceed) = mpsc::channel();
        let proceed = Mutex::new(proceed);
        let server = Server::start(move |peer| {
            let _ = proceed.lock().expect("one at a time").recv();
            if resets {
                peer.reset();
            }
        });
        let breaking: MaySend = Arc::new(move || {
            let _ = connected.send(());
            thread::sleep(Duration::from_millis(50));
            true
        });
        let exchange = post(&*to(adapter, &server)?, limits(2000, 2000), breaking);
        // Never sent only where the transport noticed in time.
        let allowed = [Failure::MaybeSent(MaybeSent::Reset), Failure::NotSent(NotSent::Connect)];
        assert!(exchange.result.as_ref().is_err_and(|failure| allowed.contains(failure)), "{exchange:?}");
        assert_eq!(server.requests(), 0);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn no_answer_before_the_peer_closes_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let (exchange, server) = answered(adapter, [])?;
    assert_maybe_sent(&exchange, MaybeSent::Reset);
    assert!(exchange.written_at.is_some());
    Some(seen(&exchange, &server))
}

pub fn no_answer_before_the_peer_resets_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.reset();
    });
    let exchange = ask(&*to(adapter, &server)?);
    assert_maybe_sent(&exchange, MaybeSent::Reset);
    Some(seen(&exchange, &server))
}

pub fn r7_an_answer_cut_at_any_byte_is_never_whole(adapter: &dyn Adapter) -> Option<String> {
    let mut found = String::new();
    for length in 0..OK.len() {
        let wanted = if length == 0 { MaybeSent::Reset } else { MaybeSent::Truncated };
        let (exchange, server) = answered(adapter, &OK[..length])?;
        assert_maybe_sent(&exchange, wanted);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r7_an_answer_reset_at_a_byte_is_never_whole(adapter: &dyn Adapter) -> Option<String> {
    let mut found = String::new();
    for length in [1, 17, OK.len() - 4, OK.len() - 1] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.write(&OK[..length]);
            thread::sleep(Duration::from_millis(20));
            peer.reset();
        });
        let exchange = ask(&*to(adapter, &server)?);
        assert_maybe_sent(&exchange, MaybeSent::Truncated);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r7_a_chunked_answer_cut_at_any_byte_is_whole_only_with_all_its_content(
    adapter: &dyn Adapter,
) -> Option<String> {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n";
    let content_ends = answer.len() - b"0\r\n\r\n".len();
    let mut missing = 0;
    for length in (1..=answer.len()).rev() {
        let exchange = answered(adapter, &answer[..length])?.0;
        match &exchange.result {
            Ok(_) => {
                assert!(length > content_ends, "whole after {length} bytes");
                assert_good(&exchange);
                missing = answer.len() - length;
            }
            Err(error) => {
                assert!(length < answer.len(), "{error:?}");
                assert_eq!(*error, Failure::MaybeSent(MaybeSent::Truncated));
            }
        }
    }
    Some(match missing {
        0 => "answer, or maybe sent: truncated".into(),
        _ => format!("the same; {missing} bytes of the end may be missing"),
    })
}

pub fn r7_what_is_not_http_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let mut found = String::new();
    for answer in [
        "\0\u{1}\u{2}garbage\r\n\r\n".to_owned(),
        "<html>502</html>\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ngood\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000)),
    ] {
        let (exchange, server) = answered(adapter, answer)?;
        assert_maybe_sent(&exchange, MaybeSent::Protocol);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r7_an_answer_that_ends_in_two_ways_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let chunks = "4\r\ngood\r\n0\r\n\r\n";
    let mut found = String::new();
    for (head, body) in [
        // Each of them reads as a good answer in one of its ways.
        ("1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5", "good!"),
        ("1.1 200 OK\r\ncontent-length: 4, 5", "good!"),
        ("1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 4", chunks),
        ("1.1 200 OK\r\ncontent-length: 19\r\ntransfer-encoding: chunked", chunks),
        ("1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 4", "good"),
        ("1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked", chunks),
        ("1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity", "good"),
        ("1.1 200 OK\r\ntransfer-encoding: identity, chunked", chunks),
        ("1.1 200 OK\r\ntransfer-encoding: chunked, identity", "good"),
        ("1.1 200 OK\r\ntransfer-encoding: identity", "good"),
        ("1.0 200 OK\r\ntransfer-encoding: chunked", "good"),
        ("1.0 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 4", "good"),
    ] {
        let (exchange, server) = answered(adapter, format!("HTTP/{head}\r\n\r\n{body}"))?;
        let ended = exchange.result.as_ref().err();
        assert_eq!(ended, Some(&Failure::MaybeSent(MaybeSent::Protocol)), "{head}: {exchange:?}");
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn r7_a_body_over_the_limit_is_cut_off_and_one_at_the_limit_is_not(
    adapter: &dyn Adapter,
) -> Option<String> {
    let answer =
        |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
    let at_the_limit = answered(adapter, answer(REPLY_MAX))?.0;
    assert_eq!(at_the_limit.result.expect("an answer").body.len(), REPLY_MAX);
    assert_maybe_sent(&answered(adapter, answer(REPLY_MAX + 1))?.0, MaybeSent::BodyTooLarge);
    let endless = Server::start(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while peer.write(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()) {}
    });
    let exchange = ask(&*to(adapter, &endless)?);
    assert_maybe_sent(&exchange, MaybeSent::BodyTooLarge);
    Some(seen(&exchange, &endless))
}

/// Answers the first request; after reading a later one, waits for whether the client resets.
fn stalling() -> (Server, mpsc::Receiver<bool>) {
    let (end, ended) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        if peer.number == 0 {
            peer.write(OK);
        } else {
            let _ = end.send(peer.is_reset());
        }
    });
    (server, ended)
}

pub fn r13a_giving_up_resets_a_money_connection_and_closes_another(adapter: &dyn Adapter) -> Option<String> {
    let mut found = String::new();
    for money in [false, true] {
        let (server, was_reset) = stalling();
        let transport = to(adapter, &server)?;
        assert_good(&post(&*transport, Limits { money: !money, ..limits(2000, 2000) }, permitted()));
        let began = Instant::now();
        let exchange = post(&*transport, Limits { money, ..limits(2000, 200) }, permitted());
        took(began, 200, 700);
        assert_maybe_sent(&exchange, MaybeSent::Timeout);
        assert!(exchange.written_at.is_some());
        assert_eq!(was_reset.recv_timeout(Duration::from_secs(2)), Ok(money));
        found = ended(&exchange);
    }
    Some(found)
}

pub fn a_dripping_answer_inside_the_time_is_delivered(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.drip(OK, Duration::from_millis(2));
    });
    let exchange = ask(&*to(adapter, &server)?);
    assert_good(&exchange);
    Some(seen(&exchange, &server))
}

pub fn a_dripping_answer_cannot_stretch_the_deadline(adapter: &dyn Adapter) -> Option<String> {
    let head_first = |mut peer: server::Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n");
        peer.drip(&[b'x'; 40], Duration::from_millis(30));
    };
    let from_the_start = |mut peer: server::Peer| {
        peer.request();
        peer.drip(OK, Duration::from_millis(30));
    };
    let mut found = String::new();
    for server in [Server::start(head_first), Server::start(from_the_start)] {
        let transport = to(adapter, &server)?;
        let began = Instant::now();
        let exchange = post(&*transport, limits(2000, 300), permitted());
        took(began, 300, 800);
        assert_maybe_sent(&exchange, MaybeSent::Timeout);
        found = seen(&exchange, &server);
    }
    Some(found)
}

pub fn the_time_to_answer_counts_from_the_last_byte_written(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|mut peer| {
        peer.request();
        thread::sleep(Duration::from_millis(200));
        peer.write(OK);
    });
    let slow: MaySend = Arc::new(|| {
        thread::sleep(Duration::from_millis(300));
        true
    });
    let transport = to(adapter, &server)?;
    let began = Instant::now();
    let exchange = post(&*transport, limits(1000, 400), slow);
    took(began, 500, 1200);
    assert_good(&exchange);
    Some(seen(&exchange, &server))
}

pub fn writing_to_a_peer_that_does_not_read_is_bounded_too(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|peer| {
        thread::sleep(Duration::from_secs(3));
        drop(peer);
    });
    let transport = to(adapter, &server)?;
    let body = vec![b'x'; 16 << 20];
    let began = Instant::now();
    let exchange = send(&*transport, &body, limits(2000, 300), permitted());
    took(began, 300, 800);
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert_eq!(exchange.written_at, None);
    Some(seen(&exchange, &server))
}
