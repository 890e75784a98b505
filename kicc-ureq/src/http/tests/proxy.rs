//! CONNECT proxies: asked for, refused, hanging; and the environment, which is not listened to.

use super::*;

use std::process::Command;

fn through(proxy: &Server, target: &Server) -> Http {
    let mut settings = HttpSettings::new(target.url());
    settings.proxy = Some(proxy.url());
    settings.allow_http = true;
    Http::new(settings).unwrap()
}

#[test]
fn an_explicit_proxy_is_used_by_connect() {
    let (proxy, target) = (tunnelling(), Server::answering(OK));
    assert_good(&ask(&through(&proxy, &target)));
    assert_eq!((proxy.accepted(), target.accepted()), (1, 1));
}

#[test]
fn r4_what_a_proxy_is_told_does_not_count_as_sent() {
    let target = Server::answering(OK);
    for answer in ["HTTP/1.1 403 No\r\n\r\n", "garbage\r\n\r\n", ""] {
        assert_not_sent(&ask(&through(&Server::answering(answer), &target)), NotSent::Proxy);
    }
    let hanging = Server::start(|mut client, _| {
        read_request(&mut client);
        let _ = client.read(&mut [0]);
    });
    let began = Instant::now();
    assert_not_sent(&post(&through(&hanging, &target), limits(200, 2000), permitted()), NotSent::Proxy);
    took(began, 200, 700);
    assert_eq!(target.accepted(), 0);
}

#[test]
fn r4_a_tunnel_that_breaks_after_the_request_is_maybe_sent() {
    let proxy = Server::start(|mut client, _| {
        read_request(&mut client);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        read_request(&mut client);
    });
    assert_maybe_sent(&ask(&through(&proxy, &Server::answering(OK))), MaybeSent::Reset);
}

#[test]
fn the_permission_is_asked_for_the_request_and_not_for_the_tunnel() {
    let (proxy, target) = (tunnelling(), Server::answering(OK));
    let exchange = post(&through(&proxy, &target), limits(2000, 2000), Arc::new(|| false));
    assert_not_sent(&exchange, NotSent::PermitLapsed);
    assert_eq!(proxy.accepted(), 1);
}

const TARGET: &str = "KICC_HTTP_TEST_TARGET";
const FROM_ENVIRONMENT: &str = "KICC_HTTP_TEST_FROM_ENVIRONMENT";

/// Run by the test below in a process of its own, whose environment names a proxy; else it does nothing.
#[test]
fn in_an_environment_with_a_proxy() {
    let Ok(url) = std::env::var(TARGET) else { return };
    let mut settings = HttpSettings::new(url);
    settings.allow_http = true;
    settings.proxy_from_environment = std::env::var(FROM_ENVIRONMENT).unwrap() == "true";
    assert_good(&ask(&Http::new(settings.clone()).unwrap()));
    settings.proxy = Some(String::new());
    assert_good(&ask(&Http::new(settings).unwrap()));
}

#[test]
fn the_environment_is_not_asked_for_a_proxy_unless_told_to() {
    let name = concat!(module_path!(), "::in_an_environment_with_a_proxy").split_once("::").unwrap().1;
    for (from_environment, tunnels) in [("false", 0), ("true", 1)] {
        let (proxy, target) = (tunnelling(), Server::answering(OK));
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", name]).env(TARGET, target.url()).env(FROM_ENVIRONMENT, from_environment);
        for variable in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            child.env(variable, proxy.url());
        }
        let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!((proxy.accepted(), target.accepted()), (tunnels, 2));
    }
}
