//! Where a run takes place: a product, a gateway's habits, a policy, and the order that is sold.

use std::sync::Arc;

use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk::{self, StatusQuery},
    flow::{
        Policy,
        policy::{SettlesRefund, UnlistedCodes},
    },
    product::{Merchant, Order, Product},
    simple,
    time::{Millis, Mono, Now},
    values::{
        Amount, BusinessNumber, CertControlNumber, Environment, KstDateTime, OrderNumber, Parts, ServiceId,
        TerminalId, TokenKey, TransactionNumber, VanTerminalId, Won,
    },
};

pub const NUMBER: &str = "ORD-1";
pub const TERMINAL: &str = "T123456789";
pub const VAN_TERMINAL: &str = "T5102001";
pub const NOTHING: &str = "7001";
pub const ALREADY: &str = "7002";
pub const DUPLICATE: &str = "7100";
pub const UNKNOWN: &str = "7200";
pub const NOT_FOUND: &str = "7404";
pub const DECLINED: &str = "8521";
pub const UNLISTED: &str = "9999";
/// An answer to a rescue message that proves nothing.
pub const VAGUE: &str = "8888";

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
    /// EasyTalkPay: there is a status query.
    pub query: bool,
    /// The run begins with a refund, so long after the approval.
    pub refund_after: Option<Millis>,
}

const NOON: &str = "20261121120000";

const SIMPLE: Habits = Habits {
    product: Product::Simple,
    begins: NOON,
    remembers: false,
    nothing: NOTHING,
    already: ALREADY,
    tries: 12,
    settles: true,
    query: false,
    refund_after: None,
};

const EASYTALK: Habits =
    Habits { product: Product::EasyTalk, nothing: VAGUE, already: VAGUE, tries: 14, query: true, ..SIMPLE };

const AT_ONCE: Option<Millis> = Some(Millis(60_000));
const NEXT_DAY: Option<Millis> = Some(Millis(24 * 3_600_000));

/// All places of a product, those of a patient policy first.
pub fn places(product: Product) -> Vec<Place> {
    let habits = match product {
        Product::Simple => vec![
            SIMPLE,
            Habits { remembers: true, ..SIMPLE },
            Habits { nothing: "0000", already: "0000", ..SIMPLE },
            Habits { nothing: "0000", already: VAGUE, ..SIMPLE },
            Habits { tries: 3, settles: false, ..SIMPLE },
            Habits { refund_after: AT_ONCE, ..SIMPLE },
            Habits { refund_after: AT_ONCE, settles: false, tries: 2, ..SIMPLE },
            Habits { refund_after: NEXT_DAY, ..SIMPLE },
        ],
        Product::EasyTalk => vec![
            EASYTALK,
            Habits { begins: "20261121235935", ..EASYTALK },
            Habits { begins: "20261121235958", already: DUPLICATE, ..EASYTALK },
            Habits { tries: 3, settles: false, ..EASYTALK },
            Habits { query: false, ..EASYTALK },
            Habits { query: false, nothing: NOTHING, already: ALREADY, settles: false, ..EASYTALK },
            Habits { refund_after: AT_ONCE, ..EASYTALK },
            Habits { refund_after: AT_ONCE, settles: false, tries: 2, ..EASYTALK },
            Habits { refund_after: NEXT_DAY, query: false, ..EASYTALK },
        ],
    };
    habits.into_iter().map(Place::new).collect()
}

/// The place with everything made that its runs share.
pub struct Place {
    pub habits: Habits,
    pub policy: Arc<Policy>,
    pub merchant: Merchant,
    pub order: Box<dyn Order>,
    pub begins: Now,
}

impl Place {
    fn new(habits: Habits) -> Self {
        Self::with(habits, |_| {})
    }

    /// The same with another policy.
    pub fn with(habits: Habits, change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        policy.codes = codes(vec![code(NOTHING)], vec![code(ALREADY)]);
        policy.rescue_attempts = habits.tries;
        policy.net_cancel_settles_refund = SettlesRefund::SameDay;
        if !habits.settles {
            policy.unlisted_codes = UnlistedCodes::Decline;
        }
        policy.products.easytalk = Some(if habits.query {
            let status = StatusQuery::new("/status.do", "transactionDate", &[code(NOT_FOUND)]);
            easytalk::Settings::with_status_query(status.expect("a valid query"))
        } else {
            easytalk::Settings::without_status_query()
        });
        policy.check(true).expect("a policy that holds together");
        change(&mut policy);
        let (merchant, order) = sale(habits.product).expect("valid test data");
        let wall = KstDateTime::new(habits.begins).expect("a valid date").to_unix();
        Place {
            habits,
            policy: Arc::new(policy),
            merchant,
            order,
            begins: Now { mono: Mono(1_000_000), wall },
        }
    }
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

fn sale(product: Product) -> Result<(Merchant, Box<dyn Order>), Box<dyn std::error::Error>> {
    let environment = Environment::new("test")?;
    let number = TransactionNumber::new(NUMBER)?;
    let amount = Amount::new(Won(51_004), Parts::default())?;
    Ok(match product {
        Product::Simple => (
            Merchant::Simple(simple::Merchant {
                environment,
                terminal_id: TerminalId::new(TERMINAL)?,
                service_id: ServiceId::new("SVC_SIMPLE")?,
                business_number: BusinessNumber::new("1234567890")?,
            }),
            Box::new(simple::Order::new(number, amount, TokenKey::new("TOKEN_ABC123XYZ")?)),
        ),
        Product::EasyTalk => (
            Merchant::EasyTalk(easytalk::Merchant {
                environment,
                van_terminal_id: VanTerminalId::new(VAN_TERMINAL)?,
            }),
            Box::new(easytalk::Order::new(
                number,
                OrderNumber::new("GDS30004")?,
                amount,
                CertControlNumber::new("CERT_1")?,
            )),
        ),
    })
}
