//! One result line: the outcome of one attempt or refund, as JSON for programs or as text for a person.

use std::io::{self, Write};

use kicc_proto::{
    codes::Codes,
    flow::{
        Charged, Outcome, RefundOutcome, Verdict,
        approval::{AmountStated, Approval},
        outcome::{OperatorReason, Resolution},
        said::{Said, Unclear},
    },
    journal::{
        Kind,
        record::{Record, Why},
    },
    values::RefundId,
};
use kicc_ureq::{Open, Progress, Settled};
use serde::Serialize;

use crate::{exit::Exit, times, words};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One aligned line for a person.
    Text,
    /// One JSON object per line.
    Json,
}

/// What became of an attempt.
#[derive(Serialize)]
pub struct Line<'a> {
    number: &'a str,
    /// `null` where nothing was recorded.
    product: Option<&'static str>,
    outcome: Option<&'static str>,
    charged: &'static str,
    safe_to_retry: bool,
    repeat: bool,
    code: Option<&'a str>,
    message: Option<&'a str>,
    approval: Option<ApprovalLine<'a>>,
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenLine>,
    /// `false`: told at the first success of a reversal; the confirmation is still to come (R13d).
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<bool>,
    #[serde(skip)]
    person: Person<'a>,
}

/// What became of a refund.
#[derive(Serialize)]
pub struct RefundLine<'a> {
    number: &'a str,
    product: Option<&'static str>,
    refund_number: Option<&'a str>,
    /// The caller's own, of the refund of a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<&'a str>,
    outcome: Option<&'static str>,
    charged: &'static str,
    safe_to_retry: bool,
    repeat: bool,
    code: Option<&'a str>,
    message: Option<&'a str>,
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenLine>,
    #[serde(skip)]
    person: Person<'a>,
}

/// An order or line that was not taken; nothing was sent for it.
#[derive(Serialize)]
pub struct ErrorLine<'a> {
    /// The input line, from 1; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The number, if one could be read.
    pub number: Option<&'a str>,
    /// Why, without a secret.
    pub error: String,
}

/// The approval as the gateway stated it.
#[derive(Serialize)]
pub struct ApprovalLine<'a> {
    approval_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<String>,
    approval_date: Option<&'a str>,
    approval_time: Option<&'a str>,
    van_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    van_serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instalment: Option<&'a str>,
    issuer_code: Option<&'a str>,
    issuer_name: Option<&'a str>,
    acquirer_code: Option<&'a str>,
    acquirer_name: Option<&'a str>,
    merchant_number: Option<&'a str>,
    card: Option<&'a str>,
    amount_stated: &'static str,
}

#[derive(Serialize)]
struct OpenLine {
    reason: &'static str,
    /// Absent where nobody has it in hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// What only the text shows.
#[derive(Default)]
struct Person<'a> {
    amount: Option<kicc_proto::values::Won>,
    said: Option<&'a Said>,
    hint: Option<String>,
    /// Refunds have given back all of it.
    given_back: bool,
}

