//! One connection per request, unless asked otherwise.

use super::*;

/// Answers every request of a connection, and counts them.
fn keeping() -> (Server, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let server = Server::start(move |mut stream, _| {
        while !read_request(&mut stream).is_empty() {
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(OK).unwrap();
        }
    });
    (server, requests)
}

fn reusing(server: &Server) -> Http {
    let mut settings = HttpSettings::new(server.url());
    settings.reuse_connections = true;
    Http::new(settings).unwrap()
}

#[test]
fn every_request_has_a_connection_of_its_own() {
    let (server, requests) = keeping();
    let http = server.http();
    (0..5).for_each(|_| assert_good(&ask(&http)));
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (5, 5));
}

#[test]
fn reuse_is_a_setting() {
    let (server, requests) = keeping();
    let http = reusing(&server);
    (0..5).for_each(|_| assert_good(&ask(&http)));
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (1, 5));
}

#[test]
fn r4_a_kept_connection_asks_again_and_has_a_marker_of_its_own_for_each_request() {
    let (server, requests) = keeping();
    let http = reusing(&server);
    assert_good(&ask(&http));
    assert_not_sent(&post(&http, limits(2000, 2000), Arc::new(|| false)), NotSent::PermitLapsed);
    assert_eq!((server.accepted(), requests.load(Ordering::SeqCst)), (1, 1));
    assert_good(&ask(&http));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_not_used() {
    let (close, closed) = mpsc::channel();
    let server = Server::start(move |mut stream, _| {
        read_request(&mut stream);
        stream.write_all(OK).unwrap();
        thread::sleep(Duration::from_millis(20));
        drop(stream);
        close.send(()).unwrap();
    });
    let http = reusing(&server);
    for _ in 0..3 {
        assert_good(&ask(&http));
        closed.recv().unwrap();
    }
    assert_eq!(server.accepted(), 3);
}

#[test]
fn r9_an_answer_nobody_asked_for_is_not_taken_for_the_next_one() {
    for delay in [0, 20] {
        let (extra, sent) = mpsc::channel();
        let server = Server::start(move |mut stream, _| {
            read_request(&mut stream);
            stream.write_all(OK).unwrap();
            thread::sleep(Duration::from_millis(delay));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
            extra.send(()).unwrap();
            let _ = stream.read(&mut [0]);
        });
        let http = reusing(&server);
        for _ in 0..2 {
            assert_good(&ask(&http));
            sent.recv().unwrap();
        }
        assert_eq!(server.accepted(), 2);
    }
}

#[test]
fn r9_a_given_up_connection_is_not_used_again() {
    let server = Server::start(|mut stream, number| {
        read_request(&mut stream);
        thread::sleep(Duration::from_millis(if number == 0 { 300 } else { 0 }));
        let _ = stream.write_all(OK);
    });
    let http = reusing(&server);
    assert_maybe_sent(&post(&http, limits(2000, 100), permitted()), MaybeSent::Timeout);
    assert_good(&ask(&http));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn r13a_a_kept_connection_resets_on_give_up_whoever_opened_it() {
    let (end, ended) = mpsc::channel();
    let server = Server::start(move |mut stream, _| {
        read_request(&mut stream);
        stream.write_all(OK).unwrap();
        read_request(&mut stream);
        end.send(stream.read(&mut [0]).is_err()).unwrap();
    });
    let http = reusing(&server);
    assert_good(&post(&http, Limits { money: false, ..limits(2000, 2000) }, permitted()));
    assert_maybe_sent(&post(&http, limits(2000, 100), permitted()), MaybeSent::Timeout);
    assert!(ended.recv().unwrap());
    assert_eq!(server.accepted(), 1);
}
