//! The token that every request but its own carries (spec §2), and when a new one is due.
//!
//! [`Tokens`] is a state and no more: a client keeps one for each merchant behind a lock, and holds that while it asks
//! for a token, so that one request is under way at most.

use core::fmt;

use serde::Serialize;
use zeroize::Zeroizing;

use super::envelope::{self, Envelope};
use crate::{
    flow::said::{Said, Unclear},
    time::{Millis, Mono},
    values::{Invalid, Secret, check_ascii},
    wire::{
        Method, Reply, Request, RequestBuffer,
        call::{Call, CallError, required},
        json,
    },
};

const PATH: &str = "/users/getToken";

/// A token with less life than this is renewed before it is used: from then on i'mport lengthens it (spec §2).
const RENEW_BEFORE: Millis = Millis::from_secs(60);

/// `imp_key` and `imp_secret`, from the admin console: whoever has both can charge and refund. Wiped on drop and never
/// printed (R23).
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeys {
    key: Secret,
    secret: Secret,
}

impl ApiKeys {
    /// The two as the console shows them. No page names their length; ours is 256 bytes of visible ASCII each.
    ///
    /// # Errors
    /// Empty, longer, or another character.
    pub fn new(imp_key: &str, imp_secret: &str) -> Result<Self, Invalid> {
        Ok(ApiKeys {
            key: visible("imp_key", imp_key, 256)?,
            secret: visible("imp_secret", imp_secret, 256)?,
        })
    }
}

/// What `getToken` gave: it stands in a header, and whoever has it can charge and refund while it lives. Wiped on drop
/// and never printed (R23).
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Secret);

impl AccessToken {
    /// A token as i'mport gave it: visible ASCII, at most 512 bytes (ours: the samples have 40).
    ///
    /// # Errors
    /// Empty, longer, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        visible("access token", text, 512).map(Self)
    }

    /// The text as it goes on the wire, to be used and not kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        exposed(&self.0)
    }
}

/// The token of one merchant, while it lives.
#[derive(Debug, Default)]
pub struct Tokens {
    held: Option<(AccessToken, Mono)>,
}

impl Tokens {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The token to use now. `None`: ask for one with [`GetToken`], and [`store`](Tokens::store) it.
    #[must_use]
    pub fn get(&self, now: Mono) -> Option<&AccessToken> {
        let (token, until) = self.held.as_ref()?;
        (now + RENEW_BEFORE <= *until).then_some(token)
    }

    /// Keeps what was granted, and gives it back for the message that it was asked for. Its life is counted from
    /// before it was asked for, on the monotonic clock: neither wall clock counts (spec §2), nor the way it took.
    pub fn store(&mut self, granted: Granted, asked_at: Mono) -> &AccessToken {
        &self.held.insert((granted.token, asked_at + granted.life)).0
    }

    /// i'mport answered 401 to a message with that token: it is not used again. Another one that came meanwhile stays.
    pub fn refused(&mut self, token: &AccessToken) {
        if self.held.as_ref().is_some_and(|(held, _)| held == token) {
            self.held = None;
        }
    }
}

/// `POST /users/getToken`. It may be repeated freely.
#[derive(Debug, Clone, Copy)]
pub struct GetToken<'a>(pub &'a ApiKeys);

/// A token, and how long it lives from when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The token.
    pub token: AccessToken,
    /// `expired_at` less `now`, both by i'mport's clock.
    pub life: Millis,
}

#[derive(Serialize)]
struct GetTokenRequest<'a> {
    imp_key: &'a str,
    imp_secret: &'a str,
}

impl Call for GetToken<'_> {
    type Answer = Granted;

    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        let ApiKeys { key, secret } = self.0;
        let message = GetTokenRequest { imp_key: exposed(key), imp_secret: exposed(secret) };
        envelope::prepare(buffer, Method::Post, PATH);
        // Two short strings: none of serde_json's errors can arise.
        let json = Zeroizing::new(serde_json::to_vec(&message).unwrap_or_default());
        buffer.body.extend_from_slice(&json);
        buffer.request()
    }

    /// A refusal, also by 401 (spec §1.2), says that the keys are wrong.
    fn read(&self, reply: Reply<'_>) -> Result<Granted, CallError> {
        let body = envelope::body(reply);
        let envelope = Envelope::read(&body);
        match (reply.status, envelope) {
            (200, Ok(Envelope { refusal: None, response })) => granted(response).map_err(CallError::Unclear),
            (200 | 401, Ok(Envelope { refusal: Some(said), .. })) => {
                let ApiKeys { key, secret } = self.0;
                // R23: should it quote them.
                let message =
                    said.message.replace(exposed(key), "(..)").replace(exposed(secret), "(..)").into();
                Err(CallError::Refused(Said { message, ..said }))
            }
            (200, Err(why)) => Err(CallError::Unclear(why)),
            (status, _) => Err(CallError::Unclear(Unclear::Status(status))),
        }
    }
}

fn granted(response: json::Field<'_>) -> Result<Granted, Unclear> {
    const NAMES: [&str; 3] = ["access_token", "expired_at", "now"];
    let response = response.ok_or_else(|| Unclear::MissingEcho("response".into()))?;
    let [token, expired_at, now] = json::object(response.json(), &NAMES)?;
    let token = AccessToken::new(&required(token, NAMES[0])?);
    let seconds = |field, name: &str| {
        let text = json::text(field).ok_or_else(|| Unclear::MissingEcho(name.into()))?;
        text.parse::<u64>().map_err(|_| Unclear::Damaged(name.into()))
    };
    let (expired_at, now) = (seconds(expired_at, NAMES[1])?, seconds(now, NAMES[2])?);
    match (token, expired_at.checked_sub(now)) {
        (Err(_), _) => Err(Unclear::Damaged(NAMES[0].into())),
        (Ok(_), None | Some(0)) => Err(Unclear::Damaged(NAMES[1].into())),
        (Ok(token), Some(life)) => Ok(Granted { token, life: Millis::from_secs(life) }),
    }
}

fn visible(field: &'static str, text: &str, limit: usize) -> Result<Secret, Invalid> {
    check_ascii(text, limit, u8::is_ascii_graphic, "only visible ASCII, no space")
        .map_err(|problem| problem.of(field))?;
    Ok(Secret::from_utf8(text))
}

/// The constructors let in ASCII alone, so nothing is ever lost here.
fn exposed(ascii: &Secret) -> &str {
    core::str::from_utf8(ascii.expose()).unwrap_or_default()
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeys(..)")
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}