/// Either line.
pub enum Told<'a> {
    /// Of an approval.
    Approval(Box<Line<'a>>),
    /// Of a refund.
    Refund(Box<RefundLine<'a>>),
}

impl<'a> Told<'a> {
    /// Of an end. `number` is the one that was asked for, where nothing was ever recorded.
    pub fn settled(settled: &'a Settled, number: &'a str, codes: &Codes) -> Told<'a> {
        match settled.verdict() {
            Verdict::Approval(outcome) => Told::Approval(Box::new(Line::ended(
                outcome,
                settled.record(),
                number,
                settled.repeat(),
                codes,
            ))),
            Verdict::Refund(outcome) => Told::Refund(Box::new(RefundLine::ended(
                outcome,
                settled.record(),
                number,
                settled.repeat(),
                codes,
            ))),
        }
    }

    /// Of what is still open.
    pub fn open(open: &'a Open) -> Told<'a> {
        let line = OpenLine { reason: words::open_name(open.reason), until: open.until.map(times::machine) };
        let why = Some(words::open(open.reason).to_owned());
        let record = &*open.record;
        let product = Some(record.key.product.as_str());
        let person = Person { amount: Some(record.amount.total()), ..Person::default() };
        match record.kind {
            Kind::Approval => Told::Approval(Box::new(Line {
                number: record.key.number.as_str(),
                product,
                outcome: None,
                charged: Charged::Unknown.as_str(),
                safe_to_retry: false,
                repeat: false,
                code: None,
                message: None,
                approval: None,
                why,
                open: Some(line),
                confirmed: None,
                person,
            })),
            Kind::Refund => Told::Refund(Box::new(RefundLine {
                number: original(record),
                product,
                refund_number: Some(record.key.number.as_str()),
                refund_id: record.part.as_ref().map(RefundId::as_str),
                outcome: None,
                charged: Charged::Unknown.as_str(),
                safe_to_retry: false,
                repeat: false,
                code: None,
                message: None,
                why,
                open: Some(line),
                person,
            })),
        }
    }

    /// Of an approval: its text says that refunds have given it back. A program reads that from their own lines.
    pub fn given_back(mut self, given_back: bool) -> Told<'a> {
        if let Told::Approval(line) = &mut self {
            line.person.given_back = given_back;
        }
        self
    }

    /// Of where it stands.
    pub fn progress(progress: &'a Progress, number: &'a str, codes: &Codes) -> Told<'a> {
        match progress {
            Progress::Settled(settled) => Told::settled(settled, number, codes),
            Progress::Open(open) => Told::open(open),
        }
    }

    /// What may be told of a reversal before it is confirmed (R13d).
    pub fn provisional(open: &'a Open, outcome: &'a Outcome, codes: &Codes) -> Told<'a> {
        let number = open.key.number.as_str();
        let mut line = Line::ended(outcome, Some(&open.record), number, false, codes);
        line.confirmed = Some(false);
        Told::Approval(Box::new(line))
    }

    /// Writes it with its end of line. Whoever says `told` after it has to flush first.
    pub fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match (format, self) {
            (Format::Json, Told::Approval(line)) => json(line, out),
            (Format::Json, Told::Refund(line)) => json(line, out),
            (Format::Text, Told::Approval(line)) => line.text(out),
            (Format::Text, Told::Refund(line)) => line.text(out),
        }
    }
}

/// The exit code that an end or its absence asks for.
pub fn exit(progress: &Progress) -> Exit {
    match progress {
        Progress::Open(_) => Exit::LEFT_OPEN,
        Progress::Settled(settled) => match settled.verdict() {
            Verdict::Approval(outcome) => Exit::of_outcome(outcome),
            Verdict::Refund(outcome) => Exit::of_refund(outcome),
        },
    }
}

impl ErrorLine<'_> {
    /// Writes it with its end of line.
    pub fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Json => json(self, out),
            Format::Text => {
                let number = self.number.unwrap_or("?");
                match self.line {
                    Some(line) => writeln!(out, "{number:<20}  error           line {line}: {}", self.error),
                    None => writeln!(out, "{number:<20}  error           {}", self.error),
                }
            }
        }
    }
}

impl<'a> Line<'a> {
    fn ended(
        outcome: &'a Outcome,
        record: Option<&'a Record>,
        number: &'a str,
        repeat: bool,
        codes: &Codes,
    ) -> Line<'a> {
        let recorded = record.and_then(|record| record.said.as_ref());
        let (said, why) = match outcome {
            Outcome::Approved(_) => (None, None),
            Outcome::Declined(said) => (Some(said), None),
            Outcome::NeverSent(why) => (None, Some(words::not_sent(*why).to_owned())),
            Outcome::Reversed(why) => (said_of_reversal(why), Some(words::reversed(why))),
            Outcome::NeedsOperator { why, resolution, .. } => {
                (said_of(why).or(recorded), Some(operator(why, resolution.as_ref())))
            }
        };
        let approval = match outcome {
            Outcome::Approved(approval) => Some(approval),
            _ => record.and_then(|record| record.approval.as_ref()),
        };
        let hint = match outcome {
            Outcome::Declined(said) => words::cashier_hint(said, codes),
            _ => None,
        };
        Line {
            number: record.map_or(number, |record| record.key.number.as_str()),
            product: record.map(|record| record.key.product.as_str()),
            outcome: Some(outcome.name()),
            charged: outcome.charged().as_str(),
            safe_to_retry: outcome.safe_to_retry(),
            repeat,
            code: said.map(|said| &*said.code),
            message: said.map(|said| &*said.message),
            approval: approval.map(ApprovalLine::new),
            open: None,
            confirmed: None,
            person: Person {
                amount: record.map(|record| record.amount.total()),
                said: unnamed(said, why.as_deref()),
                hint,
                given_back: false,
            },
            why,
        }
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let unconfirmed = if self.confirmed == Some(false) { "not confirmed yet" } else { "" };
        let approval = self.approval.as_ref().map(ApprovalLine::text).filter(|_| self.charged != "no");
        let details = [
            approval.unwrap_or_default(),
            self.why.clone().unwrap_or_default(),
            self.person.text(),
            until(self.open.as_ref()),
            unconfirmed.into(),
            repeated(self.repeat),
        ];
        let charged = if self.person.given_back { "given back" } else { self.charged };
        columns(self.number, self.outcome.unwrap_or("open"), charged, &self.person, &details, out)
    }
}

