//! The environment, which is not listened to unless told to.

use std::process::Command;

use kicc_proto::wire::Request;
use kicc_testkit::transport_kit::server::{OK, Server};

use super::*;

fn assert_good(http: &Http) {
    let request = Request::trial("/", &[], b"{}").unwrap();
    assert_eq!(http.exchange(&request, limits(2000, 2000), permitted()).result.unwrap().body, b"good");
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
    assert_good(&Http::new(settings.clone()).unwrap());
    settings.proxy = Some(String::new());
    assert_good(&Http::new(settings).unwrap());
}

#[test]
fn the_environment_is_not_asked_for_a_proxy_unless_told_to() {
    let name = concat!(module_path!(), "::in_an_environment_with_a_proxy").split_once("::").unwrap().1;
    for (from_environment, tunnels) in [("false", 0), ("true", 1)] {
        let (proxy, target) = (Server::tunnelling(), Server::answering(OK));
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
