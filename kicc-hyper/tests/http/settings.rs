//! Settings that are refused, and what they do not show.

use kicc_hyper::http::{Http, HttpSettings, SettingsError};

fn with(change: impl FnOnce(&mut HttpSettings)) -> Result<Http, SettingsError> {
    let mut settings = HttpSettings::new("https://gw.test");
    change(&mut settings);
    Http::new(settings)
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    assert!(with(|_| {}).is_ok_and(|http| !http.is_loopback()));
    assert!(with(|settings| settings.base_url = "https://[::1]".into()).is_ok_and(|http| http.is_loopback()));
    let url = with(|settings| settings.base_url = "https://".into());
    assert!(matches!(url, Err(SettingsError::BaseUrl(_))));
    let plain = with(|settings| settings.base_url = "http://gw.test".into());
    assert_eq!(plain.unwrap_err(), SettingsError::PlainHttp);
    let proxied = with(|settings| {
        settings.base_url = "http://127.0.0.1".into();
        settings.proxy = Some("http://proxy.test".into());
    });
    assert_eq!(proxied.unwrap_err(), SettingsError::PlainHttp);
    let proxy = with(|settings| settings.proxy = Some("socks5://proxy.test".into()));
    assert!(matches!(proxy, Err(SettingsError::Proxy(_))));
    assert!(with(|settings| settings.proxy = Some(String::new())).is_ok());
    let authority = with(|settings| settings.ca_pem = Some("no PEM".into()));
    assert!(matches!(authority, Err(SettingsError::Ca(_))));
    let timeout = with(|settings| settings.connect_timeout = std::time::Duration::ZERO);
    assert_eq!(timeout.unwrap_err(), SettingsError::ConnectTimeout);
}

#[test]
fn r23_debug_shows_no_password() {
    let http = with(|settings| settings.proxy = Some("http://user:hunter2@proxy.test".into())).unwrap();
    let shown = format!("{http:?}");
    assert!(shown.contains("gw.test") && !shown.contains("hunter2"), "{shown}");
}
