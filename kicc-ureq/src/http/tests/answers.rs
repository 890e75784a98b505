//! Whole answers, damaged ones, late ones and none.

use super::*;

fn answered(answer: impl Into<Vec<u8>>) -> Exchange {
    ask(&Server::answering(answer).http())
}

#[test]
fn a_whole_answer_is_delivered_with_status_and_content_type() {
    let exchange = answered(OK);
    assert_good(&exchange);
    assert_eq!(exchange.result.unwrap().content_type.as_deref(), Some("application/json"));
}

#[test]
fn the_request_carries_what_was_given_and_little_else() {
    let (seen, request) = mpsc::channel();
    let server = Server::start(move |mut stream, _| {
        seen.send(read_request(&mut stream)).unwrap();
        let _ = stream.write_all(OK);
    });
    let settings = HttpSettings::new(format!("{}/prefix/", server.url()));
    assert_good(&ask(&Http::new(settings).unwrap()));
    let request = String::from_utf8(request.recv().unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), BODY);
    let (first, headers) = head.split_once("\r\n").unwrap();
    assert_eq!(first, "POST /prefix/smpy/kiccpay/reqAprv HTTP/1.1");
    let mut headers: Vec<_> = headers.split("\r\n").map(str::to_owned).collect();
    headers.sort();
    let mut expected = vec![
        "connection: close".to_owned(),
        format!("content-length: {}", BODY.len()),
        "content-type: application/json".to_owned(),
        format!("host: {}", server.address),
        concat!("user-agent: kicc/", env!("CARGO_PKG_VERSION")).to_owned(),
        "x-kicc-nonce: n".to_owned(),
    ];
    expected.sort();
    assert_eq!(headers, expected);
}

#[test]
fn any_status_is_an_answer_with_its_body() {
    for status in [400, 401, 404, 413, 500, 502, 503] {
        let exchange = answered(format!("HTTP/1.1 {status} No\r\ncontent-length: 4\r\n\r\noops"));
        let reply = exchange.result.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (status, b"oops".as_slice()));
    }
}

#[test]
fn r4_a_redirect_is_an_answer_and_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: /other\r\ncontent-length: 4\r\n\r\ngone");
        let server = Server::answering(answer);
        let reply = ask(&server.http()).result.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (status, b"gone".as_slice()));
        thread::sleep(Duration::from_millis(20));
        assert_eq!(server.accepted(), 1);
    }
}

#[test]
fn refused_is_never_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_not_sent(&ask(&Http::new(HttpSettings::new(url)).unwrap()), NotSent::Connect);
}

#[test]
fn an_unknown_name_is_never_sent() {
    let http = Http::new(HttpSettings::new("https://no-such-host.invalid")).unwrap();
    assert_not_sent(&ask(&http), NotSent::Resolve);
}

#[test]
fn r4_a_connection_that_breaks_just_before_the_first_byte_is_maybe_sent() {
    for resets in [true, false] {
        let (connected, proceed) = mpsc::channel();
        let proceed = std::sync::Mutex::new(proceed);
        let server = Server::start(move |stream, _| {
            proceed.lock().unwrap().recv().unwrap();
            if resets {
                reset(stream);
            }
        });
        let breaking: MaySend = Arc::new(move || {
            connected.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
            true
        });
        assert_maybe_sent(&post(&server.http(), limits(2000, 2000), breaking), MaybeSent::Reset);
    }
}

#[test]
fn no_answer_before_the_peer_closes_is_a_broken_connection() {
    let exchange = answered([]);
    assert_maybe_sent(&exchange, MaybeSent::Reset);
    assert!(exchange.written_at.is_some());
    let resetting = Server::start(|mut stream, _| {
        read_request(&mut stream);
        reset(stream);
    });
    assert_maybe_sent(&ask(&resetting.http()), MaybeSent::Reset);
}

#[test]
fn r7_an_answer_cut_at_any_byte_is_never_whole() {
    for length in 0..OK.len() {
        let wanted = if length == 0 { MaybeSent::Reset } else { MaybeSent::Truncated };
        assert_maybe_sent(&answered(&OK[..length]), wanted);
    }
}

#[test]
fn r7_an_answer_reset_at_a_byte_is_never_whole() {
    for length in [1, 17, OK.len() - 4, OK.len() - 1] {
        let server = Server::start(move |mut stream, _| {
            read_request(&mut stream);
            stream.write_all(&OK[..length]).unwrap();
            thread::sleep(Duration::from_millis(20));
            reset(stream);
        });
        assert_maybe_sent(&ask(&server.http()), MaybeSent::Truncated);
    }
}

