//! The environment, which is not listened to unless told to.

use std::process::Command;

use kicc_hyper::http::{Http, HttpSettings};
use kicc_testkit::transport_kit::server::{OK, Server};

use super::*;

const TARGET: &str = "KICC_HTTP_TEST_TARGET";
const FROM_ENVIRONMENT: &str = "KICC_HTTP_TEST_FROM_ENVIRONMENT";

/// Run by the test below in a process of its own, whose environment names a proxy; else it does nothing.
#[tokio::test]
async fn in_an_environment_with_a_proxy() {
    let Ok(url) = std::env::var(TARGET) else { return };
    let mut settings = HttpSettings::new(url);
    settings.allow_http = true;
    settings.proxy_from_environment = std::env::var(FROM_ENVIRONMENT).unwrap() == "true";
    assert_good(&post(&Http::new(settings.clone()).unwrap(), limits(), permitted()).await);
    settings.proxy = Some(String::new());
    assert_good(&post(&Http::new(settings).unwrap(), limits(), permitted()).await);
}

#[test]
fn the_environment_is_not_asked_for_a_proxy_unless_told_to() {
    for (from_environment, no_proxy, tunnels) in [("false", "", 0), ("true", "", 1), ("true", "127.0.0.1", 0)]
    {
        let (proxy, target) = (Server::tunnelling(), Server::answering(OK));
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "environment::in_an_environment_with_a_proxy"]);
        child.env(TARGET, target.url()).env(FROM_ENVIRONMENT, from_environment);
        for variable in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            child.env(variable, proxy.url());
        }
        let output = child.env("NO_PROXY", no_proxy).env("no_proxy", no_proxy).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!((proxy.accepted(), target.accepted()), (tunnels, 2), "{no_proxy}");
    }
}
