//! R4 and R20: what is asked immediately before the first byte.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::server::OK;
use super::*;

/// Tells how many bytes each connection brought before it ended.
fn listening() -> (Server, mpsc::Receiver<usize>) {
    let (seen, bytes) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        let _ = seen.send(peer.request().len());
    });
    (server, bytes)
}

pub fn r4_without_permission_the_peer_sees_no_byte(adapter: &dyn Adapter) -> Option<String> {
    let (server, bytes) = listening();
    let accepted = server.counter();
    let refused: MaySend = Arc::new(move || {
        // Asked after the connection stands.
        let began = Instant::now();
        while accepted.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < Duration::from_secs(2), "there is no connection yet");
            thread::sleep(Duration::from_millis(5));
        }
        false
    });
    let exchange = post(&*to(adapter, &server)?, limits(2000, 2000), refused);
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(bytes.recv(), Ok(0));
    Some(seen(&exchange, &server))
}

pub fn r4_send_by_is_looked_at_after_the_permission_was_given(adapter: &dyn Adapter) -> Option<String> {
    let (server, bytes) = listening();
    let slow: MaySend = Arc::new(|| {
        thread::sleep(Duration::from_millis(200));
        true
    });
    let exchange = post(&*to(adapter, &server)?, limits(100, 2000), slow);
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(bytes.recv(), Ok(0));
    Some(seen(&exchange, &server))
}

pub fn r4_a_send_by_in_the_past_connects_to_nobody(adapter: &dyn Adapter) -> Option<String> {
    let (server, _bytes) = listening();
    let transport = to(adapter, &server)?;
    let mut past = limits(0, 2000);
    past.send_by -= Duration::from_millis(10);
    let exchange = post(&*transport, past, permitted());
    assert_not_sent(&exchange, NotSent::Connect);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(server.accepted(), 0);
    Some(seen(&exchange, &server))
}

pub fn r4_the_permission_is_asked_once_per_exchange(adapter: &dyn Adapter) -> Option<String> {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let may_send: MaySend = Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        true
    });
    let server = Server::answering(OK);
    let exchange = post(&*to(adapter, &server)?, limits(2000, 2000), may_send);
    assert_good(&exchange);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    Some(seen(&exchange, &server))
}

pub fn r4_markers_of_requests_in_flight_together_do_not_mix(adapter: &dyn Adapter) -> Option<String> {
    let server = Server::answering(OK);
    let transport = &*to(adapter, &server)?;
    thread::scope(|scope| {
        let post = |number: usize| {
            move || post(transport, limits(5000, 5000), Arc::new(move || number.is_multiple_of(2)))
        };
        let exchanges: Vec<_> = (0..16).map(|number| scope.spawn(post(number))).collect();
        for (number, exchange) in exchanges.into_iter().enumerate() {
            let exchange = exchange.join().expect("no panic");
            if number.is_multiple_of(2) {
                assert_good(&exchange);
            } else {
                assert_not_sent(&exchange, NotSent::PermitLapsed);
            }
        }
    });
    assert_eq!(server.requests(), 8);
    Some("8 of 16; 8 requests".into())
}
