//! What moves no money: look-ups, the registration of an amount before the window opens, and billing keys (spec §4.2,
//! §4.4, §4.5). They may be repeated freely.
//!
//! A [`Rest`] becomes a [`Call`] with the merchant's token. When that was answered 401
//! ([`CallError::wants_new_token`](crate::wire::message::CallError::wants_new_token)), the token is given up
//! ([`Tokens::refused`](super::Tokens::refused)) and the call made once more with a new one: it was not carried out.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    AccessToken, CustomerUid, ImpUid, Payment, Settings, Tier,
    envelope::{self, Envelope},
    messages, payment,
    text::text,
};
use crate::{
    flow::said::{Said, Unclear},
    time::UnixMillis,
    values::{Amount, Invalid, TransactionNumber, Won},
    wire::{
        Method, Reply, Request, RequestBuffer,
        answer::masked,
        call::{Call, CallError},
        json::{self, Field, Value},
    },
};

/// Everything but what RFC 3986 leaves as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call that wants a token. `A` is what its success brings.
pub struct Rest<A> {
    method: Method,
    path: String,
    body: Zeroizing<Vec<u8>>,
    /// What the answer must be about.
    about: Box<str>,
    read: fn(Field<'_>, &str) -> Result<A, Unclear>,
    /// What *there is none* brings; `None`: it is no answer.
    absent: Option<fn() -> A>,
    /// What a refusal means.
    refusal: Refusal,
}

/// What HTTP 200 with a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// What it says.
    Plain,
    /// The same, without what the call is about, which i'mport quotes (R23).
    Scrubbed,
    /// There is none: what i'mport says of unknown billing keys beside 404 (spec §13.3).
    Absent,
}

impl<A> Rest<A> {
    /// The call as it can be sent, with the merchant's token and sub-merchant.
    #[must_use]
    pub fn with<'a>(&'a self, token: &'a AccessToken, tier: Option<&'a Tier>) -> Authorised<'a, A> {
        Authorised { rest: self, token, tier }
    }
}

/// A [`Rest`] with its token.
pub struct Authorised<'a, A> {
    rest: &'a Rest<A>,
    token: &'a AccessToken,
    tier: Option<&'a Tier>,
}

impl<A> Call for Authorised<'_, A> {
    type Answer = A;

    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        envelope::prepare(buffer, self.rest.method, &self.rest.path);
        buffer.body.extend_from_slice(&self.rest.body);
        envelope::push_authorization(&mut buffer.headers, self.token, self.tier);
        buffer.request()
    }

    fn read(&self, reply: Reply<'_>) -> Result<A, CallError> {
        let Rest { read, absent, about, refusal: means, .. } = self.rest;
        if let (Some(none), Some(_)) = (absent, Envelope::absent(reply)) {
            return Ok(none());
        }
        if reply.status != 200 {
            return Err(CallError::Unclear(Unclear::Status(reply.status)));
        }
        let body = envelope::body(reply);
        let Envelope { refusal, response } = Envelope::read(&body).map_err(CallError::Unclear)?;
        match (refusal, means, absent) {
            (None, ..) => read(response, about).map_err(CallError::Unclear),
            (Some(_), Refusal::Absent, Some(none)) => Ok(none()),
            (Some(said), Refusal::Plain, _) => Err(CallError::Refused(said)),
            (Some(said), ..) => {
                let message = said.message.replace(&**about, "(..)").into();
                Err(CallError::Refused(Said { message, ..said }))
            }
        }
    }
}

/// `GET /payments/{imp_uid}`: the payment that a page or a webhook named (spec §6). `None`: there is none, or, without
/// [`Settings::test`], none that took real money. The caller compares its number, amount and status with the books
/// ([`verify`](super::verify)).
#[must_use]
pub fn payment(imp_uid: &ImpUid, settings: &Settings) -> Rest<Option<Payment>> {
    let mut path = String::new();
    messages::by_id(imp_uid, Some(settings), &mut path);
    get(path, imp_uid.as_str(), |response, imp_uid| {
        let payment = payment::read(response, "response")?;
        same("imp_uid", payment.imp_uid.as_str(), imp_uid)?;
        Ok(Some(payment))
    })
    .or(|| None)
}

/// `GET /payments/find/{merchant_uid}`: the payment of that number that was begun last.
#[must_use]
pub fn latest(number: &TransactionNumber, settings: &Settings) -> Rest<Option<Payment>> {
    let mut path = format!("/payments/find/{number}");
    messages::push_sandbox(Some(settings), &mut path);
    get(path, number.as_str(), |response, number| {
        Ok(Some(numbered(payment::read(response, "response")?, number)?))
    })
    .or(|| None)
}

