//! What a window's parameters must be (R5; spec §9.2 to §9.5).

use alloc::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::{Buyer, CardOptions, Cards, EscrowProduct, RequestPay};
use crate::{
    iamport::{payment::PayMethod, text::text},
    values::{Amount, Instalment, Invalid, Parts, Problem, ReturnUrl, Won},
};

/// From this amount cards take instalments (spec §9.3), in won.
const INSTALMENTS_FROM: Won = Won(50_000);

/// What the browser appends to the address that it comes back to (spec §10.2).
const APPENDED: [&str; 6] = ["imp_uid", "merchant_uid", "error_code", "error_msg", "imp_success", "success"];

pub(super) fn check(request: &RequestPay<'_>) -> Result<(), Invalid> {
    method(request)?;
    amount(request)?;
    text("name", request.name, 40)?;
    buyer(request)?;
    if let Some(products) = request.escrow {
        escrow(products)?;
    }
    card(request)?;
    redirect_url(request.redirect_url)?;
    if let Some(scheme) = request.app_scheme {
        app_scheme(scheme).map_err(|problem| problem.of("app scheme"))?;
    }
    if let Some(data) = request.custom_data {
        custom_data(data).map_err(|problem| problem.of("custom data"))?;
    }
    request.customer_id.map_or(Ok(()), |id| text("customer id", id, 80))?;
    if request.currency.is_some_and(|currency| currency != "KRW") {
        return refuse("currency", "must be KRW: KICC takes no other");
    }
    if request.language.is_some_and(|language| language != "ko") {
        return refuse("language", "must be ko: KICC's window has no other");
    }
    Ok(())
}

/// What the way of paying allows.
fn method(request: &RequestPay<'_>) -> Result<(), Invalid> {
    let method = &request.pay_method;
    if let PayMethod::Other(word) = method {
        return refuse(
            "pay method",
            match &**word {
                "wechat" | "alipay_plus" => "is of KICC's overseas channel, which is another integration",
                _ => "is not offered by KICC: its window has card, trans, vbank and phone",
            },
        );
    }
    if request.customer_uid.is_some() && *method != PayMethod::Card {
        return refuse("pay method", "must be card where a billing key is issued");
    }
    let deposit = matches!(method, PayMethod::Transfer | PayMethod::VirtualAccount);
    if request.escrow.is_some() && !deposit {
        return refuse("escrow", "is for account transfers and virtual accounts alone");
    }
    match (request.digital, *method == PayMethod::Phone) {
        (None, true) => return refuse("digital", "must be stated where the phone bill pays"),
        (Some(_), false) => return refuse("digital", "is for payments by phone bill alone"),
        _ => {}
    }
    if request.deposit_until.is_some() && *method != PayMethod::VirtualAccount {
        return refuse("deposit date", "is for virtual accounts alone");
    }
    let CardOptions { direct, cards, months, key_in } = &request.card;
    let special = direct.is_some() || !matches!(cards, Cards::All) || months.is_some() || *key_in;
    if special && *method != PayMethod::Card {
        return refuse("card", "is for payments by card alone");
    }
    Ok(())
}

fn amount(request: &RequestPay<'_>) -> Result<(), Invalid> {
    let tax_free = request.tax_free.unwrap_or_default();
    match request.customer_uid {
        Some(_) if request.amount == Won::ZERO && tax_free == Won::ZERO => Ok(()),
        _ => Amount::new(request.amount, Parts { tax_free, ..Parts::default() }).map(drop),
    }
}

fn buyer(request: &RequestPay<'_>) -> Result<(), Invalid> {
    let Buyer { name, email, tel, address, postcode } = request.buyer;
    let (payment, escrow) = (request.customer_uid.is_none(), request.escrow.is_some());
    let fields = [
        ("buyer tel", tel, 16, payment),
        ("buyer name", name, 16, escrow),
        ("buyer email", email, 64, escrow),
        ("buyer address", address, 128, false),
        ("buyer postcode", postcode, 8, false),
    ];
    for (field, value, limit, needed) in fields {
        match value {
            Some(value) => text(field, value, limit)?,
            None if needed && escrow => return refuse(field, "is required for escrow"),
            None if needed => return refuse(field, "is required: KICC's window may fail without"),
            None => {}
        }
    }
    Ok(())
}

