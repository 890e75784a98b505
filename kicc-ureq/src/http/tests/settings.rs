//! Settings that are refused, and what they do not show.

use crate::http::{Http, HttpSettings, SettingsError};

fn with(url: &str, change: impl FnOnce(&mut HttpSettings)) -> Result<Http, SettingsError> {
    let mut settings = HttpSettings::new(url);
    change(&mut settings);
    Http::new(settings)
}

#[test]
fn a_base_url_is_refused_before_anything_is_sent() {
    for url in [
        "",
        "gw.test",
        "ftp://gw.test",
        "https://",
        "https://u:hunter2@gw.test",
        "https://gw.test:0",
        "https://gw.test:99999",
        "https://gw.test/?q=1",
        "https://gw.test/#f",
        "/smpy",
        "https://gw test",
    ] {
        let error = with(url, |_| {}).unwrap_err();
        assert!(matches!(error, SettingsError::BaseUrl(_)), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn plain_http_is_for_loopback_only_unless_allowed() {
    for (url, loopback) in [
        ("http://127.0.0.1:8080", true),
        ("http://127.9.9.9", true),
        ("http://[::1]:8080/x", true),
        ("http://LocalHost", true),
        ("http://gw.test", false),
        ("http://192.0.2.1", false),
        ("http://localhost.gw.test", false),
    ] {
        match with(url, |_| {}) {
            Ok(http) => assert!(loopback && http.is_loopback(), "{url}"),
            Err(error) => assert!(!loopback && error == SettingsError::PlainHttp, "{url}: {error}"),
        }
        assert_eq!(with(url, |settings| settings.allow_http = true).unwrap().is_loopback(), loopback);
        let secure = url.replace("http:", "https:");
        assert_eq!(with(&secure, |_| {}).unwrap().is_loopback(), loopback);
    }
    let proxied = with("http://127.0.0.1", |settings| settings.proxy = Some("http://proxy.test".into()));
    assert_eq!(proxied.unwrap_err(), SettingsError::PlainHttp);
}

#[test]
fn a_proxy_that_would_be_ignored_is_refused() {
    for proxy in ["socks5://proxy.test", "socks4://proxy.test", "ftp://proxy.test", "://"] {
        let error = with("https://gw.test", |settings| settings.proxy = Some(proxy.into())).unwrap_err();
        assert!(matches!(error, SettingsError::Proxy(_)), "{proxy}");
    }
    assert!(with("https://gw.test", |settings| settings.proxy = Some(String::new())).is_ok());
}

#[test]
fn a_ca_file_without_a_usable_certificate_is_refused() {
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = with("https://gw.test", |settings| settings.ca_pem = Some(pem.into())).unwrap_err();
        assert!(matches!(error, SettingsError::Ca(_)), "{pem}");
    }
    let none = with("https://gw.test", |settings| settings.connect_timeout = std::time::Duration::ZERO);
    assert_eq!(none.unwrap_err(), SettingsError::ConnectTimeout);
}

#[test]
fn r23_debug_shows_no_password() {
    let mut settings = HttpSettings::new("https://gw.test");
    settings.proxy = Some("http://user:hunter2@proxy.test".into());
    let shown = format!("{settings:?} {:?}", Http::new(settings.clone()).unwrap());
    assert!(shown.contains("gw.test") && !shown.contains("hunter2"), "{shown}");
}