/// `GET /payments/findAll/{merchant_uid}`: the payments of that number, the one begun last first, 20 to a page.
#[must_use]
pub fn payments(number: &TransactionNumber, page: u64, settings: &Settings) -> Rest<Page> {
    let mut path = String::new();
    messages::all(number, Some(settings), &mut path);
    path.push_str(if path.contains('?') { "&" } else { "?" });
    path.push_str(&format!("page={}", page.max(1)));
    get(path, number.as_str(), |response, number| {
        let page = read_page(response)?;
        let list =
            page.list.into_iter().map(|payment| numbered(payment, number)).collect::<Result<_, _>>()?;
        Ok(Page { list, ..page })
    })
    .or(Page::default)
}

/// One page of payments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Page {
    /// `total`: how many there are on all pages, where it is stated.
    pub total: Option<u64>,
    /// `next`: the number of the page after this one; `None`: this is the last.
    pub next: Option<u64>,
    /// `list`: those of this page, however many came.
    pub list: Vec<Payment>,
}

/// An amount that was registered before the window opens: the window of that number opens for no other (spec §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prepared {
    /// `amount`, in won.
    pub amount: Won,
}

/// `POST /payments/prepare`. Of a number that was registered before it is refused (spec §4.4): read that back, and
/// change it where it differs.
#[must_use]
pub fn prepare(number: &TransactionNumber, amount: &Amount) -> Rest<Prepared> {
    preparing(Method::Post, number, amount)
}

/// `PUT /payments/prepare`: another amount for a registered number. `None`: it was never registered.
#[must_use]
pub fn prepare_again(number: &TransactionNumber, amount: &Amount) -> Rest<Option<Prepared>> {
    let Rest { method, path, body, about, refusal, .. } = preparing(Method::Put, number, amount);
    Rest {
        method,
        path,
        body,
        about,
        refusal,
        read: |response, number| read_prepared(response, number).map(Some),
        absent: Some(|| None),
    }
}

/// `GET /payments/prepare/{merchant_uid}`. `None`: it was never registered.
#[must_use]
pub fn prepared(number: &TransactionNumber) -> Rest<Option<Prepared>> {
    get(format!("/payments/prepare/{number}"), number.as_str(), |response, number| match response {
        None => Ok(None),
        response => read_prepared(response, number).map(Some),
    })
    .or(|| None)
}

/// A stored billing key (`CustomerAnnotation`, spec §4.5). The key itself never leaves i'mport.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BillingKey {
    /// `customer_uid`.
    pub customer_uid: CustomerUid,
    /// `pg_provider`: `kicc` for ours.
    pub pg_provider: Option<Box<str>>,
    /// `pg_id`: the merchant's id at KICC; the key works there alone.
    pub pg_id: Option<Box<str>>,
    /// `sandbox`: of a test channel.
    pub sandbox: Option<bool>,
    /// `customer_id`: the merchant's own.
    pub customer_id: Option<Box<str>>,
    /// `card_code`: the issuer's.
    pub card_code: Option<Box<str>>,
    /// `card_name`.
    pub card_name: Option<Box<str>>,
    /// `card_number`, masked (R23).
    pub card_number: Option<Box<str>>,
    /// `card_type`: `0` credit, `1` debit, where it is told.
    pub card_type: Option<Box<str>>,
    /// `inserted`: when it was issued first.
    pub inserted: Option<UnixMillis>,
    /// `updated`: when its card was replaced last.
    pub updated: Option<UnixMillis>,
}

/// `GET /subscribe/customers/{customer_uid}`. `None`: no key is stored under that name.
#[must_use]
pub fn billing_key(customer_uid: &CustomerUid) -> Rest<Option<BillingKey>> {
    let path = customer_path(customer_uid);
    Rest { refusal: Refusal::Absent, ..get(path, customer_uid.expose(), some_billing_key).or(|| None) }
}

/// `DELETE /subscribe/customers/{customer_uid}`: for ever, and scheduled charges with it. `None`: there was none.
/// `reason` has up to 256 characters (ours).
///
/// # Errors
/// A reason that is empty, longer, or has a control character.
pub fn delete_billing_key(
    customer_uid: &CustomerUid,
    reason: Option<&str>,
) -> Result<Rest<Option<BillingKey>>, Invalid> {
    let mut path = customer_path(customer_uid);
    if let Some(reason) = reason {
        text("reason", reason, 256)?;
        path.push_str(&format!("?reason={}", utf8_percent_encode(reason, ESCAPED)));
    }
    let rest = get(path, customer_uid.expose(), some_billing_key).or(|| None);
    Ok(Rest { method: Method::Delete, refusal: Refusal::Scrubbed, ..rest })
}

