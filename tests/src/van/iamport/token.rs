//! Access tokens and their lives (spec §2).

use std::collections::HashSet;
use std::fmt;

use super::{answers, fields};
use crate::van::Shared;
use crate::van::clock::machine_now;
use crate::van::http::{Answer, Reply, Request};
use crate::van::json::Object;
use crate::van::ledger::hash;
use crate::van::rescue;

/// Seconds from the issue of a token to its end.
const LIFE: u64 = 30 * 60;
/// A token with less than so many seconds left is asked for again to live longer.
const NEARLY_OVER: u64 = 60;
/// By so many seconds.
const LONGER: u64 = 5 * 60;

/// The one token that is good, and those that were.
#[derive(Default)]
pub(crate) struct Tokens {
    current: Option<Token>,
    issued: HashSet<String>,
    asked: u64,
    down: bool,
}

struct Token {
    text: String,
    /// Unix seconds.
    expired_at: u64,
}

/// Tokens are secrets (R23).
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.issued.len())
    }
}

impl Tokens {
    /// How often a token was asked for.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether tokens are to be had.
    pub(crate) fn serve(&mut self, serve: bool) {
        self.down = !serve;
    }

    /// Ends the life of the current token.
    pub(crate) fn end(&mut self) {
        self.current = None;
    }

    /// The token for who asks now: the current one, which may live longer for it, or a new one.
    fn get(&mut self, seed: u64, now: u64) -> &Token {
        let current = self.current.take().filter(|token| now < token.expired_at);
        let token = match current {
            Some(token) if token.expired_at - now < NEARLY_OVER => {
                Token { expired_at: token.expired_at + LONGER, ..token }
            }
            Some(token) => token,
            None => {
                let text = format!("token {seed} {} {}", self.issued.len(), machine_now());
                Token { text: hash(text.as_bytes())[..40].to_owned(), expired_at: now + LIFE }
            }
        };
        self.issued.insert(token.text.clone());
        self.current.insert(token)
    }

    /// Is it good now? `None`: it never was.
    fn is_good(&self, text: &str, now: u64) -> Option<bool> {
        let good = |token: &Token| token.text == text && now < token.expired_at;
        self.issued.contains(text).then(|| self.current.as_ref().is_some_and(good))
    }
}

/// `POST /users/getToken`.
pub(super) fn answer(shared: &Shared, request: &Request) -> Answer {
    let message = match fields::admit(shared, request, fields::TOKEN) {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    shared.counts().tokens += 1;
    let settings = &shared.config.iamport;
    let (key, secret) = (message.text("imp_key"), message.text("imp_secret"));
    let down = {
        let mut tokens = shared.tokens();
        tokens.asked += 1;
        tokens.down
    };
    match key {
        "hang" if shared.config.magic => return Answer::Hang(None),
        "html" if shared.config.magic => {
            let html = "<html><body>Scheduled maintenance</body></html>\n";
            return Answer::Reply(Reply { content_type: "text/html", ..Reply::text(200, html) });
        }
        key if down || key == "down" && shared.config.magic => return rescue::server_error(),
        _ => {}
    }
    if key != settings.imp_key.0.as_str() || secret != settings.imp_secret.0.as_str() {
        shared.counts().unauthorized += 1;
        shared.books().violation(format!("{}: not the merchant's key and secret", request.path));
        return Answer::Reply(answers::unauthorized());
    }
    let now = message.now.unix;
    let mut tokens = shared.tokens();
    let token = tokens.get(shared.config.seed, now);
    let fields = [
        ("access_token", token.text.as_str().into()),
        ("now", now.into()),
        ("expired_at", token.expired_at.into()),
    ];
    let response: Object = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Answer::Reply(answers::reply(response))
}

/// Refuses what has no token that is good now, or another sub-merchant's `Tier`. A token whose life is over is nobody's
/// fault; one that was never given is.
pub(super) fn check(shared: &Shared, request: &Request) -> Result<(), Answer> {
    let now = shared.clock.now().unix;
    let standing = stated(request).map(|token| shared.tokens().is_good(token, now));
    let tier = request.header("tier");
    let wrong = match standing {
        _ if tier != shared.config.iamport.tier.as_deref() => Some("not the merchant's Tier"),
        Some(Some(true)) => return Ok(()),
        Some(Some(false)) => None,
        Some(None) => Some("a token that was never given"),
        None => Some("no token"),
    };
    shared.counts().unauthorized += 1;
    if let Some(wrong) = wrong {
        shared.books().violation(format!("{}: {wrong}", super::operation(&request.path)));
    }
    Err(Answer::Reply(answers::unauthorized()))
}

/// The token that a request bears; `Authorization` wins.
fn stated(request: &Request) -> Option<&str> {
    let authorization = request.header("authorization").map(|value| match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    });
    authorization.or_else(|| request.header("x-imptokenheader"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_for_half_an_hour_and_longer_for_who_asks_in_its_last_minute() {
        let mut tokens = Tokens::default();
        let mut get = |now: u64| {
            let token = tokens.get(0, now);
            (token.text.clone(), token.expired_at)
        };
        let (first, end) = get(1000);
        assert_eq!((first.len(), end), (40, 2800));
        assert_eq!(get(1001), (first.clone(), 2800));
        assert_eq!(get(2740), (first.clone(), 2800), "a whole minute is left");
        assert_eq!(get(2741), (first.clone(), 3100));
        assert_eq!(get(3041), (first.clone(), 3400));
        let (second, end) = get(3400);
        assert_ne!(second, first);
        assert_eq!(end, 5200);
        assert_eq!(tokens.is_good(&first, 3400), Some(false));
        assert_eq!(tokens.is_good(&second, 5199), Some(true));
        assert_eq!(tokens.is_good(&second, 5200), Some(false));
        assert_eq!(tokens.is_good("another", 3400), None);
    }
}