impl<'a> RefundLine<'a> {
    fn ended(
        outcome: &'a RefundOutcome,
        record: Option<&'a Record>,
        number: &'a str,
        repeat: bool,
        codes: &Codes,
    ) -> RefundLine<'a> {
        let recorded = record.and_then(|record| record.said.as_ref());
        let (said, why) = match outcome {
            RefundOutcome::Refunded => (None, None),
            RefundOutcome::Refused(said) => (Some(said), None),
            RefundOutcome::NotAttempted(why) => (None, Some(words::not_sent(*why).to_owned())),
            RefundOutcome::NeedsOperator { why, resolution, .. } => {
                (said_of(why).or(recorded), Some(operator(why, resolution.as_ref())))
            }
        };
        let hint = match outcome {
            RefundOutcome::Refused(said) => words::cashier_hint(said, codes),
            _ => None,
        };
        RefundLine {
            number: record.map_or(number, original),
            product: record.map(|record| record.key.product.as_str()),
            refund_number: record.map(|record| record.key.number.as_str()),
            refund_id: record.and_then(|record| record.part.as_ref()).map(RefundId::as_str),
            outcome: Some(outcome.name()),
            charged: outcome.charged().as_str(),
            safe_to_retry: outcome.safe_to_retry(),
            repeat,
            code: said.map(|said| &*said.code),
            message: said.map(|said| &*said.message),
            open: None,
            person: Person {
                amount: record.map(|record| record.amount.total()),
                said: unnamed(said, why.as_deref()),
                hint,
                given_back: false,
            },
            why,
        }
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let refund = self.refund_number.map(|number| format!("refund {number}"));
        let details = [
            refund.unwrap_or_default(),
            self.refund_id.map(|id| format!("part {id}")).unwrap_or_default(),
            self.why.clone().unwrap_or_default(),
            self.person.text(),
            until(self.open.as_ref()),
            repeated(self.repeat),
        ];
        columns(self.number, self.outcome.unwrap_or("open"), self.charged, &self.person, &details, out)
    }
}