fn get<A>(path: String, about: &str, read: fn(Field<'_>, &str) -> Result<A, Unclear>) -> Rest<A> {
    let body = Zeroizing::default();
    Rest { method: Method::Get, path, body, about: about.into(), read, absent: None, refusal: Refusal::Plain }
}

impl<A> Rest<A> {
    fn or(self, absent: fn() -> A) -> Self {
        Rest { absent: Some(absent), ..self }
    }
}

/// Registration of an amount (spec §4.4).
#[derive(Serialize)]
struct PrepareRequest<'a> {
    merchant_uid: &'a str,
    amount: u64,
}

fn preparing(method: Method, number: &TransactionNumber, amount: &Amount) -> Rest<Prepared> {
    let request = PrepareRequest { merchant_uid: number.as_str(), amount: amount.total().0 };
    Rest {
        method,
        path: "/payments/prepare".into(),
        // A string and a number: none of serde_json's errors can arise.
        body: Zeroizing::new(serde_json::to_vec(&request).unwrap_or_default()),
        about: number.as_str().into(),
        read: read_prepared,
        absent: None,
        refusal: Refusal::Plain,
    }
}

fn read_prepared(response: Field<'_>, number: &str) -> Result<Prepared, Unclear> {
    const NAMES: [&str; 2] = ["merchant_uid", "amount"];
    let [merchant_uid, amount] = json::object(required(response)?, &NAMES)?;
    same(NAMES[0], &json::text(merchant_uid).unwrap_or_default(), number)?;
    let amount = json::amount(amount)?.ok_or_else(|| Unclear::MissingEcho(NAMES[1].into()))?;
    Ok(Prepared { amount })
}

fn some_billing_key(response: Field<'_>, uid: &str) -> Result<Option<BillingKey>, Unclear> {
    #[rustfmt::skip]
    const NAMES: [&str; 11] = [
        "customer_uid", "pg_provider", "pg_id", "sandbox", "customer_id", "card_code", "card_name", "card_number",
        "card_type", "inserted", "updated",
    ];
    let [customer_uid, rest @ ..] = json::object(required(response)?, &NAMES)?;
    let stated = Zeroizing::new(String::from(json::text(customer_uid).unwrap_or_default()));
    same(NAMES[0], &stated, uid)?;
    let [pg_provider, pg_id, sandbox, customer_id, card_code, card_name, card_number, card_type, times @ ..] =
        rest;
    let [inserted, updated] = times.map(payment::time);
    Ok(Some(BillingKey {
        customer_uid: CustomerUid::new(&stated).map_err(|_| Unclear::Damaged(NAMES[0].into()))?,
        pg_provider: json::own_text(pg_provider),
        pg_id: json::own_text(pg_id),
        sandbox: payment::flag(sandbox),
        customer_id: json::own_text(customer_id),
        card_code: json::own_text(card_code),
        card_name: json::own_text(card_name),
        card_number: json::text(card_number).map(|number| masked(number).into()),
        card_type: json::own_text(card_type),
        inserted,
        updated,
    }))
}

/// A page of a look-up.
pub(super) fn read_page(response: Field<'_>) -> Result<Page, Unclear> {
    const NAMES: [&str; 3] = ["total", "next", "list"];
    let [total, next, list] = json::object(required(response)?, &NAMES)?;
    let number = |field, name: &str| {
        let number = json::text(field).map(|number| number.parse());
        number.transpose().map_err(|_| Unclear::Damaged(name.into()))
    };
    Ok(Page {
        total: number(total, NAMES[0])?,
        next: number(next, NAMES[1])?.filter(|next| *next > 0),
        list: payment::read_all(list, NAMES[2])?,
    })
}

fn customer_path(customer_uid: &CustomerUid) -> String {
    format!("/subscribe/customers/{}", utf8_percent_encode(customer_uid.expose(), ESCAPED))
}

fn required(response: Field<'_>) -> Result<&str, Unclear> {
    response.map(Value::json).ok_or_else(|| Unclear::MissingEcho("response".into()))
}

fn numbered(payment: Payment, number: &str) -> Result<Payment, Unclear> {
    same("merchant_uid", &payment.merchant_uid, number)?;
    Ok(payment)
}

fn same(name: &str, stated: &str, ours: &str) -> Result<(), Unclear> {
    if stated == ours { Ok(()) } else { Err(Unclear::ForeignEcho(name.into())) }
}

impl<A> fmt::Debug for Rest<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for Authorised<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rest.fmt(f)
    }
}

impl fmt::Debug for BillingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BillingKey")
            .field("pg_provider", &self.pg_provider)
            .field("card_code", &self.card_code)
            .finish_non_exhaustive()
    }
}
