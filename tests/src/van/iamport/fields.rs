//! The request tables of spec §2 to §4 as data, and bodies read by them: JSON or a form.

use serde_json::Value;

use super::{answers, pairs};
use crate::van::Shared;
use crate::van::fields::{self, Field, Is, Message, field, optional};
use crate::van::http::{Answer, Request};
use crate::van::json::{Charset, Object};

/// `POST /users/getToken`, spec §2.
pub(super) const TOKEN: &[Field<'_>] =
    &[field("imp_key", Is::Chars(200)), field("imp_secret", Is::Chars(400))];

/// `POST /subscribe/payments/again`, spec §4.1; what KICC does not take is in no table.
pub(super) const AGAIN: &[Field<'_>] = &[
    field("customer_uid", Is::Chars(80)),
    field("merchant_uid", Is::Chars(40)),
    field("amount", Is::Price),
    field("name", Is::Chars(40)),
    optional("currency", Is::Word(&["KRW"])),
    optional("tax_free", Is::Won),
    optional("buyer_name", Is::Chars(16)),
    optional("buyer_email", Is::Chars(64)),
    optional("buyer_tel", Is::Chars(16)),
    optional("buyer_addr", Is::Chars(128)),
    optional("buyer_postcode", Is::Chars(8)),
    optional("card_quota", Is::Won),
    optional("custom_data", Is::Chars(4096)),
    optional("notice_url", Is::Chars(1000)),
    optional("browser_ip", Is::Chars(45)),
    optional("product_type", Is::Word(&["real", "digital"])),
    optional("product_count", Is::Won),
    optional("bypass", Is::Chars(4096)),
    optional("channel_key", Is::Chars(55)),
];

/// `POST /payments/cancel`, spec §4.3.
pub(super) const CANCEL: &[Field<'_>] = &[
    optional("imp_uid", Is::Chars(32)),
    optional("merchant_uid", Is::Chars(40)),
    optional("amount", Is::Won),
    optional("tax_free", Is::Won),
    optional("checksum", Is::Won),
    optional("reason", Is::Chars(256)),
    optional("refund_holder", Is::Chars(16)),
    optional("refund_bank", Is::Digits(3)),
    optional("refund_account", Is::Chars(16)),
    optional("enable_webhook", Is::Flag),
    optional("extra", Is::Nested),
];

/// `POST` and `PUT /payments/prepare`, spec §4.4.
pub(super) const PREPARE: &[Field<'_>] = &[
    field("merchant_uid", Is::Chars(40)),
    field("amount", Is::Price),
    optional("currency", Is::Word(&["KRW"])),
];

/// Reads a request, or notes everything that is wrong with it and refuses it.
pub(super) fn admit(shared: &Shared, request: &Request, table: &[Field<'_>]) -> Result<Message, Answer> {
    let read = body(request, table).and_then(|body| {
        let message = fields::check(table, Charset::Utf8, body, shared.clock.now())?;
        let problems = together(&message);
        if problems.is_empty() { Ok(message) } else { Err(problems) }
    });
    read.map_err(|problems| {
        shared.counts().malformed += 1;
        for problem in problems {
            shared.books().violation(format!("{}: {problem}", request.path));
        }
        Answer::Reply(answers::bad_request("잘못된 파라미터입니다."))
    })
}

fn body(request: &Request, table: &[Field<'_>]) -> Result<Object, Vec<String>> {
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let wrong = |what: &str| vec![what.to_owned()];
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => match serde_json::from_slice(&request.body) {
            Ok(Value::Object(fields)) => {
                // Null is as good as nothing.
                Ok(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
            }
            _ => Err(wrong("the body is no JSON object")),
        },
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(&request.body).map_err(|_| wrong("the body is not in utf-8"))?;
            let mut fields = Object::new();
            for (name, value) in pairs(text) {
                // `extra[requester]` is a part of `extra`.
                let (outer, inner) = name.split_once('[').map_or((&*name, None), |(o, i)| (o, Some(i)));
                let value = match inner {
                    Some(_) => Value::Object(Object::new()),
                    None => table
                        .iter()
                        .find(|field| field.name == outer)
                        .map_or_else(|| value.as_str().into(), |field| field.of_text(&value)),
                };
                if fields.insert(outer.to_owned(), value).is_some() && inner.is_none() {
                    return Err(vec![format!("{outer} comes twice")]);
                }
            }
            Ok(fields)
        }
        _ => Err(wrong("the content type is neither application/json nor a form")),
    }
}

/// What is wrong only with several fields together, or with the parts of one.
fn together(message: &Message) -> Vec<String> {
    let mut problems = Vec::new();
    let mut unless = |holds: bool, what: &str| {
        if !holds {
            problems.push(what.to_owned());
        }
    };
    unless(!message.text("merchant_uid").contains('/'), "merchant_uid holds a slash");
    let amount = message.won("amount");
    unless(amount == 0 || message.won("tax_free") <= amount, "tax_free is above amount");
    match message.won("card_quota") {
        0 => {}
        1 => unless(false, "card_quota is 1"),
        _ => unless(amount >= 50_000, "card_quota for less than 50000 won"),
    }
    problems
}
