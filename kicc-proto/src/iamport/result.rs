//! What the payment window leaves behind in the browser: the callback's object on a computer, the redirect's query
//! on a phone (spec §10).
//!
//! Both go through the customer's hands. They name the payment to look up and tell the customer what went wrong;
//! whether it was paid, they never say, not even where they hold a `success`: that is for the payment itself, by
//! [`verify`](super::verify). The order too is the one that the payment names, not this.

use alloc::boxed::Box;

use super::{
    hint::{self, HintError},
    values::ImpUid,
};
use crate::{values::TransactionNumber, wire::post::Post};

/// The end of a window, as the browser tells it: at least one of both ids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowResult {
    /// `imp_uid`; `None` where the window never opened, and on one page's sample redirect.
    pub imp_uid: Option<ImpUid>,
    /// `merchant_uid`.
    pub merchant_uid: Option<TransactionNumber>,
    /// What went wrong, as the browser tells it.
    pub failure: Option<Failure>,
}

/// `error_code` and `error_msg`: KICC's own, or i'mport's (spec §10.1). For the customer's eyes, and escaped there:
/// a forged address can say anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `error_code`.
    pub code: Option<Box<str>>,
    /// `error_msg`.
    pub message: Option<Box<str>>,
}

/// What to look up after a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp<'a> {
    /// This payment (`GET /payments/{imp_uid}`).
    Payment(&'a ImpUid),
    /// All payments of this number: the window said nothing of any, as when it was paid before.
    Number(&'a TransactionNumber),
}

impl WindowResult {
    /// Reads the object that `IMP.request_pay` gave to its callback, as the page posted it: JSON, or a form.
    ///
    /// # Errors
    /// [`HintError`]; the payment is then found by the number that the page was given.
    pub fn from_callback(post: Post<'_>) -> Result<Self, HintError> {
        const NAMES: [&str; 4] = ["imp_uid", "merchant_uid", "error_code", "error_msg"];
        let [imp_uid, merchant_uid, code, message] = hint::fields(post, &NAMES)?;
        let failed = code.is_some() || message.is_some();
        let result = WindowResult {
            imp_uid: imp_uid.as_deref().map(ImpUid::new).transpose()?,
            merchant_uid: merchant_uid.as_deref().map(TransactionNumber::new_long).transpose()?,
            failure: failed.then_some(Failure { code, message }),
        };
        match (&result.imp_uid, &result.merchant_uid) {
            (None, None) => Err(HintError::Missing("imp_uid")),
            _ => Ok(result),
        }
    }

    /// Reads the query with which the browser came back to `m_redirect_url`, with or without its `?`. The shop's
    /// own pairs may stand in it too.
    ///
    /// # Errors
    /// As [`WindowResult::from_callback`].
    pub fn from_query(query: &str) -> Result<Self, HintError> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let body = query.strip_prefix('?').unwrap_or(query).as_bytes();
        Self::from_callback(Post { content_type: Some(FORM), body })
    }

    /// What to look up now. One of both ids is always there.
    #[must_use]
    pub fn look_up(&self) -> Option<LookUp<'_>> {
        let payment = self.imp_uid.as_ref().map(LookUp::Payment);
        payment.or_else(|| self.merchant_uid.as_ref().map(LookUp::Number))
    }
}

