//! The confirm process (spec §7.1), where i'mport's support has switched it on: just before the approval i'mport
//! posts to `confirm_url`, and only HTTP 200 within 10 seconds lets the payment go on.
//!
//! It is as unsigned as a webhook, so a 200 must promise nothing but that the order is open at that amount.

use alloc::{boxed::Box, string::String};

use serde::Serialize;

use super::{
    hint::{self, HintError},
    values::ImpUid,
};
use crate::{
    time::Millis,
    values::{Problem, TransactionNumber, Won},
    wire::{json, post::Post},
};

/// How long i'mport waits for the answer (spec §7.1).
pub const ANSWER_WITHIN: Millis = Millis::from_secs(10);

/// The payment that is about to be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirm {
    /// `imp_uid`.
    pub imp_uid: ImpUid,
    /// `merchant_uid`: one of ours, or the post is refused.
    pub merchant_uid: TransactionNumber,
    /// `amount` in won; `None`: not stated, as on an older page.
    pub amount: Option<Won>,
}

impl Confirm {
    /// Reads a post, JSON or form.
    ///
    /// # Errors
    /// [`HintError`]: answer anything but 200.
    pub fn read(post: Post<'_>) -> Result<Self, HintError> {
        const NAMES: [&str; 3] = ["imp_uid", "merchant_uid", "amount"];
        let [imp_uid, merchant_uid, amount] = hint::fields(post, &NAMES)?;
        Ok(Confirm {
            imp_uid: ImpUid::new(&imp_uid.ok_or(HintError::Missing(NAMES[0]))?)?,
            merchant_uid: TransactionNumber::new_long(&merchant_uid.ok_or(HintError::Missing(NAMES[1]))?)?,
            amount: amount.as_deref().map(won).transpose()?,
        })
    }

    /// Whether it is about that order at that amount. An amount that is not stated is none.
    #[must_use]
    pub fn matches(&self, merchant_uid: &TransactionNumber, amount: Won) -> bool {
        self.merchant_uid == *merchant_uid && self.amount == Some(amount)
    }
}

/// The JSON body of a refusal, beside any status but 200; the payment shows it as `fail_reason`, which has room for
/// 256 characters (spec §3): what is longer is cut.
#[must_use]
pub fn refusal(reason: &str) -> String {
    #[derive(Serialize)]
    struct Refusal {
        reason: Box<str>,
    }
    let reason = reason.chars().take(256).collect::<String>().into();
    // A string only: none of serde_json's errors can arise.
    serde_json::to_string(&Refusal { reason }).unwrap_or_default()
}

fn won(text: &str) -> Result<Won, HintError> {
    match json::amount(json::value(text)) {
        Ok(Some(won)) => Ok(won),
        _ => Err(Problem::Other("is not a whole amount").of("amount").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Confirm, HintError> {
        Confirm::read(Post { content_type: None, body: body.as_bytes() })
    }

    #[test]
    fn an_order_at_its_amount_matches() {
        let number = TransactionNumber::new("O-1").unwrap();
        for body in [
            r#"{"imp_uid":"imp_1","merchant_uid":"O-1","amount":1004}"#,
            r#"{"imp_uid":"imp_1","merchant_uid":"O-1","amount":"1004"}"#,
            "imp_uid=imp_1&merchant_uid=O-1&amount=1004.0",
        ] {
            let confirm = read(body).unwrap();
            assert_eq!(confirm.imp_uid.as_str(), "imp_1");
            assert!(confirm.matches(&number, Won(1_004)), "{body}");
            assert!(!confirm.matches(&number, Won(1_005)), "{body}");
            assert!(!confirm.matches(&TransactionNumber::new("O-2").unwrap(), Won(1_004)), "{body}");
        }
        // The older page's body (spec §13.9): no amount, so nothing to agree with.
        let older = read(r#"{"imp_uid":"imp_1","merchant_uid":"O-1","status":"ready"}"#).unwrap();
        assert!(!older.matches(&number, Won(1_004)));
    }

    #[test]
    fn an_amount_that_cannot_be_read_is_refused() {
        for amount in ["1004.5", "-1", "1e3", "x", "%7B%7D"] {
            let body = alloc::format!("imp_uid=imp_1&merchant_uid=O-1&amount={amount}");
            assert!(matches!(read(&body), Err(HintError::Invalid(_))), "{amount}");
        }
        assert_eq!(read("imp_uid=imp_1&amount=1"), Err(HintError::Missing("merchant_uid")));
        assert_eq!(read("merchant_uid=O-1&amount=1"), Err(HintError::Missing("imp_uid")));
        assert!(matches!(read("imp_uid=imp_1&merchant_uid=O%201"), Err(HintError::Invalid(_))));
    }

    #[test]
    fn a_refusal_is_json_of_bounded_length() {
        assert_eq!(refusal("재고 \"없음\""), r#"{"reason":"재고 \"없음\""}"#);
        assert_eq!(refusal(&"가".repeat(300)), alloc::format!(r#"{{"reason":"{}"}}"#, "가".repeat(256)));
    }
}
