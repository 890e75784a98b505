//! EasyTalkPay: what became of an approval is asked, under its date, where there is a status query; a cancel is of
//! today.

use std::error::Error;

use kicc_proto::{
    easytalk::{self, StatusQuery},
    flow::{
        Policy,
        policy::SettlesRefund,
        table::{Row, Verb},
    },
    product::{Credentials, Merchant, Order, Product},
    time::Now,
    values::{CertControlNumber, Environment, KstDateTime, OrderNumber, VanTerminalId},
};

use super::{
    coverage::Never,
    place::{
        ALREADY, AT_ONCE, DUPLICATE, Habits, NEXT_DAY, NOON, NOT_FOUND, NOTHING, NUMBER, Sale, Sample, VAGUE,
        WON, code, number_and_amount,
    },
    van::day,
};

pub struct EasyTalk;

const TERMINAL: &str = "T5102001";
const BASE: Habits = Habits {
    product: Product::EasyTalk,
    begins: NOON,
    remembers: false,
    nothing: VAGUE,
    already: VAGUE,
    tries: 9,
    settles: true,
    query: true,
    refund_settled: SettlesRefund::SameDay,
    refund_after: None,
    sale: Sale::Order,
    lags: false,
};

impl Sample for EasyTalk {
    fn habits(&self) -> Vec<Habits> {
        vec![
            BASE,
            Habits { begins: "20261121235935", ..BASE },
            Habits { begins: "20261121235958", already: DUPLICATE, ..BASE },
            Habits { tries: 3, settles: false, ..BASE },
            Habits { tries: 2, ..BASE },
            Habits { query: false, ..BASE },
            Habits { query: false, nothing: NOTHING, already: ALREADY, settles: false, ..BASE },
            Habits { refund_after: AT_ONCE, ..BASE },
            Habits { refund_after: AT_ONCE, settles: false, tries: 2, ..BASE },
            Habits { refund_after: NEXT_DAY, query: false, ..BASE },
        ]
    }

    fn configure(&self, habits: &Habits, policy: &mut Policy) {
        policy.products.easytalk = Some(if habits.query {
            let status = StatusQuery::new("/status.do", "transactionDate", &[code(NOT_FOUND)]);
            easytalk::Settings::with_status_query(status.expect("a valid query"))
        } else {
            easytalk::Settings::without_status_query()
        });
    }

    fn has_rescue(&self, habits: &Habits) -> bool {
        habits.query
    }

    fn sale(
        &self,
        _: &Habits,
        environment: Environment,
    ) -> Result<(Merchant, Box<dyn Order>), Box<dyn Error>> {
        let (number, amount) = number_and_amount()?;
        let merchant = easytalk::Merchant { environment, van_terminal_id: VanTerminalId::new(TERMINAL)? };
        let (order, certificate) = (OrderNumber::new("GDS30004")?, CertControlNumber::new("CERT_1")?);
        let order = easytalk::Order::new(number, order, amount, certificate);
        Ok((Merchant::EasyTalk(merchant), Box::new(order)))
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials::None
    }

    fn answer(&self, code: &str, fields: &str) -> String {
        format!(
            r#"{{"resCd":"{code}","resMsg":"text","shopTransactionId":"{NUMBER}","vanTid":"{TERMINAL}"{fields}}}"#
        )
    }

    fn standing(&self, booked: KstDateTime, other: bool) -> String {
        let (date, time) = (booked.date(), booked.time());
        let (date, time, won) = (date.as_str(), time.as_str(), if other { 1 } else { WON.0 });
        format!(
            r#","shopOrderNo":"GDS30004","controlNo":"20261121000000000001","amount":{won},"transactionDate":"{date}{time}""#
        )
    }

    fn shows_standing(&self, answer: &str) -> bool {
        answer.contains(r#""controlNo""#)
    }

    fn voided(&self) -> &'static str {
        r#","cancelControlNo":"20261121000000000002","amount":51004"#
    }

    /// A query knows yesterday and today, each under its own date (spec B.6).
    fn remembers(&self, booked: Now, body: &str, now: Now) -> bool {
        let booked = day(booked);
        body.contains(booked.as_str()) && booked.days_between(&day(now)) <= 1
    }

    /// Spec B.5.
    fn takes(&self, cancel: &str, now: Now) -> bool {
        cancel.contains(&format!(r#""cancelReqDate":"{}""#, day(now).as_str()))
    }

    fn never(&self) -> (&[Never<Row>], &[Never<&'static str>]) {
        (NEVER, NEVER_TOLD)
    }

    fn reads_texts_of(&self, verb: Verb) -> bool {
        verb == Verb::Query
    }
}

/// Rows that it does not take, and why.
const NEVER: &[Never<Row>] = &[
    (
        "a query voids nothing",
        &[
            Row::ReversingVoided,
            Row::ReversingVoidedEarly,
            Row::ReversingVoidedUnconfirmed,
            Row::ReversingConfirmedByAny,
            Row::VoidingRefusedAgain,
        ],
    ),
    (
        "of what was approved, not found proves nothing (R13b)",
        &[
            Row::VoidingNothing,
            Row::VoidingNothingEarly,
            Row::VoidingNothingOutside,
            Row::RefundNothing,
            Row::RefundNothingEarly,
            Row::RefundNothingOutside,
        ],
    ),
    ("a query finds the approval before the record is closed", &[Row::ClosedLate]),
    (
        "what is found is cancelled, and a refused refund is asked about (R11)",
        &[Row::ReversingAdopted, Row::RefundStillRefused],
    ),
    ("its query is taken to see at once what was booked", &[Row::SettlingNothingEarly]),
];

/// Ends that are not told of it, and why.
const NEVER_TOLD: &[Never<&str>] = &[
    ("a query voids nothing that could be confirmed", &["needs_operator Unconfirmed"]),
    ("nothing is paid before it is sold", &["needs_operator PaidNotRecorded"]),
    ("not found proves nothing of a refund", &["refund: needs_operator OutsideProofWindow"]),
];
