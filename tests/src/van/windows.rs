//! The windows in which a customer authenticates: real pages, whose buttons post to the merchant's `returnUrl` from the
//! browser, as KICC's do (spec A.3.2, A.3.4, B.3).
//!
//! A window is at `/window/{id}`; it speaks Korean or English by `?lang=` or by the browser's wish. An authorisation is
//! good once its window was opened.

mod page;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Shared;
use super::fields::Message;
use super::http::{Answer, Reply, Request};
use super::json::{Charset, Object, object};
use super::ledger::{self, hash};
use page::Language;

/// Every window's path begins so.
pub(super) const PATHS: &str = "/window/";

/// What a merchant registered.
pub(super) struct Window {
    pub(super) return_url: String,
    /// What the customer sees: product name, merchant, notice; empty ones are left out.
    pub(super) shown: Vec<String>,
    /// What is to pay, in won; `None` where nothing is.
    pub(super) amount: Option<u64>,
    /// What every post has beside result and authorisation.
    pub(super) echo: Vec<(&'static str, String)>,
    /// The field in which a success bears the authorisation.
    pub(super) authorisation_field: &'static str,
    /// Whether the text of the result is URL-encoded before the form encodes it again (spec A.3.4).
    pub(super) encoded_text: bool,
    /// The order's terminal and number, where they are known.
    pub(super) order: Option<(String, String)>,
}

/// All windows of a VAN.
#[derive(Default)]
pub(super) struct Windows {
    by_id: HashMap<String, Window>,
    /// The windows' ids by the authorisations that were shown to a customer.
    opened: HashMap<String, String>,
}

/// Authorisations are secrets (R23).
impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Windows({})", self.by_id.len())
    }
}

/// An order that a customer authenticated.
pub(super) struct Order {
    pub(super) terminal: String,
    pub(super) number: String,
    pub(super) amount: u64,
}

impl Windows {
    /// Keeps a window and gives its id.
    fn register(&mut self, seed: u64, window: Window) -> String {
        let id = hash(format!("window {seed} {}", self.by_id.len()).as_bytes())[..20].to_owned();
        self.by_id.insert(id.clone(), window);
        id
    }

    /// Did a window give this authorisation?
    pub(super) fn knows(&self, authorisation: &str) -> bool {
        self.opened.contains_key(authorisation)
    }

    /// The order of an authorisation that a window gave.
    pub(super) fn order(&self, authorisation: &str) -> Option<Order> {
        let window = self.by_id.get(self.opened.get(authorisation)?)?;
        let (terminal, number) = window.order.clone()?;
        Some(Order { terminal, number, amount: window.amount? })
    }

    /// Is an order registered under this terminal and number?
    pub(super) fn has_order(&self, order: &(String, String)) -> bool {
        self.by_id.values().any(|window| window.order.as_ref() == Some(order))
    }
}

/// Keeps a window and gives its address, on the host by which the merchant's request reached the VAN.
pub(super) fn register(shared: &Shared, request: &Request, window: Window) -> String {
    shared.counts().registrations += 1;
    let id = shared.windows().register(shared.config.seed, window);
    let host = request.header("host").filter(|host| host.bytes().all(|byte| byte.is_ascii_graphic()));
    format!("http://{}{PATHS}{id}", host.unwrap_or("localhost"))
}

/// Why a window is not registered, in code and text: a key that was used today (spec C.1), or a `returnUrl` that must
/// not be.
pub(super) fn refusal(shared: &Shared, message: &Message, key: (&str, &str)) -> Option<Object> {
    let key = (key.0.to_owned(), key.1.to_owned());
    let request = ledger::Request { day: message.now.date.clone(), date: String::new(), about: None };
    let mut books = shared.books();
    if !books.request_is_fresh(&key, request) {
        return Some(object([("resCd", shared.config.duplicate_code.as_str()), ("resMsg", "중복 요청")]));
    }
    if !may_return_to(message.text("returnUrl")) {
        books.violation(format!("{}: a returnUrl that is neither https nor this machine's", key.1));
        return Some(object([("resCd", "7006"), ("resMsg", "returnUrl 오류: https")]));
    }
    None
}

