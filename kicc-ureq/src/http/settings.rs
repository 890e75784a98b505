//! What ureq itself is told.

use kicc_proto::wire::settings::{HttpSettings, SettingsError};
use ureq::config::{AutoHeaderValue, Config};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::{HEAD_MAX, IDLE};

pub(super) fn proxy(settings: &HttpSettings) -> Result<Option<Proxy>, SettingsError> {
    // Looked at before ureq does, so that every transport refuses the same.
    if settings.proxy()?.is_some() {
        let url = settings.proxy.as_deref().unwrap_or_default();
        return Proxy::new(url).map(Some).map_err(|_| SettingsError::Proxy("is not a proxy's URL"));
    }
    if settings.proxy.is_some() || !settings.proxy_from_environment {
        return Ok(None);
    }
    let proxy = Proxy::try_from_env();
    match proxy.as_ref().map(Proxy::protocol) {
        None | Some(ProxyProtocol::Http | ProxyProtocol::Https) => Ok(proxy),
        // Passed on, it would be ignored and the request sent directly.
        Some(_) => Err(SettingsError::Proxy("must be http or https")),
    }
}

pub(super) fn config(proxy: Option<Proxy>, reuse: bool) -> Config {
    Agent::config_builder()
        .proxy(proxy)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(usize::from(reuse))
        .max_idle_connections_per_host(usize::from(reuse))
        .max_idle_age(IDLE)
        .max_response_header_size(HEAD_MAX)
        .user_agent(concat!("kicc/", env!("CARGO_PKG_VERSION")))
        .accept(AutoHeaderValue::None)
        .accept_encoding(AutoHeaderValue::None)
        .build()
}
