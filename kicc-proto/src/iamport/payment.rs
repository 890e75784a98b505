//! The payment object that every look-up, charge and cancel brings (`PaymentAnnotation`, spec §3).
//!
//! What decides is strict: ids, status, amounts, currency and the test mark. Anything else may be absent, or be
//! damaged without undoing the rest (R7), and an unknown word of an open set is kept as text.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use super::values::{CustomerUid, ImpUid};
use crate::{
    flow::said::Unclear,
    time::UnixMillis,
    values::Won,
    wire::{
        answer::masked,
        json::{self, Field, Value},
    },
};

/// A payment as i'mport knows it. Texts are as they came; what could not be decoded in them is U+FFFD (R7).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payment {
    /// `imp_uid`: i'mport's id of it.
    pub imp_uid: ImpUid,
    /// `merchant_uid`: the merchant's number. As text, for it may be another's.
    pub merchant_uid: Box<str>,
    /// `status`. It does not tell a partial refund: [`Payment::balance`] does.
    pub status: Status,
    /// `amount`: what was ordered, in won; refunds leave it as it is.
    pub amount: Won,
    /// `cancel_amount`: the sum of the refunds so far, in won; never above `amount`.
    pub cancel_amount: Won,
    /// `currency`, `KRW` where none was stated (its documented default). The amounts are won only with that one.
    pub currency: Box<str>,
    /// `sandbox`: made through a test channel. Answers from before January 2026 do not state it (spec §1).
    pub sandbox: Option<bool>,
    /// `pay_method`.
    pub pay_method: Option<PayMethod>,
    /// `channel`: where it was made.
    pub channel: Option<Channel>,
    /// `pg_provider`: `kicc` for ours.
    pub pg_provider: Option<Box<str>>,
    /// `emb_pg_provider`: the wallet inside the window, such as `naverpay`.
    pub wallet: Option<Box<str>>,
    /// `pg_tid`: KICC's number of it.
    pub pg_tid: Option<Box<str>>,
    /// `pg_id`: the merchant's id at KICC.
    pub pg_id: Option<Box<str>>,
    /// `escrow`.
    pub escrow: Option<bool>,
    /// The card, where one paid.
    pub card: Card,
    /// The bank of an account transfer: `bank_code`, `bank_name`.
    pub bank: Bank,
    /// The virtual account, where one was issued.
    pub virtual_account: VirtualAccount,
    /// `name`: of the order.
    pub name: Option<Box<str>>,
    /// Who bought. Not printed (R23).
    pub buyer: Buyer,
    /// `custom_data`: the merchant's own, as JSON text. Not printed (R23).
    pub custom_data: Option<Box<str>>,
    /// `user_agent`: of the customer's browser. Not printed.
    pub user_agent: Option<Box<str>>,
    /// `started_at`.
    pub started_at: Option<UnixMillis>,
    /// `paid_at`; `None`: it has not happened (0 on the wire), or is not stated.
    pub paid_at: Option<UnixMillis>,
    /// `failed_at`; `None` as for `paid_at`.
    pub failed_at: Option<UnixMillis>,
    /// `cancelled_at`; `None` as for `paid_at`.
    pub cancelled_at: Option<UnixMillis>,
    /// `fail_reason`: KICC's text, where it failed.
    pub fail_reason: Option<Box<str>>,
    /// `cancel_reason`, where it was cancelled.
    pub cancel_reason: Option<Box<str>>,
    /// `receipt_url`.
    pub receipt_url: Option<Box<str>>,
    /// `cancel_history`: the refunds one by one.
    pub cancel_history: Vec<Cancellation>,
    /// `cash_receipt_issued`.
    pub cash_receipt_issued: Option<bool>,
    /// `customer_uid`: whose billing key was issued or charged; `None` also where it is none that we could have
    /// sent.
    pub customer_uid: Option<CustomerUid>,
    /// `customer_uid_usage`; `None`: no billing key had to do with it.
    pub customer_uid_usage: Option<CustomerUidUsage>,
}

