//! Where a run takes place: a product, a gateway's habits, a policy, and the order that is sold.

use std::{cell::OnceCell, error::Error, sync::Arc};

use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    flow::{
        Policy,
        policy::{SettlesRefund, UnlistedCodes},
        said::Said,
        table::{Event, Row, Verb},
    },
    product::{Credentials, Merchant, Order, Product},
    time::{Millis, Mono, Now},
    values::{Amount, Environment, KstDateTime, Parts, TransactionNumber, Won},
};

use super::{acts::Fate, coverage::Never, easytalk::EasyTalk, iamport::Iamport, simple::Simple, world::Sold};

pub const NUMBER: &str = "ORD-1";
pub const WON: Won = Won(51_004);
/// A success's code, in every product.
pub const SUCCESS: &str = "0000";
pub const NOTHING: &str = "7001";
pub const ALREADY: &str = "7002";
pub const DUPLICATE: &str = "7100";
pub const UNKNOWN: &str = "7200";
pub const NOT_FOUND: &str = "7404";
pub const DECLINED: &str = "8521";
pub const UNLISTED: &str = "9999";
/// An answer to a rescue message that proves nothing.
pub const VAGUE: &str = "8888";

/// The products that are explored.
pub const EXPLORED: [Product; 3] = Product::ALL;

/// What a product adds to the search: a file each.
pub trait Sample {
    /// Where it is explored, the places of a patient policy first.
    fn habits(&self) -> Vec<Habits>;
    /// What only its policy has.
    fn configure(&self, habits: &Habits, policy: &mut Policy);
    /// Whether there is a rescue message.
    fn has_rescue(&self, habits: &Habits) -> bool;
    /// Who sells, and an order of [`NUMBER`] over [`WON`].
    fn sale(
        &self,
        habits: &Habits,
        environment: Environment,
    ) -> Result<(Merchant, Box<dyn Order>), Box<dyn Error>>;
    fn credentials(&self) -> Credentials<'_>;
    /// An answer with that code, the echoes and those fields.
    fn answer(&self, code: &str, fields: &str) -> String;
    /// What an answer says of an approval that stands; `other`: over another amount than was asked for.
    fn standing(&self, booked: KstDateTime, other: bool) -> String;
    /// Whether an answer says that an approval stands.
    fn shows_standing(&self, answer: &str) -> bool;
    /// What an answer says of a cancel that was done.
    fn voided(&self) -> &'static str;
    /// Whether the gateway still knows of what was booked then, when it is asked by that message.
    fn remembers(&self, booked: Now, body: &str, now: Now) -> bool;
    /// Whether the gateway takes that cancel today.
    fn takes(&self, cancel: &str, now: Now) -> bool;
    /// Which rows of the table it never takes, and which of its ends are never told.
    fn never(&self) -> (&[Never<Row>], &[Never<&'static str>]);
    /// On which of its messages damage to texts is tried: it is the same for every message of a kind.
    fn reads_texts_of(&self, verb: Verb) -> bool;
    /// What can become of a message, where it is not the same as for the VAN's own products.
    fn fates(&self, _: &Habits, _: Verb) -> Option<&'static [Fate]> {
        None
    }
    /// What an answer in those words may have meant, after which the quiet period was waited for or not, where its codes
    /// are not the VAN's.
    fn heard(&self, _: Verb, _: &Said, _: bool) -> Option<Vec<Event>> {
        None
    }
}

pub fn sample(product: Product) -> &'static dyn Sample {
    match product {
        Product::Simple => &Simple,
        Product::EasyTalk => &EasyTalk,
        Product::Iamport => &Iamport,
    }
}

/// What a gateway makes of the cases that the documentation leaves open, and what the merchant has configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habits {
    pub product: Product,
    /// When the run begins, in Korea.
    pub begins: &'static str,
    /// A net-cancel that found nothing is remembered: the approval that comes later is refused.
    pub remembers: bool,
    /// The code for *nothing to void*.
    pub nothing: &'static str,
    /// The code for *voided before*.
    pub already: &'static str,
    /// How many rescue messages the policy allows.
    pub tries: u32,
    /// Unlisted codes are settled first.
    pub settles: bool,
    /// What becomes of a transaction can be asked.
    pub query: bool,
    /// When a net-cancel may settle a refund.
    pub refund_settled: SettlesRefund,
    /// The run begins with a refund, so long after the approval.
    pub refund_after: Option<Millis>,
    /// What is sold.
    pub sale: Sale,
    /// Look-ups show late what was done.
    pub lags: bool,
}

/// What is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sale {
    /// An order, charged by its approval.
    Order,
    /// The same; what is found standing is put to the merchant (R12).
    Adopted,
    /// What the customer has paid before.
    Window,
}

pub const NOON: &str = "20261121120000";
pub const AT_ONCE: Option<Millis> = Some(Millis(60_000));
pub const NEXT_DAY: Option<Millis> = Some(Millis(24 * 3_600_000));

/// All places of a product.
pub fn places(product: Product) -> Vec<Place> {
    sample(product).habits().into_iter().map(|habits| Place::with(habits, |_| {})).collect()
}

/// The place with everything made that its runs share.
pub struct Place {
    pub habits: Habits,
    pub sample: &'static dyn Sample,
    pub policy: Arc<Policy>,
    pub merchant: Merchant,
    pub order: Box<dyn Order>,
    pub begins: Now,
    /// The sale that is refunded, where the run begins with a refund.
    pub sold: OnceCell<Sold>,
}

impl Place {
    /// The place with another policy.
    pub fn with(habits: Habits, change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        policy.codes = codes(vec![code(NOTHING)], vec![code(ALREADY)]);
        policy.rescue_attempts = habits.tries;
        if !habits.settles {
            policy.unlisted_codes = UnlistedCodes::Decline;
        }
        let sample = sample(habits.product);
        sample.configure(&habits, &mut policy);
        policy.check(true).expect("a policy that holds together");
        change(&mut policy);
        let environment = Environment::new("test").expect("a valid label");
        let (merchant, order) = sample.sale(&habits, environment).expect("valid test data");
        let wall = KstDateTime::new(habits.begins).expect("a valid date").to_unix();
        Place {
            habits,
            sample,
            policy: Arc::new(policy),
            merchant,
            order,
            begins: Now { mono: Mono(1_000_000), wall },
            sold: OnceCell::new(),
        }
    }
}

impl Place {
    /// How long after give-up something may still be booked.
    pub fn quiet_period(&self) -> u64 {
        let iamport = self.policy.products.iamport.as_ref();
        iamport.map_or(self.policy.quiet_period, |settings| settings.quiet_period).0
    }
}

pub fn number_and_amount() -> Result<(TransactionNumber, Amount), Box<dyn Error>> {
    Ok((TransactionNumber::new(NUMBER)?, Amount::new(WON, Parts::default())?))
}

pub fn code(text: &str) -> ResultCode {
    ResultCode::new(text).expect("four letters or digits")
}

/// The result codes with those two meanings beside the fixed ones.
pub fn codes(nothing_to_void: Vec<ResultCode>, already_voided: Vec<ResultCode>) -> Codes {
    let (duplicate, unknown) = (vec![code(DUPLICATE)], vec![code(UNKNOWN)]);
    Codes::new(CodeSets { nothing_to_void, already_voided, duplicate, unknown, refusals: Vec::new() })
        .expect("no code has two meanings")
}