impl<'a> ApprovalLine<'a> {
    /// What is known of an approval.
    pub fn new(approval: &'a Approval) -> ApprovalLine<'a> {
        let (date, time) = (approval.approval_date(), approval.approval_time());
        ApprovalLine {
            approval_number: approval.approval_number(),
            approved_at: times::approved_at(date, time),
            approval_date: date,
            approval_time: time,
            van_number: approval.van_number(),
            van_serial: approval.van_serial(),
            payment_method: approval.payment_method(),
            instalment: approval.instalment(),
            issuer_code: approval.issuer_code(),
            issuer_name: approval.issuer_name(),
            acquirer_code: approval.acquirer_code(),
            acquirer_name: approval.acquirer_name(),
            merchant_number: approval.merchant_number(),
            card: approval.masked_card(),
            amount_stated: match approval.amount {
                AmountStated::NotStated => "not_stated",
                AmountStated::Matched => "matched",
                AmountStated::Differs(_) => "differs",
                AmountStated::Missing => "missing",
            },
        }
    }

    fn text(&self) -> String {
        let parts = [
            self.approval_number.map(|number| format!("approval {number}")),
            self.approved_at
                .as_ref()
                .map(|at| format!("at {}", at.replace('T', " ").replace("+09:00", " KST"))),
            self.issuer_name.map(str::to_owned),
            self.card.map(str::to_owned),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Person<'_> {
    fn text(&self) -> String {
        let said = self.said.map(words::said_text);
        said.into_iter().chain(self.hint.clone()).collect::<Vec<_>>().join(" -> ")
    }
}

fn columns(
    number: &str,
    outcome: &str,
    charged: &str,
    person: &Person<'_>,
    details: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    let amount = person.amount.map(words::won).unwrap_or_default();
    let details: Vec<&str> =
        details.iter().map(|detail| detail.trim()).filter(|detail| !detail.is_empty()).collect();
    let line =
        format!("{number:<20}  {outcome:<14}  charged: {charged:<7}  {amount:>15}  {}", details.join("; "));
    writeln!(out, "{}", line.trim_end())
}

fn original(record: &Record) -> &str {
    record.original.as_ref().unwrap_or(&record.key.number).as_str()
}

/// What the gateway said, unless the reason repeats it.
fn unnamed<'a>(said: Option<&'a Said>, why: Option<&str>) -> Option<&'a Said> {
    said.filter(|said| !why.is_some_and(|why| why.contains(&*said.code)))
}

fn said_of_reversal(why: &Why) -> Option<&Said> {
    match why {
        Why::UnlistedCode(said)
        | Why::Unclear(
            Unclear::Duplicate(said) | Unclear::UnknownCode(said) | Unclear::RefusalWithApproval(said),
        ) => Some(said),
        _ => None,
    }
}

fn said_of(why: &OperatorReason) -> Option<&Said> {
    match why {
        OperatorReason::ProvesNothing(said) | OperatorReason::CancelRefused(said) => Some(said),
        _ => None,
    }
}

/// Why a person must look, and what one said if one did.
pub fn operator(why: &OperatorReason, resolution: Option<&Resolution>) -> String {
    match resolution {
        Some(resolution) => format!("{why}; {}", words::resolution(resolution)),
        None => why.to_string(),
    }
}

fn until(open: Option<&OpenLine>) -> String {
    open.and_then(|open| open.until.as_ref()).map(|until| format!("until {until}")).unwrap_or_default()
}

fn repeated(repeat: bool) -> String {
    if repeat { "known before".into() } else { String::new() }
}

/// One JSON object and the end of its line.
pub fn json(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use kicc_proto::{
        flow::{approval::Stated, outcome::OperatorReason},
        journal::record::Why,
        wire::NotSent,
    };

    use super::*;

    fn written(line: Line<'_>, format: Format) -> String {
        let mut out = Vec::new();
        Told::Approval(Box::new(line)).write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn ended(outcome: &Outcome, format: Format) -> String {
        written(Line::ended(outcome, None, "ORD_1", false, &Codes::default()), format)
    }

    #[test]
    fn keys_come_in_their_order_and_are_all_there() {
        let approval = Stated {
            approval_number: "30001234".into(),
            approval_date: "20261121".into(),
            approval_time: "113002".into(),
            ..Stated::default()
        };
        assert_eq!(
            ended(&Outcome::Approved(approval.into()), Format::Json),
            concat!(
                r#"{"number":"ORD_1","product":null,"outcome":"approved","charged":"yes","safe_to_retry":false,"#,
                r#""repeat":false,"#,
                r#""code":null,"message":null,"approval":{"approval_number":"30001234","#,
                r#""approved_at":"2026-11-21T11:30:02+09:00","approval_date":"20261121","approval_time":"113002","#,
                r#""van_number":null,"issuer_code":null,"issuer_name":null,"acquirer_code":null,"#,
                r#""acquirer_name":null,"merchant_number":null,"card":null,"amount_stated":"not_stated"},"#,
                r#""why":null}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_decline_tells_the_cashier_what_to_do() {
        let declined = Outcome::Declined(Said { code: "8521".into(), message: "한도초과".into() });
        let text = ended(&declined, Format::Text);
        assert!(text.starts_with("ORD_1                 declined        charged: no "), "{text}");
        assert!(
            text.contains("8521 한도초과") && text.contains("charge less, or ask for another card"),
            "{text}"
        );
        assert!(ended(&declined, Format::Json).contains(r#""code":"8521","message":"한도초과""#));
    }

    #[test]
    fn reasons_are_in_words() {
        let never = ended(&Outcome::NeverSent(NotSent::Connect), Format::Json);
        assert!(never.contains(r#""safe_to_retry":true"#) && never.contains("no connection"), "{never}");
        let reversed = ended(&Outcome::Reversed(Why::NotHeld), Format::Json);
        assert!(reversed.contains("books do not hold it"), "{reversed}");
        let said = Said { code: "7777".into(), message: "처리 불가".into() };
        let parked = Outcome::NeedsOperator {
            why: OperatorReason::ProvesNothing(said),
            charged: Charged::Unknown,
            resolution: None,
        };
        let parked = ended(&parked, Format::Json);
        assert!(parked.contains(r#""charged":"unknown""#) && parked.contains(r#""code":"7777""#), "{parked}");
    }
}