impl Failure {
    /// Whether the customer seems to have closed the window or pressed its cancel button (spec §10.1).
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.message.as_deref().is_some_and(|message| message.starts_with("[결제포기]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(body: &str) -> Result<WindowResult, HintError> {
        WindowResult::from_callback(Post { content_type: Some("application/json"), body: body.as_bytes() })
    }

    /// The fields of spec §10.1, of an old script: all but the ids and the error are passed over.
    #[test]
    fn a_callback_names_the_payment_and_claims_nothing() {
        let result = callback(
            r#"{"success":true,"imp_uid":"imp_448280090638","merchant_uid":"ORDER-1","pay_method":"card",
                "paid_amount":1004,"status":"paid","error_code":null,"error_msg":"","custom_data":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(result.imp_uid.as_ref().unwrap().as_str(), "imp_448280090638");
        assert_eq!(result.merchant_uid.as_ref().unwrap().as_str(), "ORDER-1");
        assert_eq!(result.failure, None);
        assert_eq!(result.look_up(), result.imp_uid.as_ref().map(LookUp::Payment));
    }

    /// Spec §5: a number that is paid already is refused before the window opens, with no `imp_uid`.
    #[test]
    fn without_imp_uid_the_number_is_looked_up() {
        let result = callback(
            r#"{"success":false,"imp_uid":null,"merchant_uid":"ORDER-1","error_code":"F1002",
                "error_msg":"이미 결제가 이루어진 거래건입니다."}"#,
        )
        .unwrap();
        assert_eq!(result.look_up(), result.merchant_uid.as_ref().map(LookUp::Number));
        let failure = result.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("F1002"));
        assert!(!failure.gave_up());
    }

    #[test]
    fn giving_up_is_told() {
        let body = r#"{"imp_uid":"imp_1","merchant_uid":"O1","error_msg":"[결제포기] 사용자가 결제를 취소하셨습니다"}"#;
        assert!(callback(body).unwrap().failure.unwrap().gave_up());
    }

    /// Spec §10.2: `imp_success` may come or not, and the pairs follow whatever the shop's address has.
    #[test]
    fn a_redirect_is_read_with_and_without_imp_success() {
        let old = "?shop=1&imp_uid=imp_1&merchant_uid=O-1&imp_success=true";
        let new = "shop=1&imp_uid=imp_1&merchant_uid=O-1";
        let some = "imp_uid=imp_1&merchant_uid=O-1&success=false";
        assert_eq!(WindowResult::from_query(old), WindowResult::from_query(new));
        assert_eq!(WindowResult::from_query(some), WindowResult::from_query(new));
        let failed = "imp_uid=imp_1&merchant_uid=O-1&error_code=E1&error_msg=%EC%8B%A4%ED%8C%A8+1";
        let failure = WindowResult::from_query(failed).unwrap().failure.unwrap();
        assert_eq!((failure.code.as_deref(), failure.message.as_deref()), (Some("E1"), Some("실패 1")));
        let only_number = WindowResult::from_query("merchant_uid=O-1&imp_uid=").unwrap();
        assert!(matches!(only_number.look_up(), Some(LookUp::Number(_))));
    }

    #[test]
    fn what_names_no_payment_of_ours_is_refused() {
        assert_eq!(WindowResult::from_query(""), Err(HintError::Missing("imp_uid")));
        assert_eq!(WindowResult::from_query("imp_uid=a&imp_uid=b"), Err(HintError::Twice));
        assert_eq!(callback(r#"{"imp_uid":"a","imp_uid":"b"}"#), Err(HintError::Twice));
        for bad in
            ["imp_uid=..%2Fusers", "imp_uid=a%3Fb", "merchant_uid=a%2Fb", "imp_uid=%ff", "imp_uid=a%00"]
        {
            assert!(matches!(WindowResult::from_query(bad), Err(HintError::Invalid(_))), "{bad}");
        }
        for bad in ["", "[]", r#""imp_uid""#, "{", "imp_uid=imp_1"] {
            assert_eq!(callback(bad), Err(HintError::Unreadable), "{bad}");
        }
        assert_eq!(callback(r#"{"imp_uid":{"a":1}}"#), Err(HintError::Missing("imp_uid")));
        // An id is its bytes, whatever charset a stranger declares.
        let utf16 = Post {
            content_type: Some("application/x-www-form-urlencoded; charset=utf-16le"),
            body: b"imp_uid=i\0",
        };
        assert!(matches!(WindowResult::from_callback(utf16), Err(HintError::Invalid(_))));
        let rest = "imp_uid=a&more=";
        let longest = alloc::format!("{rest}{}", "a".repeat(crate::wire::post::POST_MAX - rest.len()));
        assert!(WindowResult::from_query(&longest).is_ok());
        let long = alloc::format!("{longest}a");
        assert_eq!(WindowResult::from_query(&long), Err(HintError::TooLong));
    }
}
