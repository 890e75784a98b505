//! R4: what is tried until the first byte.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use kicc_testkit::transport_kit::server::{OK, Server};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout};

use super::*;
use crate::http::call::Call;
use crate::http::connect::TcpConnector;

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
    let call = Arc::new(Call::new(limits(1000, 2000), permitted(), 0));
    let timeout = Duration::from_millis(200);
    let connector = ().chain(TcpConnector { call, timeout, loopback_only, reset_on_close: true });
    let config = Agent::config_builder().proxy(None).build();
    let agent = Agent::with_parts(config, connector, Addresses(addresses));
    agent.post("http://name.test/").send("{}").ok().map(|response| response.status().as_u16())
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
    let _filling = std::net::TcpStream::connect(silent).unwrap();
    let server = Server::answering(OK);
    let began = Instant::now();
    assert_eq!(status_from(vec![silent, server.address], false), Some(200));
    took(began, 190, 900);
    let began = Instant::now();
    assert_eq!(status_from(vec![silent; 16], false), None);
    took(began, 950, 1800);
}
