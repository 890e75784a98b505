//! One connection per request, unless asked otherwise.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

use super::server::OK;
use super::*;

/// Answers every request of a connection.
fn keeping() -> Server {
    Server::start(|mut peer| {
        while !peer.request().is_empty() {
            peer.write(OK);
        }
    })
}

fn reusing(adapter: &dyn Adapter, server: &Server) -> Option<Box<dyn Transport>> {
    let mut settings = HttpSettings::new(server.url());
    settings.reuse_connections = true;
    adapter.open(&settings)
}

fn connections(server: &Server) -> String {
    format!("{} requests, {} connections", server.requests(), server.accepted())
}

pub fn every_request_has_a_connection_of_its_own(adapter: &dyn Adapter) -> Option<String> {
    let server = keeping();
    let transport = to(adapter, &server)?;
    (0..5).for_each(|_| assert_good(&ask(&*transport)));
    assert_eq!((server.accepted(), server.requests()), (5, 5));
    Some(connections(&server))
}

pub fn reuse_is_a_setting(adapter: &dyn Adapter) -> Option<String> {
    let server = keeping();
    let transport = reusing(adapter, &server)?;
    (0..5).for_each(|_| assert_good(&ask(&*transport)));
    assert_eq!((server.accepted(), server.requests()), (1, 5));
    Some(connections(&server))
}

pub fn what_moves_money_has_a_connection_of_its_own_where_only_the_rest_is_reused(
    adapter: &dyn Adapter,
) -> Option<String> {
    let server = keeping();
    let mut settings = HttpSettings::new(server.url());
    settings.reuse_unless_money = true;
    let transport = adapter.open(&settings)?;
    for (money, connections) in [(false, 1), (true, 2), (false, 2), (true, 3), (false, 3)] {
        assert_good(&post(&*transport, Limits { money, ..limits(2000, 2000) }, permitted()));
        assert_eq!(server.accepted(), connections);
    }
    Some(connections(&server))
}

pub fn r4_a_kept_connection_asks_again_and_has_a_marker_of_its_own_for_each_request(
    adapter: &dyn Adapter,
) -> Option<String> {
    let server = keeping();
    let transport = reusing(adapter, &server)?;
    assert_good(&ask(&*transport));
    let exchange = post(&*transport, limits(2000, 2000), refused());
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!((server.accepted(), server.requests()), (1, 1));
    assert_good(&ask(&*transport));
    assert_eq!(server.requests(), 2);
    Some(ended(&exchange))
}

pub fn a_kept_connection_that_was_closed_meanwhile_is_not_used(adapter: &dyn Adapter) -> Option<String> {
    let (close, closed) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.write(OK);
        thread::sleep(Duration::from_millis(20));
        drop(peer);
        let _ = close.send(());
    });
    let transport = reusing(adapter, &server)?;
    for _ in 0..3 {
        assert_good(&ask(&*transport));
        closed.recv().expect("it closes");
    }
    assert_eq!(server.accepted(), 3);
    Some(connections(&server))
}

pub fn r9_an_answer_nobody_asked_for_is_not_taken_for_the_next_one(adapter: &dyn Adapter) -> Option<String> {
    let mut found = String::new();
    for delay in [0, 20] {
        let (extra, sent) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.write(OK);
            thread::sleep(Duration::from_millis(delay));
            peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
            let _ = extra.send(());
            let _ = peer.stream.read(&mut [0]);
        });
        let transport = reusing(adapter, &server)?;
        for _ in 0..2 {
            assert_good(&ask(&*transport));
            sent.recv().expect("it was written");
        }
        assert_eq!(server.accepted(), 2);
        found = connections(&server);
    }
    Some(found)
}

pub fn r9_a_given_up_connection_is_not_used_again(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::start(|mut peer| {
        peer.request();
        thread::sleep(Duration::from_millis(if peer.number == 0 { 300 } else { 0 }));
        peer.write(OK);
    });
    let transport = reusing(adapter, &server)?;
    assert_maybe_sent(&post(&*transport, limits(2000, 100), permitted()), MaybeSent::Timeout);
    assert_good(&ask(&*transport));
    assert_eq!(server.accepted(), 2);
    Some(connections(&server))
}

pub fn r13a_a_kept_connection_resets_on_give_up_whoever_opened_it(adapter: &dyn Adapter) -> Option<String> {
    let (end, was_reset) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.write(OK);
        peer.request();
        let _ = end.send(peer.is_reset());
    });
    let transport = reusing(adapter, &server)?;
    assert_good(&post(&*transport, Limits { money: false, ..limits(2000, 2000) }, permitted()));
    let exchange = post(&*transport, limits(2000, 100), permitted());
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert_eq!(was_reset.recv_timeout(Duration::from_secs(2)), Ok(true));
    assert_eq!(server.accepted(), 1);
    Some(seen(&exchange, &server))
}

/// The server closes a few microseconds after each answer, while the next request goes out on that connection.
pub fn r4_a_connection_closed_as_a_request_is_sent_never_sends_it_twice(
    adapter: &dyn Adapter,
) -> Option<String> {
    const ROUNDS: usize = 500;
    let server = Server::start(|mut peer| {
        if peer.request().is_empty() {
            return;
        }
        peer.write(OK);
        let until = Instant::now() + Duration::from_micros(peer.number as u64 * 7 % 300);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        if peer.number.is_multiple_of(2) {
            peer.reset();
        }
    });
    let transport = reusing(adapter, &server)?;
    let mut answered = 0;
    for _ in 0..ROUNDS {
        let exchange = ask(&*transport);
        match exchange.result {
            Ok(_) => {
                assert_good(&exchange);
                answered += 1;
            }
            Err(failure) => {
                let broken = [MaybeSent::Reset, MaybeSent::Truncated].map(Failure::MaybeSent);
                assert!(broken.contains(&failure), "{failure:?}");
            }
        }
    }
    // What failed had come to a connection that was gone, and to no other.
    assert_eq!(server.requests(), answered);
    Some("each at most once".into())
}
