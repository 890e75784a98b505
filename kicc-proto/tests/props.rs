//! Properties of what comes from outside and of what is made of it, where a module has none of its own.

use kicc_proto::{
    easytalk,
    simple::auth::{self, CertValue, CustomerKey, VirtualNumber},
    values::{OrderNumber, PageUrl, ReturnUrl, TransactionNumber},
    wire::post::{POST_MAX, Post, PostError, Posted},
};
use proptest::prelude::*;

const NUMBER: &str = "AUTH-1";
const ORDER_NUMBER: &str = "GDS30004";

/// As a browser writes a form's value; `all`: every byte, as none does.
fn encoded(bytes: &[u8], all: bool) -> String {
    let plain = |byte: u8| !all && (byte.is_ascii_alphanumeric() || b"-._*".contains(&byte));
    bytes
        .iter()
        .map(|byte| if plain(*byte) { char::from(*byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

fn read(body: &str, content_type: Option<&str>) -> Result<Posted<String>, PostError> {
    let post = Post { content_type, body: body.as_bytes() };
    let (number, order_number) =
        (TransactionNumber::new(NUMBER).unwrap(), OrderNumber::new(ORDER_NUMBER).unwrap());
    Ok(match auth::read_window(post, &number, &order_number)? {
        Posted::Authenticated(id) => Posted::Authenticated(id.expose().to_owned()),
        Posted::Failed(said) => Posted::Failed(said),
    })
}

proptest! {
    /// A URL that is taken is kept as it was, and leads to the host that it seems to lead to.
    #[test]
    fn a_url_is_kept_or_refused(text in "(https?|ftp)://[a-z0-9.@:\\[\\]-]{0,20}(/[ -~]{0,30})?|\\PC{0,40}") {
        for taken in [ReturnUrl::new(&text).map(|url| url.as_str().to_owned()), PageUrl::new(&text).map(|url| url.as_str().to_owned())].into_iter().flatten() {
            prop_assert_eq!(&taken, &text);
            let (scheme, rest) = text.split_once("://").unwrap();
            let authority = rest.split(['/', '?', '#']).next().unwrap();
            prop_assert!(!authority.is_empty() && !authority.contains('@'));
            prop_assert!(scheme == "https" || ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| authority.starts_with(host)));
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\".contains(&byte)));
        }
        if ReturnUrl::new(&text).is_ok() {
            prop_assert!(text.starts_with("https://") && ReturnUrl::for_tests(&text).is_ok());
        }
    }

    /// R5, R23: what is about a person is visible ASCII of its length, kept as it was and not shown.
    #[test]
    fn r23_what_is_about_a_person_is_kept_and_not_shown(text in "[!-~]{8,70}|[0-9a-fA-F]{8,210}|\\PC{8,70}") {
        let fits = |limit: usize| text.len() <= limit && text.bytes().all(|byte| byte.is_ascii_graphic());
        let customer = CustomerKey::new(&text);
        prop_assert_eq!(customer.is_ok(), fits(60));
        let virtual_number = VirtualNumber::new(&text);
        prop_assert_eq!(virtual_number.is_ok(), fits(60));
        let value = CertValue::new(&text);
        prop_assert_eq!(value.is_ok(), fits(200) && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let shown = format!("{customer:?} {virtual_number:?} {value:?}");
        prop_assert!(!shown.contains(&text), "{}", shown);
        if let (Ok(customer), Ok(virtual_number)) = (customer, virtual_number) {
            prop_assert_eq!((customer.expose(), virtual_number.expose()), (&*text, &*text));
        }
    }

    /// A post of our order is read whatever its encoding, and one about another order is never believed.
    #[test]
    fn a_post_is_ours_or_not_believed(
        id in "[!-~]{1,60}",
        message in "[가-힣 a-z]{0,30}",
        other in "[A-Za-z0-9_-]{1,20}",
        order in proptest::option::of("[A-Za-z0-9]{1,20}"),
        all in any::<bool>(),
        label in proptest::option::of(Just("application/x-www-form-urlencoded; charset=utf-8")),
    ) {
        let ours = [("resCd", "0000"), ("resMsg", &*message), ("shopTransactionId", NUMBER), ("authorizationId", &*id)];
        let form = |fields: &[(&str, &str)]| -> String {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}={}", encoded(name.as_bytes(), all), encoded(value.as_bytes(), all))).collect();
            fields.join("&")
        };
        prop_assert_eq!(read(&form(&ours), label).unwrap(), Posted::Authenticated(id.clone()));
        let mut fields = ours.to_vec();
        fields[2].1 = &other;
        prop_assert_eq!(read(&form(&fields), label).is_ok(), other == NUMBER);
        fields[2].1 = NUMBER;
        fields[0].1 = "9001";
        let Posted::Failed(said) = read(&form(&fields), label).unwrap() else { panic!("a failure is none") };
        prop_assert_eq!((&*said.code, &*said.message), ("9001", &*message));
        fields.push(("resCd", "9001"));
        prop_assert_eq!(read(&form(&fields), label), Err(PostError::Twice("resCd")));
        fields.pop();
        if let Some(order) = &order {
            fields.push(("shopOrderNo", order));
            prop_assert_eq!(read(&form(&fields), label).is_ok(), order == ORDER_NUMBER);
        }
    }

    /// Any bytes are a post, and prove nothing by themselves.
    #[test]
    fn a_post_of_any_bytes_is_read(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let order_number = OrderNumber::new(ORDER_NUMBER).unwrap();
        let post = Post { content_type: None, body: &body };
        prop_assert!(!matches!(easytalk::window::read(post, &order_number), Ok(Posted::Authenticated(_))));
    }
}

#[test]
fn a_post_that_is_too_long_is_not_read() {
    let body = "x".repeat(POST_MAX + 1);
    assert_eq!(read(&body, None), Err(PostError::TooLong));
    assert_ne!(read(&body[1..], None), Err(PostError::TooLong));
}
