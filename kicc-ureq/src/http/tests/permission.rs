//! R4 and R20: what is asked immediately before the first byte, and what is tried until then.

use super::*;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout};

use crate::http::call::Call;
use crate::http::connect::TcpConnector;

/// Tells what one connection brought before it ended.
fn listening() -> (Server, mpsc::Receiver<usize>) {
    let (seen, bytes) = mpsc::channel();
    let server = Server::start(move |mut stream, _| seen.send(read_request(&mut stream).len()).unwrap());
    (server, bytes)
}

#[test]
fn r4_without_permission_the_peer_sees_no_byte() {
    let (server, bytes) = listening();
    let accepted = server.accepted.clone();
    let refused: MaySend = Arc::new(move || {
        // Asked after the connection stands.
        let began = Instant::now();
        while accepted.load(Ordering::SeqCst) == 0 {
            assert!(began.elapsed() < Duration::from_secs(2));
            thread::sleep(Duration::from_millis(5));
        }
        false
    });
    assert_not_sent(&post(&server.http(), limits(2000, 2000), refused), NotSent::PermitLapsed);
    assert_eq!(bytes.recv().unwrap(), 0);
}

#[test]
fn r4_send_by_is_looked_at_after_the_permission_was_given() {
    let (server, bytes) = listening();
    let slow: MaySend = Arc::new(|| {
        thread::sleep(Duration::from_millis(200));
        true
    });
    assert_not_sent(&post(&server.http(), limits(100, 2000), slow), NotSent::PermitLapsed);
    assert_eq!(bytes.recv().unwrap(), 0);
}

#[test]
fn r4_a_send_by_in_the_past_connects_to_nobody() {
    let (server, _bytes) = listening();
    let mut past = limits(0, 2000);
    past.send_by -= Duration::from_millis(10);
    assert_not_sent(&post(&server.http(), past, permitted()), NotSent::Connect);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(server.accepted(), 0);
}

#[test]
fn the_permission_is_asked_once_per_exchange() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let may_send: MaySend = Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        true
    });
    assert_good(&post(&Server::answering(OK).http(), limits(2000, 2000), may_send));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn markers_of_requests_in_flight_together_do_not_mix() {
    let server = Server::answering(OK);
    let http = server.http();
    let exchanges: Vec<_> = (0..16)
        .map(|number| {
            let http = http.clone();
            thread::spawn(move || post(&http, limits(5000, 5000), Arc::new(move || number % 2 == 0)))
        })
        .collect();
    for (number, exchange) in exchanges.into_iter().enumerate() {
        let exchange = exchange.join().unwrap();
        if number % 2 == 0 {
            assert_good(&exchange)
        } else {
            assert_not_sent(&exchange, NotSent::PermitLapsed)
        }
    }
}

#[derive(Debug)]
struct Addresses(Vec<SocketAddr>);

impl Resolver for Addresses {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        self.0.iter().for_each(|address| addresses.push(*address));
        Ok(addresses)
    }
}

fn status_from(addresses: Vec<SocketAddr>, loopback_only: bool) -> Option<u16> {
    let call = Arc::new(Call::new(limits(1000, 2000), permitted()));
    let timeout = Duration::from_millis(200);
    let connector = ().chain(TcpConnector { call, timeout, loopback_only, reset_on_close: true });
    let config = Agent::config_builder().proxy(None).build();
    let agent = Agent::with_parts(config, connector, Addresses(addresses));
    agent.post("http://name.test/").send(BODY).ok().map(|response| response.status().as_u16())
}

#[test]
fn r4_other_addresses_are_tried_until_one_connects() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refusing = listener.local_addr().unwrap();
    drop(listener);
    let server = Server::answering(OK);
    assert_eq!(status_from(vec![refusing, server.address], false), Some(200));
    assert_eq!(status_from(vec![refusing, refusing], false), None);
}

#[test]
fn plain_http_does_not_leave_the_machine_whatever_the_name_resolves_to() {
    let server = Server::answering(OK);
    let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", server.address.port()).parse().unwrap();
    assert_eq!(status_from(vec!["192.0.2.1:80".parse().unwrap(), server.address], true), Some(200));
    assert_eq!(status_from(vec![mapped], true), Some(200));
    // Connecting to the unspecified address reaches this machine on Linux, and is still no loopback address.
    let unspecified = SocketAddr::from((Ipv4Addr::UNSPECIFIED, server.address.port()));
    assert_eq!(status_from(vec![unspecified], true), None);
}

/// A full backlog: Linux drops what comes then, and the peer waits.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_is_given_its_own_time_and_no_more() {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    full.listen(0).unwrap();
    let silent = full.local_addr().unwrap().as_socket().unwrap();
    let _filling = TcpStream::connect(silent).unwrap();
    let server = Server::answering(OK);
    let began = Instant::now();
    assert_eq!(status_from(vec![silent, server.address], false), Some(200));
    took(began, 190, 900);
    let began = Instant::now();
    assert_eq!(status_from(vec![silent; 16], false), None);
    took(began, 950, 1800);
}
