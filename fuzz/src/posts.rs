//! What a browser posts to `returnUrl`, which anybody can forge. The first byte says from which window, the second
//! how it is labelled, the rest is the body.

use kicc_proto::{
    easytalk,
    simple::auth,
    values::OrderNumber,
    wire::post::{POST_MAX, Post, PostError, Posted},
};

use super::shop::{NUMBER, ORDER_NUMBER, number};

const REGISTER_ID: &str = "REG-9";
const LABELS: [Option<&str>; 6] = [
    None,
    Some("application/x-www-form-urlencoded"),
    Some("application/x-www-form-urlencoded; charset=UTF-8"),
    Some("application/x-www-form-urlencoded; charset=\"euc-kr\""),
    Some("application/x-www-form-urlencoded; charset=utf-16le"),
    Some("multipart/form-data; boundary=x"),
];

/// Only a post that names our order, once in each deciding field, is believed.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let [which, label, body @ ..] = data else { return };
    let post = Post { content_type: LABELS[usize::from(*label) % LABELS.len()], body };
    let order_number = OrderNumber::new(ORDER_NUMBER).unwrap();
    match which % 3 {
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
        _ => {
            let ids = [("requestTid", NUMBER), ("registerTid", REGISTER_ID)];
            let read = auth::read_user_window(post, &number(NUMBER), REGISTER_ID);
            judge(post, &read, &ids, |found, all| {
                assert_eq!(all("certSeqNo"), [found.sequence_number.as_bytes()]);
            });
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