#[test]
fn r7_a_chunked_answer_cut_at_any_byte_is_whole_only_with_all_its_content() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n";
    let content_ends = answer.len() - b"0\r\n\r\n".len();
    for length in 1..=answer.len() {
        let exchange = answered(&answer[..length]);
        match &exchange.result {
            Ok(_) => assert!(length > content_ends, "whole after {length} bytes"),
            Err(error) => {
                assert!(length < answer.len(), "{error:?}");
                assert_eq!(*error, Failure::MaybeSent(MaybeSent::Truncated));
                continue;
            }
        }
        assert_good(&exchange);
    }
}

#[test]
fn an_answer_without_length_ends_where_the_peer_closes() {
    assert_good(&answered("HTTP/1.1 200 OK\r\n\r\ngood"));
}

#[test]
fn garbage_is_not_http() {
    for answer in [
        "\0\u{1}\u{2}garbage\r\n\r\n".to_owned(),
        "<html>502</html>\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\ngood!".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000)),
    ] {
        assert_maybe_sent(&answered(answer), MaybeSent::Protocol);
    }
}

#[test]
fn r7_a_body_over_the_limit_is_cut_off_and_one_at_the_limit_is_not() {
    let answer =
        |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
    let body = |length: usize| answered(answer(length)).result.map(|reply| reply.body.len());
    let limit = kicc_proto::wire::REPLY_MAX;
    assert_eq!(body(limit), Ok(limit));
    assert_eq!(body(limit + 1), Err(Failure::MaybeSent(MaybeSent::BodyTooLarge)));
    let endless = Server::start(|mut stream, _| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()).is_ok() {}
    });
    assert_maybe_sent(&ask(&endless.http()), MaybeSent::BodyTooLarge);
}

/// Answers the first request; after reading a later one, waits for what the client does: `Ok(0)` is a close, an
/// error a reset.
fn stalling() -> (Server, mpsc::Receiver<std::io::Result<usize>>) {
    let (end, ended) = mpsc::channel();
    let server = Server::start(move |mut stream, number| {
        read_request(&mut stream);
        match number {
            0 => stream.write_all(OK).unwrap(),
            _ => end.send(stream.read(&mut [0])).unwrap(),
        }
    });
    (server, ended)
}

#[test]
fn r13a_giving_up_resets_a_money_connection_and_closes_another() {
    for money in [true, false] {
        let (server, ended) = stalling();
        let http = server.http();
        assert_good(&post(&http, Limits { money: !money, ..limits(2000, 2000) }, permitted()));
        let began = Instant::now();
        let exchange = post(&http, Limits { money, ..limits(2000, 200) }, permitted());
        took(began, 200, 700);
        assert_maybe_sent(&exchange, MaybeSent::Timeout);
        assert!(exchange.written_at.is_some());
        let end = ended.recv_timeout(Duration::from_secs(2)).unwrap();
        assert_eq!(end.map_err(|error| error.kind()).ok(), if money { None } else { Some(0) });
    }
}

fn dripping(answer: &'static [u8], every: u64) -> Server {
    Server::start(move |mut stream, _| {
        stream.set_nodelay(true).unwrap();
        read_request(&mut stream);
        for byte in answer {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(every));
        }
    })
}

#[test]
fn a_dripping_answer_inside_the_time_is_delivered() {
    assert_good(&ask(&dripping(OK, 2).http()));
}

#[test]
fn a_dripping_answer_cannot_stretch_the_deadline() {
    const LONG_BODY: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n0123456789012345678901234567890123456789";
    let head_first = Server::start(|mut stream, _| {
        read_request(&mut stream);
        let (head, body) = LONG_BODY.split_at(LONG_BODY.len() - 40);
        stream.write_all(head).unwrap();
        for byte in body {
            let _ = stream.write_all(&[*byte]);
            thread::sleep(Duration::from_millis(30));
        }
    });
    for server in [dripping(OK, 30), head_first] {
        let began = Instant::now();
        assert_maybe_sent(&post(&server.http(), limits(2000, 300), permitted()), MaybeSent::Timeout);
        took(began, 300, 800);
    }
}

#[test]
fn the_time_to_answer_counts_from_the_last_byte_written() {
    let server = Server::start(|mut stream, _| {
        read_request(&mut stream);
        thread::sleep(Duration::from_millis(200));
        let _ = stream.write_all(OK);
    });
    let slow: MaySend = Arc::new(|| {
        thread::sleep(Duration::from_millis(300));
        true
    });
    let began = Instant::now();
    assert_good(&post(&server.http(), limits(1000, 400), slow));
    took(began, 500, 1200);
}

#[test]
fn writing_to_a_peer_that_does_not_read_is_bounded_too() {
    let server = Server::start(|stream, _| {
        thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let body = vec![b'x'; 16 << 20];
    let began = Instant::now();
    let exchange = server.http().post("/", [].into_iter(), &body, limits(2000, 300), permitted());
    took(began, 300, 800);
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert_eq!(exchange.written_at, None);
}