/// `card_*` and `apply_num` of a [`Payment`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Card {
    /// `apply_num`: the card company's approval number.
    pub approval_number: Option<Box<str>>,
    /// `card_code`: the issuer's, for [`codes::iamport::card`](crate::codes::iamport::card); leading zeros kept.
    pub code: Option<Box<str>>,
    /// `card_name`.
    pub name: Option<Box<str>>,
    /// `card_quota`: instalment months, 0 for a lump sum.
    pub months: Option<u32>,
    /// `card_number`, masked (R23).
    pub number: Option<Box<str>>,
    /// `card_type`; `None` where KICC does not tell.
    pub kind: Option<CardType>,
}

/// A bank by its code and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Bank {
    /// The code, leading zeros kept.
    pub code: Option<Box<str>>,
    /// The name.
    pub name: Option<Box<str>>,
}

/// `vbank_*` of a [`Payment`].
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VirtualAccount {
    /// `vbank_code`, `vbank_name`.
    pub bank: Bank,
    /// `vbank_num`: may hold dashes. Not printed.
    pub number: Option<Box<str>>,
    /// `vbank_holder`. Not printed.
    pub holder: Option<Box<str>>,
    /// `vbank_date`: until when the deposit must come.
    pub due: Option<UnixMillis>,
    /// `vbank_issued_at`.
    pub issued_at: Option<UnixMillis>,
}

/// `buyer_*` of a [`Payment`]: about a person, so not printed (R23).
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Buyer {
    /// `buyer_name`.
    pub name: Option<Box<str>>,
    /// `buyer_email`.
    pub email: Option<Box<str>>,
    /// `buyer_tel`.
    pub tel: Option<Box<str>>,
    /// `buyer_addr`.
    pub address: Option<Box<str>>,
    /// `buyer_postcode`.
    pub postcode: Option<Box<str>>,
}

/// One refund of a [`Payment`] (an element of `cancel_history`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancellation {
    /// `amount`: what was given back, in won.
    pub amount: Won,
    /// `cancelled_at`.
    pub cancelled_at: Option<UnixMillis>,
    /// `cancellation_id`: i'mport's id of it.
    pub cancellation_id: Option<Box<str>>,
    /// `pg_tid`: KICC's number of it.
    pub pg_tid: Option<Box<str>>,
    /// `reason`.
    pub reason: Option<Box<str>>,
    /// `receipt_url`.
    pub receipt_url: Option<Box<str>>,
}

/// An open set of words: those that are documented, and any other as it came.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that is not documented, as it came.
            Other(Box<str>),
        }

        impl $name {
            /// The value of that word.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => $name::$variant,)+
                    _ => $name::Other(word.into()),
                }
            }

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)+
                    $name::Other(word) => word,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// What became of a payment (`status`, spec §3.1).
    Status {
        /// Not paid: the window was left, or a virtual account waits for its deposit.
        Ready = "ready",
        /// Approved, or the deposit has come.
        Paid = "paid",
        /// Refused, or given up.
        Failed = "failed",
        /// Refunded, perhaps in part only.
        Cancelled = "cancelled",
    }
}

words! {
    /// How the customer pays (`pay_method`, spec §9.2). KICC's window has the four named ones.
    PayMethod {
        /// A card.
        Card = "card",
        /// A transfer from the customer's account.
        Transfer = "trans",
        /// A deposit to a virtual account.
        VirtualAccount = "vbank",
        /// The phone bill.
        Phone = "phone",
    }
}

words! {
    /// Where a payment was made (`channel`, spec §3).
    Channel {
        /// The window, on a computer.
        Pc = "pc",
        /// The window, on a phone.
        Mobile = "mobile",
        /// By REST: a charge of a billing key.
        Api = "api",
    }
}

words! {
    /// What a billing key had to do with a payment (`customer_uid_usage`, spec §3).
    CustomerUidUsage {
        /// It was issued: nothing was charged, whatever the amount (spec §9.5).
        Issue = "issue",
        /// It was charged.
        Payment = "payment",
        /// It was charged as scheduled.
        Scheduled = "payment.scheduled",
    }
}

words! {
    /// The kind of card (`card_type`, spec §3), a number or a text on the wire.
    CardType {
        /// Credit.
        Credit = "0",
        /// Debit.
        Debit = "1",
    }
}

impl Payment {
    /// Reads a payment object by itself, without the envelope of an answer.
    ///
    /// # Errors
    /// A broken structure, a key that stands twice, or a deciding field that is missing or damaged: `imp_uid`,
    /// `merchant_uid`, `status`, `amount`, `cancel_amount` (whole won, and not above `amount`), `currency`,
    /// `sandbox`, an amount in `cancel_history`.
    pub fn from_json(text: &str) -> Result<Self, Unclear> {
        read_object(text)
    }

