//! i'mport (PortOne V1) as its merchants see it: tokens, charges of billing keys, look-ups, cancels, registered amounts,
//! billing keys (spec §2 to §5), and the payment window in the browser (spec §9, §10), which is in [`window`].
//!
//! Bodies come as JSON or as a form; the token comes as `Authorization: Bearer`, bare, or as `X-ImpTokenHeader`.
//! `include_sandbox` counts on every look-up, though it is documented of one (spec §4.2). Nothing calls out: what i'mport
//! would post to the merchant is kept as [`Webhook`]s.
//!
//! While [`VanConfig::magic`] is on, every `customer_uid` is taken as issued unless it was deleted or begins with `none`,
//! and three API keys never get a token: `down`, `hang`, `html`.
//!
//! What the documentation leaves open is our choice: a `merchant_uid` that was paid or is being paid is refused with code
//! 1; a charge after `findAll` asked for it is a fault of the client, as is a cancel without a `checksum` (R16); the issue
//! of a billing key is a `paid` record over the amount shown, though no money moved; a parameter that KICC does not take
//! stops the window with `F0001`, another amount than the registered one with `F1001`.
//!
//! [`VanConfig::magic`]: super::VanConfig::magic

mod again;
mod answers;
mod cancel;
mod customers;
mod fields;
mod look_up;
mod param;
mod payment;
mod prepare;
mod store;
mod token;
mod webhook;
pub(super) mod window;

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::faults::{Plan, Rescue};
use super::fields::{Field, Message};
use super::http::{Answer, Request};
use super::ledger::{Books, Entry, Key, Kind};
use super::{Shared, rescue};

pub(crate) use store::Store;
pub(crate) use token::Tokens;
pub use webhook::Webhook;

/// Is it a path of the REST interface?
pub(super) fn serves(path: &str) -> bool {
    ["/users/getToken", "/payments", "/subscribe/"].iter().any(|prefix| path.starts_with(prefix))
}

pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if ["GET", "DELETE"].contains(&request.method.as_str()) && !request.body.is_empty() {
        let operation = operation(path);
        shared.books().violation(format!("{operation}: a {} with a body", request.method));
    }
    let parts: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if (request.method.as_str(), parts.as_slice()) == ("POST", &["users", "getToken"]) {
        return token::answer(shared, request);
    }
    if let Err(answer) = token::check(shared, request) {
        return answer;
    }
    let post = |table: &[Field<'_>], act: fn(&Arc<Shared>, &Message, &[u8]) -> Answer| {
        fields::admit(shared, request, table)
            .map_or_else(|refusal| refusal, |m| act(shared, &m, &request.body))
    };
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["subscribe", "payments", "again"]) => post(fields::AGAIN, again::answer),
        ("POST", ["payments", "cancel"]) => post(fields::CANCEL, cancel::answer),
        ("POST", ["payments", "prepare"]) => post(fields::PREPARE, prepare::register),
        ("PUT", ["payments", "prepare"]) => post(fields::PREPARE, prepare::change),
        ("GET", ["payments", "prepare", number]) => prepare::show(shared, number),
        ("GET", ["payments"]) => look_up::many(shared, query),
        ("GET", ["payments", "find", number]) => look_up::first(shared, request, number, None),
        ("GET", ["payments", "find", number, status]) => {
            look_up::first(shared, request, number, Some(status))
        }
        ("GET", ["payments", "findAll", number]) => look_up::all(shared, request, number, None),
        ("GET", ["payments", "findAll", number, status]) => {
            look_up::all(shared, request, number, Some(status))
        }
        ("GET", ["payments", imp_uid]) => look_up::one(shared, request, imp_uid),
        ("GET", ["subscribe", "customers", uid]) => customers::show(shared, uid),
        ("DELETE", ["subscribe", "customers", uid]) => customers::delete(shared, uid),
        _ => {
            let operation = operation(path);
            shared.books().violation(format!("{} {operation}: no such operation", request.method));
            Answer::Reply(answers::not_found("존재하지 않는 API입니다."))
        }
    }
}

/// A path without its query, and without the billing key that it may name (R23).
fn operation(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    let customers = "/subscribe/customers";
    if path.starts_with(customers) { customers } else { path }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query or of a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// The order's key in the ledger, whose terminal is the store.
fn key(shared: &Shared, merchant_uid: &str) -> Key {
    (shared.config.iamport.store_id.clone(), merchant_uid.to_owned())
}

/// What the plan does to this look-up or cancel: the rescue fault that spoils it, or an answer and no more.
fn spoil(shared: &Shared, entry: &mut Entry, plan: Plan, kind: Kind) -> Result<Option<Rescue>, Answer> {
    if plan.rescue == Some(Rescue::Unauthorized) {
        let asked = shared.tokens().asked();
        if asked <= *entry.tokens_asked.get_or_insert(asked) {
            entry.did("ignored: 401");
            return Err(Answer::Reply(answers::unauthorized()));
        }
        return Ok(None);
    }
    let spoiled = rescue::spoils(entry, plan, kind, shared.config.rescue_failures);
    match rescue::undone(entry, spoiled, |_, text| answers::refused(1, text)) {
        Some(answer) => Err(answer),
        None => Ok(spoiled),
    }
}

/// Gives back so many won: in i'mport's record and in the ledger. The id of the cancellation.
fn give_back(books: &mut Books, key: &Key, imp_uid: &str, back: store::Back<'_>) -> String {
    if let Some(entry) = books.entry(key) {
        entry.refund(Kind::Cancel, imp_uid, back.amount);
    }
    books.iamport.cancel(imp_uid, back)
}
