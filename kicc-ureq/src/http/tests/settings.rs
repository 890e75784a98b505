//! Settings that are refused, and what they do not show.

use crate::http::{Http, HttpSettings, SettingsError};

fn with(url: &str, change: impl FnOnce(&mut HttpSettings)) -> Result<Http, SettingsError> {
    let mut settings = HttpSettings::new(url);
    change(&mut settings);
    Http::new(settings)
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    assert!(with("https://[::1]", |_| {}).is_ok_and(|http| http.is_loopback()));
    assert!(matches!(with("https://", |_| {}), Err(SettingsError::BaseUrl(_))));
    assert_eq!(with("http://gw.test", |_| {}).unwrap_err(), SettingsError::PlainHttp);
    let proxied = with("http://127.0.0.1", |settings| settings.proxy = Some("http://proxy.test".into()));
    assert_eq!(proxied.unwrap_err(), SettingsError::PlainHttp);
    let proxy = with("https://gw.test", |settings| settings.proxy = Some("socks5://proxy.test".into()));
    assert!(matches!(proxy, Err(SettingsError::Proxy(_))));
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
