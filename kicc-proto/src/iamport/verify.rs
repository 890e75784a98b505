//! What a payment that was looked up means for an order (spec §6): a pure comparison with the shop's own books.

use super::payment::{CustomerUidUsage, PayMethod, Payment, Status};
use crate::values::{TransactionNumber, Won};

/// What the shop's books say of an order. Never from the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// `merchant_uid` of the order.
    pub merchant_uid: &'a TransactionNumber,
    /// What it costs, in won.
    pub amount: Won,
    /// Whether it is paid through a test channel, which moves no money.
    pub sandbox: bool,
}

/// What a payment means for an order. Only [`Verdict::Paid`] delivers anything.
///
/// A mismatch is a forged page or a wrong set-up; where the customer's money moved
/// ([`Payment::money_moved`]) it is cancelled (R8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Paid in full, and nothing went back.
    Paid,
    /// A virtual account waits for the deposit of the right amount. Not paid.
    VirtualAccountIssued,
    /// Failed, given up, or still in the window: look again while that may be.
    NotPaid,
    /// Refunded in full.
    Refunded,
    /// Refunded in part; what is left, in won.
    PartlyRefunded {
        /// What is left.
        balance: Won,
    },
    /// A billing key was issued: nothing was charged, whatever the amount says (spec §9.5). A page with
    /// `customer_uid` slipped in turns a payment into that.
    KeyIssued,
    /// Of another order. Find the order by the payment's own `merchant_uid`.
    AnotherOrder,
    /// Of another amount.
    AmountMismatch {
        /// What the payment is about, in won.
        stated: Won,
    },
    /// Not in won.
    CurrencyMismatch,
    /// Made through a test channel, where real money was due.
    SandboxInProduction,
    /// Made with real money, where a test was expected.
    LiveInTest,
    /// A status that is not documented, or contradicts the rest: a person must look.
    Unclear,
}

