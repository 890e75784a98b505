//! Simple Payment: a net-cancel voids what may stand; there is nothing to ask.

use std::{error::Error, sync::LazyLock};

use kicc_proto::{
    flow::{
        Policy,
        policy::SettlesRefund,
        table::{Row, Verb},
    },
    product::{Credentials, Merchant, Order, Product},
    simple,
    time::Now,
    values::{BusinessNumber, ChannelId, Environment, KstDateTime, ServiceId, TerminalId, TokenKey},
    wire::sign::{Sign, SignError},
};

use super::{
    coverage::Never,
    place::{
        ALREADY, AT_ONCE, Habits, NEXT_DAY, NOON, NOTHING, NUMBER, Sale, Sample, VAGUE, number_and_amount,
    },
};

pub struct Simple;

const TERMINAL: &str = "T123456789";
const BASE: Habits = Habits {
    product: Product::Simple,
    begins: NOON,
    remembers: false,
    nothing: NOTHING,
    already: ALREADY,
    tries: 8,
    settles: true,
    query: false,
    refund_settled: SettlesRefund::SameDay,
    refund_after: None,
    sale: Sale::Order,
    lags: false,
};
/// How long its gateway remembers an approval for a net-cancel.
const REMEMBERED: u64 = 24 * 3_600_000;

impl Sample for Simple {
    fn habits(&self) -> Vec<Habits> {
        vec![
            BASE,
            Habits { remembers: true, ..BASE },
            Habits { nothing: "0000", already: "0000", ..BASE },
            Habits { nothing: "0000", already: VAGUE, tries: 4, ..BASE },
            Habits { already: NOTHING, ..BASE },
            Habits { tries: 3, settles: false, ..BASE },
            Habits { tries: 2, ..BASE },
            Habits { refund_after: AT_ONCE, ..BASE },
            Habits { refund_after: AT_ONCE, settles: false, tries: 2, ..BASE },
            Habits { refund_after: AT_ONCE, already: NOTHING, refund_settled: SettlesRefund::Always, ..BASE },
            Habits { refund_after: NEXT_DAY, ..BASE },
        ]
    }

    fn configure(&self, habits: &Habits, policy: &mut Policy) {
        policy.net_cancel_settles_refund = habits.refund_settled;
    }

    fn has_rescue(&self, _: &Habits) -> bool {
        true
    }

    fn sale(
        &self,
        _: &Habits,
        environment: Environment,
    ) -> Result<(Merchant, Box<dyn Order>), Box<dyn Error>> {
        let (number, amount) = number_and_amount()?;
        let merchant = simple::Merchant {
            environment,
            terminal_id: TerminalId::new(TERMINAL)?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        };
        let order = simple::Order::new(number, amount, TokenKey::new("TOKEN_ABC123XYZ")?);
        Ok((Merchant::Simple(merchant), Box::new(order)))
    }

    fn credentials(&self) -> Credentials<'_> {
        static CHANNEL: LazyLock<ChannelId> =
            LazyLock::new(|| ChannelId::new("CH_A1B2C3D4").expect("a valid channel"));
        Credentials::Signature { channel_id: &CHANNEL, signer: &Signer }
    }

    fn answer(&self, code: &str, fields: &str) -> String {
        format!(r#"{{"respCd":"{code}","respMsg":"text","tid":"{TERMINAL}","mercTrxNo":"{NUMBER}"{fields}}}"#)
    }

    fn standing(&self, booked: KstDateTime, other: bool) -> String {
        let amount = if other { r#","trxAmt":1"# } else { "" };
        let date = booked.date();
        format!(
            r#"{amount},"aprvNo":"12345678","aprvDt":"{}","vanTrxNo":"V12345678901"{CARD}"#,
            date.as_str()
        )
    }

    fn shows_standing(&self, answer: &str) -> bool {
        answer.contains(r#""aprvNo""#)
    }

    fn voided(&self) -> &'static str {
        CARD
    }

    fn remembers(&self, booked: Now, _: &str, now: Now) -> bool {
        now.mono.0.saturating_sub(booked.mono.0) <= REMEMBERED
    }

    fn takes(&self, _: &str, _: Now) -> bool {
        true
    }

    fn never(&self) -> (&[Never<Row>], &[Never<&'static str>]) {
        (NEVER, NEVER_TOLD)
    }

    fn reads_texts_of(&self, _: Verb) -> bool {
        true
    }
}

const CARD: &str = r#","cardConfirmNo":"1234-56**-****-1234""#;

struct Signer;

impl Sign for Signer {
    fn sign(&self, _: &[&[u8]]) -> Result<[u8; 32], SignError> {
        Ok([7; 32])
    }
}

/// Rows that it does not take, and why.
const NEVER: &[Never<Row>] = &[
    (
        "there always is a net-cancel",
        &[
            Row::IntentNoRescue,
            Row::IntentLateCancelled,
            Row::ReversingLateCancelled,
            Row::UndecidedNotRecordedCancelled,
        ],
    ),
    (
        "a net-cancel does not show what stands",
        &[
            Row::SettlingStands,
            Row::ReversingStands,
            Row::VoidingStandsEarly,
            Row::VoidingStands,
            Row::VoidingStandsExhausted,
            Row::RefundStandsEarly,
            Row::RefundStands,
            Row::ReversingAdopted,
            Row::RefundStillRefused,
        ],
    ),
    ("a net-cancel sees at once what was booked", &[Row::SettlingNothingEarly]),
];

/// Ends that are not told of it, and why.
const NEVER_TOLD: &[Never<&str>] = &[
    (
        "the net-cancel is there and shows nothing",
        &["needs_operator StillStands", "needs_operator NoStatusQuery", "needs_operator CancelRefused"],
    ),
    ("nothing is paid before it is sold", &["needs_operator PaidNotRecorded"]),
];
