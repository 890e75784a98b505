//! CONNECT proxies: asked for, refused, hanging.

use std::io::Read;

use super::server::{OK, read_request};
use super::*;

fn through(adapter: &dyn Adapter, proxy: &Server, target: &Server) -> Option<Box<dyn Transport>> {
    let mut settings = HttpSettings::new(target.url());
    settings.proxy = Some(proxy.url());
    settings.allow_http = true;
    adapter.open(&settings)
}

pub fn an_explicit_proxy_is_used_by_connect(adapter: &dyn Adapter) -> Option<String> {
    let (proxy, target) = (Server::tunnelling(), Server::answering(OK));
    let exchange = ask(&*through(adapter, &proxy, &target)?);
    assert_good(&exchange);
    assert_eq!((proxy.accepted(), target.accepted()), (1, 1));
    Some(seen(&exchange, &target))
}

pub fn r4_what_a_proxy_is_told_does_not_count_as_sent(adapter: &dyn Adapter) -> Option<String> {
    let target = Server::answering(OK);
    for answer in ["HTTP/1.1 403 No\r\n\r\n", "HTTP/1.1 407 Who\r\n\r\n", "garbage\r\n\r\n", ""] {
        let exchange = ask(&*through(adapter, &Server::answering(answer), &target)?);
        assert_not_sent(&exchange, NotSent::Proxy);
    }
    let hanging = Server::start(|mut peer| {
        peer.request();
        let _ = peer.stream.read(&mut [0]);
    });
    let transport = through(adapter, &hanging, &target)?;
    let began = Instant::now();
    let exchange = post(&*transport, limits(200, 2000), permitted());
    took(began, 200, 700);
    assert_not_sent(&exchange, NotSent::Proxy);
    assert_eq!(target.accepted(), 0);
    Some(seen(&exchange, &target))
}

pub fn r4_a_tunnel_that_breaks_after_the_request_is_maybe_sent(adapter: &dyn Adapter) -> Option<String> {
    let proxy = Server::start(|mut peer| {
        read_request(&mut peer.stream);
        peer.write(b"HTTP/1.1 200 OK\r\n\r\n");
        peer.request();
    });
    let exchange = ask(&*through(adapter, &proxy, &Server::answering(OK))?);
    assert_maybe_sent(&exchange, MaybeSent::Reset);
    Some(seen(&exchange, &proxy))
}

pub fn r4_the_permission_is_asked_for_the_request_and_not_for_the_tunnel(
    adapter: &dyn Adapter,
) -> Option<String> {
    let (proxy, target) = (Server::tunnelling(), Server::answering(OK));
    let exchange = post(&*through(adapter, &proxy, &target)?, limits(2000, 2000), refused());
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(proxy.accepted(), 1);
    Some(seen(&exchange, &target))
}