/// The address as a text of unreserved characters and `%`.
pub(super) fn url_encoded(url: &str) -> String {
    utf8_percent_encode(url, NON_ALPHANUMERIC).to_string()
}

/// May a window post there? `https` anywhere, `http` to the same machine only.
fn may_return_to(url: &str) -> bool {
    let Ok(url) = url.parse::<http::Uri>() else { return false };
    let host = url.host().unwrap_or_default();
    let is_loopback = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_loopback,
        _ => false,
    }
}

/// `GET` of a window.
pub(super) fn answer(shared: &Shared, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let id = path.trim_start_matches(PATHS);
    let mut windows = shared.windows();
    let Windows { by_id, opened } = &mut *windows;
    let Some(window) = by_id.get(id) else {
        return Answer::Reply(Reply::text(404, "no such window\n"));
    };
    let authorisation = hash(format!("authorisation {id}").as_bytes())[..32].to_uppercase();
    opened.insert(authorisation.clone(), id.to_owned());
    let charset = shared.config.window_charset;
    let posts = Press::ALL.map(|press| (press, window.post(press, &authorisation, charset)));
    Answer::Reply(page(request, window, &posts, charset))
}

/// The page of a window, one button for each post, in the language of the request.
pub(super) fn page(
    request: &Request,
    window: &Window,
    posts: &[(Press, Vec<(&'static str, String)>)],
    charset: Charset,
) -> Reply {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let language = Language::of(query, request.header("accept-language").unwrap_or_default());
    let html = page::html(language, window, posts, charset);
    Reply { content_type: "text/html; charset=utf-8", ..Reply::text(200, &html) }
}

/// What a customer can do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    Pay,
    Cancel,
    Fail,
    Close,
}

impl Press {
    pub(super) const ALL: [Self; 4] = [Self::Pay, Self::Cancel, Self::Fail, Self::Close];

    /// The id of its button.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::Fail => "fail",
            Self::Close => "close",
        }
    }

    /// Code and text of the result. The documentation has no codes for what is no success: `W001` and `W002` are ours.
    fn result(self) -> (&'static str, &'static str) {
        match self {
            Self::Pay => ("0000", "인증 성공"),
            Self::Cancel => ("W001", "사용자 취소"),
            Self::Fail => ("8311", "비밀번호 오류"),
            Self::Close => ("W002", "결제창 닫힘"),
        }
    }
}

impl Window {
    /// With the merchant's address, and these fields of its request as an echo.
    pub(super) fn of(message: &Message, authorisation_field: &'static str, echo: &[&'static str]) -> Self {
        let there = echo.iter().filter(|name| message.has(name));
        Self {
            return_url: message.text("returnUrl").to_owned(),
            shown: Vec::new(),
            amount: None,
            echo: there.map(|name| (*name, message.text(name).to_owned())).collect(),
            authorisation_field,
            encoded_text: false,
            order: None,
        }
    }

    /// The form that a press posts.
    fn post(&self, press: Press, authorisation: &str, charset: Charset) -> Vec<(&'static str, String)> {
        let (code, text) = press.result();
        let text = match charset.encode(text).filter(|_| self.encoded_text) {
            Some(bytes) => percent_encoding::percent_encode(&bytes, NON_ALPHANUMERIC).to_string(),
            None => text.to_owned(),
        };
        let mut fields = vec![("resCd", code.to_owned()), ("resMsg", text)];
        fields.extend(self.echo.iter().cloned());
        if press == Press::Pay {
            fields.push((self.authorisation_field, authorisation.to_owned()));
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_post_to_https_or_to_this_machine() {
        for good in [
            "https://shop.example/pay/return?a=1",
            "https://127.0.0.1:8443/",
            "http://127.0.0.1:3000/return",
            "http://127.9.9.9/",
            "http://localhost:80/return",
            "http://[::1]:3000/return",
        ] {
            assert!(may_return_to(good), "{good}");
        }
        for bad in [
            "http://shop.example/return",
            "http://localhost@shop.example/",
            "http://127.0.0.1.shop.example/",
            "javascript:alert(1)",
            "ftp://localhost/",
            "/return",
            "localhost:3000",
            "https:///return",
            "",
        ] {
            assert!(!may_return_to(bad), "{bad}");
        }
    }
}
