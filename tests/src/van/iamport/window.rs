//! The payment window in the browser: a stand-in for i'mport's script, the page that it opens, and the result that goes
//! back by callback or by redirect (spec §9, §10).
//!
//! The script posts the parameters to `/iamport/window`, in a frame over the shop's page or, on a phone, in its place. A
//! press ends it: `pay` pays, opens a virtual account or issues a billing key, as the order's fault has it; `fail` and
//! `cancel` leave a `failed` record; `close` leaves a `ready` one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::payment::{Draft, Payment, Standing};
use super::{customers, key, pairs, param};
use crate::van::choice::plan;
use crate::van::clock::machine_now;
use crate::van::faults::{Fault, Product};
use crate::van::http::{Answer, Reply, Request};
use crate::van::json::Charset;
use crate::van::ledger::hash;
use crate::van::windows::{self, Press};
use crate::van::{IamportSettings, Shared};

const SCRIPT: &str = include_str!("iamport.js");
const OPEN: &str = "/iamport/window";
const DEPOSITS: &str = "/iamport/deposits/";

/// Is it a path of the browser's side?
pub(in crate::van) fn serves(path: &str) -> bool {
    is_script(path) || path == OPEN || path.starts_with("/iamport/window/") || path.starts_with(DEPOSITS)
}

fn is_script(path: &str) -> bool {
    path == "/v1/iamport.js" || path.starts_with("/js/iamport.payment-")
}

/// What a page of the shop opened.
pub(super) struct Window {
    imp_uid: String,
    back: Back,
}

/// How the result gets back to the shop.
#[derive(Clone, Default)]
struct Back {
    mobile: bool,
    /// The old script, whose results say `success`.
    old: bool,
    /// Whether a callback waits on a PC.
    callback: bool,
    redirect_url: Option<String>,
}

pub(in crate::van) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let window = path.strip_prefix("/iamport/window/");
    Answer::Reply(match (request.method.as_str(), window) {
        ("GET", None) if is_script(path) => {
            Reply { content_type: "text/javascript; charset=utf-8", ..Reply::text(200, SCRIPT) }
        }
        ("POST", None) if path == OPEN => open(shared, request),
        ("GET", Some(id)) => show(shared, request, id),
        ("POST", Some(id)) => press(shared, request, id),
        ("POST", None) => deposit(shared, path.trim_start_matches(DEPOSITS)),
        _ => Reply::text(404, "no such page\n"),
    })
}

/// The parameters come: the window opens, or the result says at once why not.
fn open(shared: &Arc<Shared>, request: &Request) -> Reply {
    let form = pairs(&String::from_utf8_lossy(&request.body));
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
    let Ok(Value::Object(param)) = serde_json::from_str(field("param")) else {
        shared.counts().malformed += 1;
        shared.books().violation(format!("{OPEN}: the parameters are no object"));
        return Reply::text(400, "no parameters\n");
    };
    let settings = &shared.config.iamport;
    let back = Back {
        mobile: !field("mobile").is_empty(),
        old: !field("old").is_empty(),
        callback: !field("callback").is_empty(),
        redirect_url: param.get("m_redirect_url").and_then(Value::as_str).map(str::to_owned),
    };
    let mut problems = param::problems(&param, settings, back.mobile);
    if field("user_code") != settings.store_id {
        problems.push("IMP.init with another store".into());
    }
    if field("tier") != settings.tier.as_deref().unwrap_or_default() {
        problems.push("not the merchant's Tier".into());
    }
    let draft = Draft::of_window(&param, if back.mobile { "mobile" } else { "pc" });
    let mut books = shared.books();
    for problem in &problems {
        books.violation(format!("{OPEN}: {problem}"));
    }
    let registered = books.iamport.prepared.get(&draft.merchant_uid);
    let refusal = match problems.first() {
        Some(problem) => Some(("F0001", problem.as_str())),
        None if books.iamport.was_paid(&draft.merchant_uid) => {
            Some(("F1002", "이미 결제가 이루어진 거래건입니다."))
        }
        None if registered.is_some_and(|amount| *amount != draft.amount) => {
            Some(("F1001", "사전등록된 금액과 결제요청 금액이 일치하지 않습니다."))
        }
        None => None,
    };
    if let Some((code, text)) = refusal {
        let mut result = json!({ "imp_uid": null, "merchant_uid": draft.merchant_uid, "error_code": code, "error_msg": text });
        result["success"] = false.into();
        return back.deliver(result);
    }
    let key = key(shared, &draft.merchant_uid);
    books.iamport.expect(&key, draft);
    let imp_uid = books.iamport.begin(&key, shared.clock.now().unix).unwrap_or_default();
    let id = hash(format!("{imp_uid} {}", machine_now()).as_bytes())[..20].to_owned();
    books.iamport.windows.insert(id.clone(), Window { imp_uid, back });
    shared.counts().registrations += 1;
    Reply { status: 303, location: Some(format!("{OPEN}/{id}")), ..Reply::text(303, "") }
}