    /// What was ordered less what went back, in won (spec §3.1). The customer's money only where it was paid:
    /// [`Payment::money_moved`].
    #[must_use]
    pub fn balance(&self) -> Won {
        self.amount.checked_sub(self.cancel_amount).unwrap_or_default()
    }

    /// Whether the customer has paid, at some time, whatever went back since. `None`: the object does not say,
    /// because it is `ready`, which may still be paid, `cancelled` without a sign of money (as a virtual account
    /// closed before its deposit might be), or not documented. The issue of a billing key charges nothing.
    #[must_use]
    pub fn money_moved(&self) -> Option<bool> {
        match self.status {
            _ if self.customer_uid_usage == Some(CustomerUidUsage::Issue) => Some(false),
            Status::Paid => Some(true),
            Status::Cancelled if self.paid_at.is_some() || self.cancel_amount > Won::ZERO => Some(true),
            Status::Failed => Some(false),
            Status::Ready | Status::Cancelled | Status::Other(_) => None,
        }
    }
}

impl fmt::Debug for Payment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payment")
            .field("imp_uid", &self.imp_uid)
            .field("merchant_uid", &self.merchant_uid)
            .field("status", &self.status)
            .field("amount", &self.amount)
            .field("cancel_amount", &self.cancel_amount)
            .field("currency", &self.currency)
            .field("sandbox", &self.sandbox)
            .field("pay_method", &self.pay_method)
            .field("customer_uid_usage", &self.customer_uid_usage)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for VirtualAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualAccount")
            .field("bank", &self.bank)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buyer(..)")
    }
}

/// The payment in a field of an answer, such as `response`. One that is absent or null is an error.
pub(crate) fn read(field: Field<'_>, name: &'static str) -> Result<Payment, Unclear> {
    match field {
        None | Some(Value::Json("null")) => Err(Unclear::MissingEcho(name.into())),
        Some(value) => read_object(value.json()),
    }
}

/// All payments of a list, such as `list` of a page; all of them must be readable.
pub(crate) fn read_all(field: Field<'_>, name: &'static str) -> Result<Vec<Payment>, Unclear> {
    let list = json::array(field).ok_or_else(|| Unclear::Damaged(name.into()))?;
    list.into_iter().map(read_object).collect()
}

/// Takes the fields of an object into variables of their wire names.
macro_rules! fields {
    ($text:expr => $($name:ident),+ $(,)?) => {
        const NAMES: [&str; [$(stringify!($name)),+].len()] = [$(stringify!($name)),+];
        let [$($name),+] = json::object($text, &NAMES)?;
    };
}

