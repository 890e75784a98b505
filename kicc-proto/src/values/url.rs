use alloc::boxed::Box;

use super::{Invalid, Problem, inline::check_ascii};

const HTTPS: &str = "https://";
const HTTP: &str = "http://";

/// Where a window sends the customer back to (`returnUrl`, spec A.3.1, B.2): an `https` address of up to 1000
/// bytes of visible ASCII without quotes, angle brackets and backslash. Simple Payment takes 256.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReturnUrl(Box<str>);

impl ReturnUrl {
    /// An `https` address.
    ///
    /// # Errors
    /// Another scheme, no host, longer than 1000 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        check(text, 1000, false).map_err(|problem| problem.of("return url"))?;
        Ok(Self(text.into()))
    }

    /// For tests: plain `http` too, on this very machine alone (`127.0.0.1`, `[::1]`, `localhost`).
    ///
    /// # Errors
    /// As [`ReturnUrl::new`].
    pub fn for_tests(text: &str) -> Result<Self, Invalid> {
        check(text, 1000, true).map_err(|problem| problem.of("return url"))?;
        Ok(Self(text.into()))
    }

    /// The address as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a window that the gateway opened (`authPageUrl`, spec A.3.1, B.2): `https`, or plain `http`
/// on this very machine, of up to 256 bytes. Whoever has it can go on with the order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageUrl(Box<str>);

impl PageUrl {
    /// An address as the gateway gave it, decoded where it came URL-encoded.
    ///
    /// # Errors
    /// As [`ReturnUrl::for_tests`], with 256 bytes.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        check(text, 256, true).map_err(|problem| problem.of("window url"))?;
        Ok(Self(text.into()))
    }

    /// The address to open in a browser.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, limit: usize, plain_on_loopback: bool) -> Result<(), Problem> {
    let allowed = |byte: &u8| byte.is_ascii_graphic() && !br#""'<>\"#.contains(byte);
    check_ascii(text, limit, allowed, "only visible ASCII, no quote, angle bracket or backslash")?;
    let (rest, plain) = match (text.strip_prefix(HTTPS), text.strip_prefix(HTTP)) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) if plain_on_loopback => (rest, true),
        _ => return Err(Problem::Other("must begin with https://")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Problem::Other("must not name a user"));
    }
    let host = match authority.split_once(']') {
        Some((v6, _)) => v6.trim_start_matches('['),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host {
        "" => Err(Problem::Other("names no host")),
        "127.0.0.1" | "::1" | "localhost" => Ok(()),
        _ if plain => Err(Problem::Other("must begin with https://, but on this machine itself")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_return_url_is_https() {
        assert!(ReturnUrl::new("https://shop.example/return?a=1&b=2#c").is_ok());
        let plain = "http://127.0.0.1:8080/return";
        for bad in
            [plain, "", "https://", "https:///x", "ftp://x/", "shop.example", "HTTPS://x/", "javascript:x"]
        {
            assert!(ReturnUrl::new(bad).is_err(), "{bad}");
        }
        assert!(ReturnUrl::new(&format!("https://x/{}", "a".repeat(991))).is_err());
        for bad in ["https://x/\"", "https://x/ y", "https://x/<", "https://x/\\", "https://x/가"] {
            assert!(
                matches!(ReturnUrl::new(bad).unwrap_err().problem, Problem::BadCharacter { .. }),
                "{bad}"
            );
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_and_by_an_explicit_word() {
        for good in
            ["http://127.0.0.1:8080/r", "http://localhost/", "http://[::1]:80/", "https://shop.example"]
        {
            assert!(ReturnUrl::for_tests(good).is_ok(), "{good}");
            assert!(PageUrl::new(good).is_ok(), "{good}");
        }
        for bad in [
            "http://shop.example/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://localhost@shop.example/",
            "http://127.0.0.1:80@shop.example/",
            "https://user@shop.example/",
        ] {
            assert!(ReturnUrl::for_tests(bad).is_err() && PageUrl::new(bad).is_err(), "{bad}");
        }
        assert!(PageUrl::new(&format!("https://x/{}", "a".repeat(247))).is_err());
    }
}