fn show(shared: &Shared, request: &Request, id: &str) -> Reply {
    let books = shared.books();
    let payment = books.iamport.windows.get(id).and_then(|window| books.iamport.payment(&window.imp_uid));
    let Some(payment) = payment else { return Reply::text(404, "no such window\n") };
    let window = windows::Window {
        return_url: format!("{OPEN}/{id}"),
        shown: vec![payment.of.name.clone(), payment.of.merchant_uid.clone()],
        // The issue of a billing key moves no money.
        amount: payment.of.usage.is_none().then_some(payment.of.amount),
        echo: Vec::new(),
        authorisation_field: "",
        encoded_text: false,
        order: None,
    };
    let posts = Press::ALL.map(|press| (press, vec![("press", press.id().to_owned())]));
    windows::page(request, &window, &posts, Charset::Utf8)
}

fn press(shared: &Shared, request: &Request, id: &str) -> Reply {
    let form = pairs(&String::from_utf8_lossy(&request.body));
    let pressed = form.iter().find(|(name, _)| name == "press").map_or("", |(_, value)| value);
    let pressed = Press::ALL.into_iter().find(|press| press.id() == pressed);
    let window = shared.books().iamport.windows.remove(id);
    let (Some(press), Some(window)) = (pressed, window) else {
        return Reply::text(404, "no such window\n");
    };
    settle(shared, &window.imp_uid, press);
    let books = shared.books();
    let payment = books.iamport.payment(&window.imp_uid);
    window.back.deliver(payment.map_or(Value::Null, |payment| result(payment, press, &shared.config.iamport)))
}

/// What a press makes of the payment.
fn settle(shared: &Shared, imp_uid: &str, press: Press) {
    let (mut books, now) = (shared.books(), shared.clock.now());
    let Some(payment) = books.iamport.payment(imp_uid).cloned() else { return };
    let (number, amount) = (payment.of.merchant_uid.as_str(), payment.of.amount);
    let key = key(shared, number);
    books.iamport.resume(&key, imp_uid);
    let plan = plan(&shared.config, Product::Iamport, number, amount);
    match press {
        Press::Close => {}
        Press::Cancel => {
            drop(books.iamport.fail(&key, "[결제포기] 사용자가 결제를 취소하셨습니다", now.unix))
        }
        Press::Fail => drop(books.iamport.fail(&key, "[8311] 비밀번호 오류", now.unix)),
        Press::Pay if plan.fault == Fault::Decline => {
            books.entry_or_new(&key, amount, plan).decline();
            books.iamport.fail(&key, "[8521] 한도초과", now.unix);
        }
        Press::Pay if payment.of.usage.is_some() => {
            customers::issue(&mut books.iamport, payment.of, now.unix);
            books.iamport.issue(imp_uid, now.unix);
        }
        Press::Pay if payment.of.pay_method == "vbank" => books.iamport.open_account(imp_uid),
        // A second window of the same order, which was paid in the first one meanwhile.
        Press::Pay if books.iamport.was_paid(number) => {}
        Press::Pay => {
            books.entry_or_new(&key, amount, plan);
            let amount = if plan.fault == Fault::AmountDiffers { amount + 10 } else { amount };
            books.book(&key, amount, now);
        }
    }
}

