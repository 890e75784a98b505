//! What can be put to the flow: a charge of a billing key, and a payment that was made in the window.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ChannelKind, CustomerUid, Expected, ImpUid, Payment, StoreCode, Tier, Verdict, messages, payment::Status,
    text::text, verify,
};
use crate::{
    flow::{self, ApprovalBody, Attempt, Opening, Persist, said::Said},
    journal::short_hash,
    product::{self, Payload, Product},
    time::Now,
    values::{Amount, Bytes, Environment, Invalid, Mark, Problem, ReturnUrl, Secret, TransactionNumber, Won},
};

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The environment's label (R3), such as `test`.
    pub environment: Environment,
    /// The store's code. It is not in the messages, where the token says who asks; it names the merchant in the
    /// journal.
    pub store: StoreCode,
    /// The sub-merchant for whom an agent sells.
    pub tier: Option<Tier>,
}

/// A charge of a billing key (spec §4.1). Every part was checked when it was given (R5).
#[derive(Clone)]
pub struct Charge {
    pub(super) number: TransactionNumber,
    pub(super) customer_uid: CustomerUid,
    pub(super) amount: Amount,
    pub(super) name: Box<str>,
    pub(super) buyer_name: Option<Box<str>>,
    pub(super) buyer_email: Option<Box<str>>,
    pub(super) buyer_tel: Option<Box<str>>,
    pub(super) buyer_address: Option<Box<str>>,
    pub(super) buyer_postcode: Option<Box<str>>,
    pub(super) months: Option<u8>,
    pub(super) custom_data: Option<Box<str>>,
    pub(super) notice_url: Option<ReturnUrl>,
}

impl Charge {
    /// A charge. `number` becomes `merchant_uid`, which is for this one charge and never was any other payment's
    /// (spec §5), nor the key issue's; `name` is the order's, 1 to 40 characters.
    ///
    /// # Errors
    /// A name of another length or with a control character; an amount that states VAT or a service charge, which
    /// i'mport does not take for KICC (spec §4.1): it takes the tax-free part, and works VAT out of the rest.
    pub fn new(
        number: TransactionNumber,
        customer_uid: CustomerUid,
        amount: Amount,
        name: &str,
    ) -> Result<Self, Invalid> {
        checked(&amount)?;
        Ok(Charge {
            number,
            customer_uid,
            amount,
            name: kept("name", name, 40)?,
            buyer_name: None,
            buyer_email: None,
            buyer_tel: None,
            buyer_address: None,
            buyer_postcode: None,
            months: None,
            custom_data: None,
            notice_url: None,
        })
    }

    /// `buyer_name`, at most 16 characters.
    ///
    /// # Errors
    /// Empty, longer, or with a control character.
    pub fn buyer_name(self, name: &str) -> Result<Self, Invalid> {
        Ok(Charge { buyer_name: Some(kept("buyer name", name, 16)?), ..self })
    }

    /// `buyer_email`, at most 64 characters.
    ///
    /// # Errors
    /// As [`Charge::buyer_name`].
    pub fn buyer_email(self, email: &str) -> Result<Self, Invalid> {
        Ok(Charge { buyer_email: Some(kept("buyer email", email, 64)?), ..self })
    }

    /// `buyer_tel`, at most 16 characters.
    ///
    /// # Errors
    /// As [`Charge::buyer_name`].
    pub fn buyer_tel(self, tel: &str) -> Result<Self, Invalid> {
        Ok(Charge { buyer_tel: Some(kept("buyer tel", tel, 16)?), ..self })
    }

    /// `buyer_addr`, at most 128 characters.
    ///
    /// # Errors
    /// As [`Charge::buyer_name`].
    pub fn buyer_address(self, address: &str) -> Result<Self, Invalid> {
        Ok(Charge { buyer_address: Some(kept("buyer address", address, 128)?), ..self })
    }

    /// `buyer_postcode`, at most 8 characters.
    ///
    /// # Errors
    /// As [`Charge::buyer_name`].
    pub fn buyer_postcode(self, postcode: &str) -> Result<Self, Invalid> {
        Ok(Charge { buyer_postcode: Some(kept("buyer postcode", postcode, 8)?), ..self })
    }