#[rustfmt::skip]
fn read_object(text: &str) -> Result<Payment, Unclear> {
    fields!(text =>
        imp_uid, merchant_uid, status, amount, cancel_amount, currency, sandbox, pay_method, channel, pg_provider,
        emb_pg_provider, pg_tid, pg_id, escrow, apply_num, card_code, card_name, card_quota, card_number, card_type,
        bank_code, bank_name, vbank_code, vbank_name, vbank_num, vbank_holder, vbank_date, vbank_issued_at, name,
        buyer_name, buyer_email, buyer_tel, buyer_addr, buyer_postcode, custom_data, user_agent, started_at, paid_at,
        failed_at, cancelled_at, fail_reason, cancel_reason, receipt_url, cancel_history, cash_receipt_issued,
        customer_uid, customer_uid_usage,
    );
    let [ordered, cancelled] = [won(amount, "amount")?, won(cancel_amount, "cancel_amount")?];
    if cancelled > ordered {
        return Err(Unclear::Amount);
    }
    Ok(Payment {
        imp_uid: ImpUid::new(&required(imp_uid, "imp_uid")?).map_err(|_| Unclear::Damaged("imp_uid".into()))?,
        merchant_uid: required(merchant_uid, "merchant_uid")?,
        status: Status::from_word(&required(status, "status")?),
        amount: ordered,
        cancel_amount: cancelled,
        currency: deciding(currency, "currency")?.unwrap_or_else(|| "KRW".into()),
        sandbox: match json::is_none(sandbox) {
            true => None,
            false => Some(flag(sandbox).ok_or_else(|| Unclear::Damaged("sandbox".into()))?),
        },
        pay_method: json::text(pay_method).map(|word| PayMethod::from_word(&word)),
        channel: json::text(channel).map(|word| Channel::from_word(&word)),
        pg_provider: json::own_text(pg_provider),
        wallet: json::own_text(emb_pg_provider),
        pg_tid: json::own_text(pg_tid),
        pg_id: json::own_text(pg_id),
        escrow: flag(escrow),
        card: Card {
            approval_number: json::own_text(apply_num),
            code: json::own_text(card_code),
            name: json::own_text(card_name),
            months: json::text(card_quota).and_then(|months| months.parse().ok()),
            number: json::text(card_number).map(|number| masked(number).into()),
            kind: json::text(card_type).map(|word| CardType::from_word(&word)),
        },
        bank: Bank { code: json::own_text(bank_code), name: json::own_text(bank_name) },
        virtual_account: VirtualAccount {
            bank: Bank { code: json::own_text(vbank_code), name: json::own_text(vbank_name) },
            number: json::own_text(vbank_num),
            holder: json::own_text(vbank_holder),
            due: time(vbank_date),
            issued_at: time(vbank_issued_at),
        },
        name: json::own_text(name),
        buyer: Buyer {
            name: json::own_text(buyer_name),
            email: json::own_text(buyer_email),
            tel: json::own_text(buyer_tel),
            address: json::own_text(buyer_addr),
            postcode: json::own_text(buyer_postcode),
        },
        custom_data: json::own_text(custom_data),
        user_agent: json::own_text(user_agent),
        started_at: time(started_at),
        paid_at: time(paid_at),
        failed_at: time(failed_at),
        cancelled_at: time(cancelled_at),
        fail_reason: json::own_text(fail_reason),
        cancel_reason: json::own_text(cancel_reason),
        receipt_url: json::own_text(receipt_url),
        cancel_history: history(cancel_history)?,
        cash_receipt_issued: flag(cash_receipt_issued),
        customer_uid: json::text(customer_uid).and_then(|uid| CustomerUid::new(&uid).ok()),
        customer_uid_usage: deciding(customer_uid_usage, "customer_uid_usage")?
            .map(|word| CustomerUidUsage::from_word(&word)),
    })
}

fn history(field: Field<'_>) -> Result<Vec<Cancellation>, Unclear> {
    const NAME: &str = "cancel_history";
    if json::is_none(field) {
        return Ok(Vec::new());
    }
    let list = json::array(field).ok_or_else(|| Unclear::Damaged(NAME.into()))?;
    let one = |text: &str| {
        fields!(text => amount, cancelled_at, cancellation_id, pg_tid, reason, receipt_url);
        Ok(Cancellation {
            amount: won(amount, NAME)?,
            cancelled_at: time(cancelled_at),
            cancellation_id: json::own_text(cancellation_id),
            pg_tid: json::own_text(pg_tid),
            reason: json::own_text(reason),
            receipt_url: json::own_text(receipt_url),
        })
    };
    list.into_iter().map(one).collect()
}

/// A text that decides, if there is one.
fn deciding(field: Field<'_>, name: &'static str) -> Result<Option<Box<str>>, Unclear> {
    let text = json::deciding(field).map_err(|()| Unclear::Damaged(name.into()))?;
    Ok(text.filter(|text| !text.is_empty()).map(Into::into))
}

fn required(field: Field<'_>, name: &'static str) -> Result<Box<str>, Unclear> {
    deciding(field, name)?.ok_or_else(|| Unclear::MissingEcho(name.into()))
}

fn won(field: Field<'_>, name: &'static str) -> Result<Won, Unclear> {
    json::amount(field)?.ok_or_else(|| Unclear::MissingEcho(name.into()))
}

pub(super) fn flag(field: Field<'_>) -> Option<bool> {
    match field? {
        Value::Json("true") => Some(true),
        Value::Json("false") => Some(false),
        _ => None,
    }
}

/// Unix seconds, as a number or as a text (spec §13.13); 0 is "has not happened" (spec §1).
pub(super) fn time(field: Field<'_>) -> Option<UnixMillis> {
    let seconds: u64 = json::text(field)?.parse().ok()?;
    (seconds != 0).then(|| UnixMillis(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
#[path = "payment_tests.rs"]
mod tests;