/// Compares a payment with an order. Both test marks must agree where the payment has one.
#[must_use]
pub fn verify(expected: &Expected<'_>, payment: &Payment) -> Verdict {
    if *payment.merchant_uid != *expected.merchant_uid.as_str() {
        return Verdict::AnotherOrder;
    }
    if payment.customer_uid_usage == Some(CustomerUidUsage::Issue) {
        return Verdict::KeyIssued;
    }
    let account = payment.pay_method == Some(PayMethod::VirtualAccount);
    match &payment.status {
        Status::Failed => return Verdict::NotPaid,
        Status::Ready if !account => return Verdict::NotPaid,
        Status::Other(_) => return Verdict::Unclear,
        Status::Ready | Status::Paid | Status::Cancelled => {}
    }
    let (balance, refunded) = (payment.balance(), payment.cancel_amount > Won::ZERO);
    if refunded && balance == Won::ZERO {
        return Verdict::Refunded;
    }
    match payment.sandbox {
        Some(true) if !expected.sandbox => return Verdict::SandboxInProduction,
        Some(false) if expected.sandbox => return Verdict::LiveInTest,
        _ => {}
    }
    if &*payment.currency != "KRW" {
        return Verdict::CurrencyMismatch;
    }
    if payment.amount != expected.amount {
        return Verdict::AmountMismatch { stated: payment.amount };
    }
    match &payment.status {
        Status::Paid if !refunded => Verdict::Paid,
        Status::Ready if !refunded => Verdict::VirtualAccountIssued,
        Status::Paid | Status::Cancelled if refunded => Verdict::PartlyRefunded { balance },
        _ => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::{
        iamport::{ChannelKind, ImpUid, WindowPayment},
        values::{Amount, Parts},
    };

    /// The verdict on a payment of 1004 won by card, with some fields otherwise.
    fn on(otherwise: &str) -> Verdict {
        let number = TransactionNumber::new("O-1").unwrap();
        let expected = Expected { merchant_uid: &number, amount: Won(1_004), sandbox: false };
        verify(&expected, &payment(otherwise))
    }

    fn payment(otherwise: &str) -> Payment {
        let mut fields = serde_json::json!({
            "imp_uid": "imp_1", "merchant_uid": "O-1", "status": "paid", "amount": 1004, "cancel_amount": 0,
            "currency": "KRW", "sandbox": false, "pay_method": "card", "paid_at": 1_700_000_000,
        });
        let otherwise: serde_json::Value = serde_json::from_str(&format!("{{{otherwise}}}")).unwrap();
        for (name, value) in otherwise.as_object().unwrap() {
            fields[name] = value.clone();
        }
        Payment::from_json(&format!("{fields}")).unwrap()
    }

    #[test]
    fn only_paid_with_the_right_amount_is_paid() {
        assert_eq!(on(""), Verdict::Paid);
        assert_eq!(on(r#""amount": 1004.0"#), Verdict::Paid);
        assert_eq!(on(r#""sandbox": null"#), Verdict::Paid);
        assert_eq!(on(r#""currency": null"#), Verdict::Paid);
        for status in ["ready", "failed"] {
            assert_eq!(on(&format!(r#""status": "{status}""#)), Verdict::NotPaid);
        }
        assert_eq!(on(r#""status": "held""#), Verdict::Unclear);
    }

    /// R8.
    #[test]
    fn r8_another_amount_or_currency_is_a_mismatch() {
        assert_eq!(on(r#""amount": 1003"#), Verdict::AmountMismatch { stated: Won(1_003) });
        assert_eq!(on(r#""amount": 10040"#), Verdict::AmountMismatch { stated: Won(10_040) });
        assert_eq!(on(r#""currency": "USD""#), Verdict::CurrencyMismatch);
        assert_eq!(on(r#""merchant_uid": "O-2""#), Verdict::AnotherOrder);
    }

    #[test]
    fn a_virtual_account_waits() {
        let account = r#""status": "ready", "pay_method": "vbank", "paid_at": 0"#;
        assert_eq!(on(account), Verdict::VirtualAccountIssued);
        let forged = format!(r#"{account}, "amount": 1"#);
        assert_eq!(on(&forged), Verdict::AmountMismatch { stated: Won(1) });
        assert_eq!(payment(&forged).money_moved(), None);
        assert_eq!(on(r#""pay_method": "vbank""#), Verdict::Paid);
    }

    /// The balance is counted, never taken from the status (spec §3.1).
    #[test]
    fn refunds_are_counted() {
        for status in ["paid", "cancelled"] {
            let part = format!(r#""status": "{status}", "cancel_amount": 4"#);
            assert_eq!(on(&part), Verdict::PartlyRefunded { balance: Won(1_000) });
            let full = format!(r#""status": "{status}", "cancel_amount": 1004"#);
            assert_eq!(on(&full), Verdict::Refunded);
            let mismatch = format!(r#"{full}, "amount": 1004, "currency": "USD""#);
            assert_eq!(on(&mismatch), Verdict::Refunded, "nothing is left to cancel");
        }
        assert_eq!(on(r#""status": "cancelled""#), Verdict::Unclear);
        assert_eq!(on(r#""status": "ready", "pay_method": "vbank", "cancel_amount": 4"#), Verdict::Unclear);
    }

    /// R8: what moved money of the order is put to the flow whatever its amount, and nothing else is.
    #[test]
    fn r8_only_what_stands_is_recorded() {
        let number = TransactionNumber::new("O-1").unwrap();
        let amount = Amount::new(Won(1_004), Parts::default()).unwrap();
        let window = WindowPayment::new(number, ImpUid::new("imp_1").unwrap(), amount).unwrap();
        let nothing = |otherwise| window.nothing_stands(&payment(otherwise), ChannelKind::Live);
        for stands in [
            "",
            r#""amount": 1"#,
            r#""currency": "USD""#,
            r#""sandbox": true"#,
            r#""cancel_amount": 4"#,
            r#""status": "cancelled", "cancel_amount": 4"#,
            r#""status": "cancelled""#,
            r#""status": "cancelled", "paid_at": 0"#,
        ] {
            assert_eq!(nothing(stands), None, "{stands}");
        }
        assert_eq!(nothing(r#""merchant_uid": "O-2""#), Some(Verdict::AnotherOrder));
        assert_eq!(nothing(r#""status": "failed""#), Some(Verdict::NotPaid));
        assert_eq!(nothing(r#""cancel_amount": 1004"#), Some(Verdict::Refunded));
        assert_eq!(nothing(r#""customer_uid_usage": "issue""#), Some(Verdict::KeyIssued));
        let account = r#""status": "ready", "pay_method": "vbank", "paid_at": 0"#;
        assert_eq!(nothing(account), Some(Verdict::VirtualAccountIssued));
        assert_eq!(nothing(r#""status": "held""#), Some(Verdict::Unclear));
    }

    /// The page decides whether `customer_uid` goes in, and the window then charges nothing.
    #[test]
    fn the_issue_of_a_key_is_no_payment() {
        assert_eq!(on(r#""customer_uid": "c1", "customer_uid_usage": "issue""#), Verdict::KeyIssued);
        assert_eq!(on(r#""customer_uid": "c1", "customer_uid_usage": "payment""#), Verdict::Paid);
    }

    #[test]
    fn test_money_and_real_money_are_told_apart() {
        assert_eq!(on(r#""sandbox": true"#), Verdict::SandboxInProduction);
        let number = TransactionNumber::new("O-1").unwrap();
        let expected = Expected { merchant_uid: &number, amount: Won(1_004), sandbox: true };
        assert_eq!(verify(&expected, &payment("")), Verdict::LiveInTest);
        assert_eq!(verify(&expected, &payment(r#""sandbox": true"#)), Verdict::Paid);
    }
}