    /// `card_quota`: in how many months the customer pays; 0 is at once, as without it.
    ///
    /// # Errors
    /// 1, or more than 99 (ours: no page says how many); more than none for less than 50 000 won.
    pub fn months(self, months: u8) -> Result<Self, Invalid> {
        const FIELD: &str = "card quota";
        if months == 1 || months > 99 {
            return Err(Problem::Other("must be 0, or from 2 to 99").of(FIELD));
        }
        if months > 0 && self.amount.total() < Won(50_000) {
            return Err(Problem::Other("is for amounts of 50000 won and more").of(FIELD));
        }
        Ok(Charge { months: Some(months), ..self })
    }

    /// `custom_data`: stored with the payment, at most 4000 characters (ours: the page names no limit).
    ///
    /// # Errors
    /// As [`Charge::buyer_name`].
    pub fn custom_data(self, data: &str) -> Result<Self, Invalid> {
        Ok(Charge { custom_data: Some(kept("custom data", data, 4000)?), ..self })
    }

    /// `notice_url`: where i'mport posts that this charge was paid, instead of the console's address (spec §7).
    #[must_use]
    pub fn notice_url(self, url: ReturnUrl) -> Self {
        Charge { notice_url: Some(url), ..self }
    }

    /// The amount, in won.
    #[must_use]
    pub fn amount(&self) -> &Amount {
        &self.amount
    }

    /// The same data give the same text (R3).
    fn fingerprint(&self) -> Mark {
        let total = alloc::format!("{} {}", self.amount.total().0, self.amount.tax_free().0);
        let months = alloc::format!("{}", self.months.unwrap_or_default());
        let parts = ["iamport charge", &total, self.customer_uid.expose(), &self.name, &months];
        short_hash(&parts)
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("number", &self.number)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// A payment that the customer has made in the window: its money has moved before this attempt begins.
///
/// Look it up first ([`calls::payment`](super::calls::payment), [`WindowPayment::nothing_stands`]) and open this only
/// for one that is paid: what was not paid has nothing to be recorded, and a virtual account may be paid days later. The
/// attempt then looks it up once more; what it finds with the right amount is put to the accept step, however often it
/// had to ask, and another amount is cancelled (R8).
#[derive(Debug, Clone)]
pub struct WindowPayment {
    number: TransactionNumber,
    imp_uid: ImpUid,
    amount: Amount,
}

impl WindowPayment {
    /// The payment that the page or the webhook named. `number` and `amount` are the order's, from the shop's own
    /// books.
    ///
    /// # Errors
    /// An amount that states VAT or a service charge, as for [`Charge::new`].
    pub fn new(number: TransactionNumber, imp_uid: ImpUid, amount: Amount) -> Result<Self, Invalid> {
        checked(&amount)?;
        Ok(WindowPayment { number, imp_uid, amount })
    }

    /// The amount of the order, in won.
    #[must_use]
    pub fn amount(&self) -> &Amount {
        &self.amount
    }

    /// i'mport's id of it.
    #[must_use]
    pub fn imp_uid(&self) -> &ImpUid {
        &self.imp_uid
    }

    /// What a look-up says where there is nothing to record: no money of this order stands. `None`: some does, of
    /// whatever amount, so that the payment is to be put to the flow.
    #[must_use]
    pub fn nothing_stands(&self, found: &Payment, channel: ChannelKind) -> Option<Verdict> {
        let sandbox = channel == ChannelKind::Test;
        let expected = Expected { merchant_uid: &self.number, amount: self.amount.total(), sandbox };
        let verdict = verify(&expected, found);
        // Cancelled, and nothing went back: it contradicts itself, and that is for the flow to settle.
        let contradicts = found.status == Status::Cancelled && found.cancel_amount == Won::ZERO;
        let stands = match found.money_moved() {
            Some(moved) => moved && found.balance() > Won::ZERO,
            None => contradicts,
        };
        (!stands || verdict == Verdict::AnotherOrder).then_some(verdict)
    }
}

/// What i'mport's rescue keeps in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// How the money moves.
    pub source: Source,
    /// The sub-merchant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tier: Option<Tier>,
    /// What could be given back of the payment that the record's approval names, as last stated: the next cancel's
    /// amount and `checksum`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub balance: Option<Won>,
    /// Of the refund of a part: what could be given back before it, as its one cancel says (R16).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checksum: Option<Won>,
    /// The last look-up showed more of the number than that payment: after its cancel all are looked up again (R12).
    #[serde(skip_serializing_if = "is_false", default)]
    pub others: bool,
    /// The recorded cancel was refused in plain words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<Said>,
}

/// How the money of an attempt moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// By the charge itself.
    Charge {
        /// A hash of `customer_uid`: tells the charge from somebody else's payment (R6).
        customer: Mark,
    },
    /// It has moved, in the window.
    Window {
        /// The payment.
        imp_uid: ImpUid,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What a record holds of a `customer_uid` (R23).
pub(super) fn customer_mark(customer_uid: &CustomerUid) -> Mark {
    short_hash(&["iamport customer", customer_uid.expose()])
}

impl product::Order for Charge {
    fn number(&self) -> &TransactionNumber {
        &self.number
    }

    fn product(&self) -> Product {
        Product::Iamport
    }

    /// Also refuses when no [`Settings`](super::Settings) say through which channel it is sold.
    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        let source = Source::Charge { customer: customer_mark(&self.customer_uid) };
        let parts = Parts {
            number: &self.number,
            amount: self.amount,
            source,
            fingerprint: self.fingerprint(),
            mark: None,
            body: messages::again(self),
        };
        open(parts, opening, now)
    }
}

impl product::Order for WindowPayment {
    fn number(&self) -> &TransactionNumber {
        &self.number
    }

