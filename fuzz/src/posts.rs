//! What comes through strangers' hands, and anybody can forge: what a browser posts to `returnUrl`, and what i'mport's
//! window, webhook and confirm process say. The first byte says which, the second how it is labelled, the rest is the
//! body.

use kicc_proto::{
    easytalk,
    iamport::{HintError, ImpUid, confirm::Confirm, result::WindowResult, webhook::Webhook},
    simple::auth,
    values::OrderNumber,
    wire::post::{POST_MAX, Post, PostError, Posted},
};

use super::shop::{NUMBER, ORDER_NUMBER, nth, number};

const REGISTER_ID: &str = "REG-9";
const LABELS: [Option<&str>; 7] = [
    None,
    Some("application/x-www-form-urlencoded"),
    Some("application/x-www-form-urlencoded; charset=UTF-8"),
    Some("application/x-www-form-urlencoded; charset=\"euc-kr\""),
    Some("application/x-www-form-urlencoded; charset=utf-16le"),
    Some("multipart/form-data; boundary=x"),
    Some("application/json; charset=utf-8"),
];

/// Only a post that names our order, once in each deciding field, is believed; and a hint names what it says, once.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let [which, label, body @ ..] = data else { return };
    let post = Post { content_type: LABELS[nth(*label, LABELS.len())], body };
    let order_number = OrderNumber::new(ORDER_NUMBER).unwrap();
    match nth(*which, 7) {
        0 => {
            let ids = [("shopOrderNo", ORDER_NUMBER)];
            judge(post, &easytalk::window::read(post, &order_number), &ids, |found, all| {
                assert_eq!(all("certControlNo"), [found.expose().as_bytes()]);
            });
        }
        1 => {
            let ids = [("shopTransactionId", NUMBER)];
            let read = auth::read_window(post, &number(NUMBER), &order_number);
            judge(post, &read, &ids, |found, all| {
                assert_eq!(all("authorizationId"), [found.expose().as_bytes()]);
                let order = all("shopOrderNo");
                assert!(order.is_empty() || order == [&b""[..]] || order == [ORDER_NUMBER.as_bytes()]);
            });
        }
        2 => {
            let ids = [("requestTid", NUMBER), ("registerTid", REGISTER_ID)];
            let read = auth::read_user_window(post, &number(NUMBER), REGISTER_ID);
            judge(post, &read, &ids, |found, all| {
                assert_eq!(all("certSeqNo"), [found.sequence_number.as_bytes()]);
            });
        }
        3 => hint(post, Webhook::read(post), |webhook| {
            let mut said = vec![("imp_uid", Some(webhook.imp_uid.to_string()))];
            said.push(("merchant_uid", webhook.merchant_uid.as_deref().map(str::to_owned)));
            said.push(("status", webhook.claimed.as_ref().map(ToString::to_string)));
            said
        }),
        4 => hint(post, WindowResult::from_callback(post), named),
        5 => {
            let query = String::from_utf8_lossy(body);
            let form = query.strip_prefix('?').unwrap_or(&query).as_bytes();
            let post = Post { content_type: LABELS[1], body: form };
            hint(post, WindowResult::from_query(&query), named);
        }
        _ => hint(post, Confirm::read(post), |confirm| {
            let ids = [&*confirm.imp_uid.to_string(), &*confirm.merchant_uid.to_string()].map(str::to_owned);
            let [imp_uid, merchant_uid] = ids;
            vec![("imp_uid", Some(imp_uid)), ("merchant_uid", Some(merchant_uid))]
        }),
    }
}

fn named(result: &WindowResult) -> Vec<(&'static str, Option<String>)> {
    assert!(result.look_up().is_some(), "nothing to look up");
    let imp_uid = result.imp_uid.as_ref().map(ImpUid::to_string);
    vec![("imp_uid", imp_uid), ("merchant_uid", result.merchant_uid.as_ref().map(ToString::to_string))]
}

/// What a hint names stands in it, once, as a reader apart from ours sees it.
fn hint<T>(
    post: Post<'_>,
    read: Result<T, HintError>,
    named: impl FnOnce(&T) -> Vec<(&'static str, Option<String>)>,
) {
    let Ok(found) = read else { return };
    assert!(post.body.len() <= POST_MAX);
    let json = match post.content_type {
        Some(label) => label.starts_with("application/json"),
        None => post.body.trim_ascii_start().starts_with(b"{"),
    };
    let said = match json {
        true => match serde_json::from_slice::<serde_json::Value>(post.body) {
            Ok(said) => Some(said),
            // Damage in a text that is only shown, or in a field that is passed over.
            Err(_) => return,
        },
        false => None,
    };
    for (name, ours) in named(&found) {
        // An open text is made fit for people.
        let Some(ours) = ours.filter(|ours| ours.bytes().all(|byte| byte.is_ascii_graphic())) else {
            continue;
        };
        match &said {
            // A number is a text as it is written.
            Some(said) => assert!(said[name] == *ours || said[name].is_number(), "{name}: {ours}"),
            None => {
                let stated = values(post.body, name);
                assert_eq!(stated, [ours.as_bytes()], "{name}");
            }
        }
    }
}

fn judge<T>(
    post: Post<'_>,
    read: &Result<Posted<T>, PostError>,
    ids: &[(&str, &str)],
    authenticated: impl FnOnce(&T, &dyn Fn(&str) -> Vec<Vec<u8>>),
) {
    let all = |name: &str| values(post.body, name);
    let believed = match read {
        Ok(Posted::Authenticated(found)) => {
            assert_eq!(all("resCd"), [b"0000"]);
            for (name, ours) in ids {
                assert_eq!(all(name), [ours.as_bytes()], "{name} is not ours");
            }
            authenticated(found, &all);
            true
        }
        Ok(Posted::Failed(said)) => {
            assert_eq!(all("resCd"), [said.code.as_bytes()]);
            assert_ne!(&*said.code, "0000");
            for (name, ours) in ids {
                let stated = all(name);
                assert!(stated.iter().all(|value| value.is_empty() || value == ours.as_bytes()), "{name}");
            }
            true
        }
        Err(_) => false,
    };
    let form = post.content_type.is_none_or(|label| label.starts_with("application/"));
    assert!(!believed || post.body.len() <= POST_MAX && form);
}

/// All values of a field, decoded apart from the core.
fn values(body: &[u8], name: &str) -> Vec<Vec<u8>> {
    let fields = body.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    let pairs = fields.map(|field| {
        let mut halves = field.splitn(2, |byte| *byte == b'=');
        [halves.next(), halves.next()].map(|half| decoded(half.unwrap_or_default()))
    });
    pairs.filter(|[key, _]| key == name.as_bytes()).map(|[_, value]| value).collect()
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let pair = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = pair.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (text[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    out
}