fn escrow(products: &[EscrowProduct<'_>]) -> Result<(), Invalid> {
    if products.is_empty() {
        return Err(Problem::Empty.of("escrow products"));
    }
    for product in products {
        text("escrow product name", product.name, 40)?;
        if product.quantity == 0 {
            let range = Problem::OutOfRange { least: 1, most: u32::MAX.into() };
            return Err(range.of("escrow product quantity"));
        }
        if product.amount > Amount::MAX {
            return Err(Problem::OutOfRange { least: 0, most: Amount::MAX.0 }.of("escrow product amount"));
        }
    }
    Ok(())
}

fn card(request: &RequestPay<'_>) -> Result<(), Invalid> {
    let CardOptions { direct, cards, months, .. } = &request.card;
    if let Cards::Only([]) | Cards::Without([]) = cards {
        return Err(Problem::Empty.of("cards"));
    }
    if let Some(direct) = direct {
        if !cards.shows(direct.code) {
            return refuse("direct card", "calls an issuer that is not shown");
        }
        instalments("direct card quota", &[direct.quota], request.amount)?;
        direct.company.map_or(Ok(()), |company| text("company", company, 40))?;
    }
    if let Some(months) = months {
        if months.contains(&Instalment::lump_sum()) {
            return refuse("months", "lists months alone: a lump sum is always offered");
        }
        instalments("months", months, request.amount)?;
    }
    Ok(())
}

fn instalments(field: &'static str, months: &[Instalment], amount: Won) -> Result<(), Invalid> {
    let any = months.iter().any(|months| *months != Instalment::lump_sum());
    if any && amount < INSTALMENTS_FROM {
        return refuse(field, "offers instalments, which begin at 50000 won");
    }
    Ok(())
}

/// The browser comes back with pairs appended; the shop's own of the same name would hide them.
fn redirect_url(url: &ReturnUrl) -> Result<(), Invalid> {
    let query = url.as_str().split_once('?').map_or("", |(_, query)| query);
    let name = |pair: &'_ str| -> Cow<'_, str> {
        let name = pair.split('=').next().unwrap_or_default();
        Cow::Owned(percent_decode_str(name).decode_utf8_lossy().into_owned())
    };
    match query.split(['&', '#']).any(|pair| APPENDED.contains(&&*name(pair))) {
        true => refuse("redirect url", "has a pair in its query that the result will need, such as imp_uid"),
        false => Ok(()),
    }
}

/// `name`, or `name://` and more.
fn app_scheme(text: &str) -> Result<(), Problem> {
    let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
    let whole = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    if !whole || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Problem::Other("must be a scheme, or a scheme and :// and more"));
    }
    match rest.bytes().position(|byte| !byte.is_ascii_graphic() || br#""'<>\"#.contains(&byte)) {
        Some(at) => {
            let at = text.len() - rest.len() + at;
            Err(Problem::BadCharacter { at, why: "only visible ASCII, no quote, angle bracket or backslash" })
        }
        None => Ok(()),
    }
}

fn custom_data(text: &str) -> Result<(), Problem> {
    const LIMIT: usize = 4_000;
    if text.len() > LIMIT {
        return Err(Problem::TooLong { limit: LIMIT, got: text.len() });
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(object) if object.get().starts_with('{') => Ok(()),
        _ => Err(Problem::Other("must be a JSON object")),
    }
}

fn refuse(field: &'static str, why: &'static str) -> Result<(), Invalid> {
    Err(Problem::Other(why).of(field))
}