    fn product(&self) -> Product {
        Product::Iamport
    }

    /// Also refuses when no [`Settings`](super::Settings) say through which channel it was sold. A payment is spent on
    /// one number only (R3).
    fn open(&self, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
        let merchant = opening.merchant;
        let total = alloc::format!("{} {}", self.amount.total().0, self.amount.tax_free().0);
        let place = [merchant.environment().as_str(), merchant.terminal().as_str()];
        let parts = Parts {
            number: &self.number,
            amount: self.amount,
            source: Source::Window { imp_uid: self.imp_uid.clone() },
            fingerprint: short_hash(&["iamport window", &total, self.imp_uid.as_str()]),
            mark: Some(short_hash(&["iamport payment", place[0], place[1], self.imp_uid.as_str()])),
            body: Bytes::default(),
        };
        open(parts, opening, now)
    }
}

/// What the two kinds of order differ in.
struct Parts<'a> {
    number: &'a TransactionNumber,
    amount: Amount,
    source: Source,
    fingerprint: Mark,
    mark: Option<Mark>,
    body: Bytes,
}

fn open(parts: Parts<'_>, opening: &Opening<'_>, now: Now) -> Result<Persist, Invalid> {
    let product::Merchant::Iamport(merchant) = opening.merchant else {
        return Err(product::wrong_merchant());
    };
    if opening.driver.policy.products.iamport.is_none() {
        return Err(Problem::Other("must say through which channel it is sold").of("iamport settings"));
    }
    flow::selling_at(now)?;
    let attempt = Attempt {
        key: opening.merchant.key(parts.number.clone()),
        amount: parts.amount,
        payload: Payload::Iamport(Recorded {
            source: parts.source,
            tier: merchant.tier.clone(),
            balance: None,
            checksum: None,
            others: false,
            refused: None,
        }),
        fingerprint: parts.fingerprint,
        authorisation_mark: parts.mark,
        body: ApprovalBody::Whole(parts.body),
        net_cancel: Secret::default(),
    };
    Ok(flow::open(attempt, opening, now))
}

pub(super) fn checked(amount: &Amount) -> Result<(), Invalid> {
    for (field, part) in [("vat", amount.vat()), ("service charge", amount.service_charge())] {
        if part > Won::ZERO {
            return Err(Problem::Other("cannot be stated to i'mport for KICC").of(field));
        }
    }
    Ok(())
}

/// A text that was checked.
fn kept(field: &'static str, value: &str, limit: usize) -> Result<Box<str>, Invalid> {
    text(field, value, limit)?;
    Ok(value.into())
}