/// A customer opens a window for an order and pays in it. The `imp_uid`.
pub(in crate::van) fn pay(shared: &Shared, merchant_uid: &str, amount: u64) -> String {
    let draft = Draft {
        merchant_uid: merchant_uid.to_owned(),
        amount,
        name: "주문".into(),
        pay_method: "card".into(),
        channel: "pc",
        ..Draft::default()
    };
    let key = key(shared, merchant_uid);
    let imp_uid = {
        let mut books = shared.books();
        books.iamport.expect(&key, draft);
        books.iamport.begin(&key, shared.clock.now().unix).unwrap_or_default()
    };
    settle(shared, &imp_uid, Press::Pay);
    imp_uid
}

/// The money for a virtual account comes in.
fn deposit(shared: &Shared, imp_uid: &str) -> Reply {
    let mut books = shared.books();
    let waiting = |payment: &&Payment| payment.account.is_some() && payment.standing == Standing::Ready;
    let Some(payment) = books.iamport.payment(imp_uid).filter(waiting).cloned() else {
        return Reply::text(404, "no deposit is waited for\n");
    };
    let (number, amount) = (payment.of.merchant_uid.as_str(), payment.of.amount);
    let key = key(shared, number);
    books.iamport.resume(&key, imp_uid);
    let plan = plan(&shared.config, Product::Iamport, number, amount);
    books.entry_or_new(&key, amount, plan);
    books.book(&key, amount, shared.clock.now());
    Reply::text(200, "deposited\n")
}

/// The callback object of spec §10.1.
fn result(payment: &Payment, press: Press, settings: &IamportSettings) -> Value {
    let shown = payment.json(settings);
    let success = press == Press::Pay && !matches!(payment.standing, Standing::Failed(_));
    let given_up = "[결제포기] 사용자가 결제창을 닫으셨습니다";
    let (code, text) = match &payment.standing {
        Standing::Failed(reason) => (Some("KICC"), Some(reason.as_str())),
        Standing::Ready if press == Press::Close => (Some("KICC"), Some(given_up)),
        _ => (None, None),
    };
    let mut result = json!({
        "success": success, "imp_uid": payment.imp_uid, "merchant_uid": payment.of.merchant_uid,
        "error_code": code, "error_msg": text, "paid_amount": shown["amount"], "pg_type": "payment",
    });
    for name in [
        "pay_method",
        "status",
        "name",
        "pg_provider",
        "pg_tid",
        "buyer_name",
        "buyer_email",
        "buyer_tel",
        "buyer_addr",
        "buyer_postcode",
        "custom_data",
        "paid_at",
        "receipt_url",
        "apply_num",
        "bank_name",
        "card_name",
        "card_number",
        "card_quota",
        "currency",
        "vbank_num",
        "vbank_name",
        "vbank_holder",
        "vbank_date",
    ] {
        result[name] = shown[name].clone();
    }
    result
}

impl Back {
    /// The way back: a redirect on a phone and where no callback waits, else a message to the shop's page.
    fn deliver(&self, mut result: Value) -> Reply {
        let redirect = self.redirect_url.as_ref().filter(|_| self.mobile || !self.callback);
        let redirect = redirect.map(|url| self.with_query(url, &result));
        match (redirect, &mut result) {
            (Some(url), _) if self.mobile => {
                Reply { status: 303, location: Some(url), ..Reply::text(303, "") }
            }
            (redirect, Value::Object(result)) if !self.mobile => {
                if !self.old {
                    result.shift_remove("success");
                }
                message(&json!({ "result": result, "redirect": redirect }))
            }
            _ => Reply::text(400, "no m_redirect_url\n"),
        }
    }

    /// The address with the pairs of spec §10.2 behind those that it has.
    fn with_query(&self, url: &str, result: &Value) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in ["imp_uid", "merchant_uid", "error_code", "error_msg"] {
            if let Some(value) = result[name].as_str() {
                query.append_pair(name, value);
            }
        }
        if self.old {
            query.append_pair("imp_success", &result["success"].to_string());
        }
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}{}{fragment}", query.finish())
    }
}

/// A page that tells the page around it. The address of that one is not known here, and what is told is no secret: it
/// is not to be trusted either.
fn message(told: &Value) -> Reply {
    let told = told.to_string().replace('<', "\\u003c");
    let html = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<script id=\"told\">parent.postMessage({told}, \"*\");</script>\n"
    );
    Reply { content_type: "text/html; charset=utf-8", ..Reply::text(200, &html) }
}
