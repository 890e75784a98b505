//! What the customer and the staff read. Never *failed* alone: every text says whether money moved and what to do next.

use std::collections::BTreeMap;

use kicc_proto::{
    codes::{Class, Codes, ResultCode, Text},
    flow::{Charged, Outcome, Verdict, said::Said},
};
use kicc_ureq::{Error, Progress, Settled};

use crate::till::Totals;

/// `4,500원`.
pub fn won(amount: u64) -> String {
    match (amount / 1000, amount % 1000) {
        (0, rest) => format!("{rest}원"),
        (thousands, rest) => format!("{},{rest:03}원", won(thousands).trim_end_matches('원')),
    }
}

/// Where a payment stands.
pub fn progress(progress: &Progress) -> Vec<String> {
    match progress {
        Progress::Settled(settled) => self::settled(settled),
        Progress::Open(open) => lines(open.text()),
    }
}

/// How it ended, in the library's words, and what this shop adds to them.
pub fn settled(settled: &Settled) -> Vec<String> {
    match settled.verdict() {
        Verdict::Refund(outcome) => lines(outcome.text()),
        Verdict::Approval(outcome) => {
            let mut lines = lines(outcome.text());
            match outcome {
                Outcome::Approved(approval) => {
                    lines.push(format!("승인번호 {}", approval.approval_number().unwrap_or("-")));
                }
                Outcome::Declined(said) => lines.extend(why_declined(said)),
                _ => {}
            }
            lines
        }
    }
}

/// A sentence to a line.
fn lines(text: Text) -> Vec<String> {
    text.ko.split(". ").map(str::to_owned).collect()
}

/// What the library's tables say of a refusal's code, and what to do about it.
fn why_declined(said: &Said) -> Vec<String> {
    let Ok(code) = ResultCode::new(&said.code) else { return Vec::new() };
    let mut lines: Vec<_> = Codes::text(code).map(|text| text.ko.to_owned()).into_iter().collect();
    if let Class::IssuerRefusal(hint) = Codes::default().class(code) {
        lines.push(hint.text().ko.to_owned());
    }
    lines
}

/// Nothing was sent by this call.
pub fn error(error: &Error) -> Vec<String> {
    let money = match error.charged() {
        Charged::No => "결제되지 않았습니다. 직원에게 말씀해 주세요",
        _ => "다시 결제하지 마시고 직원에게 말씀해 주세요",
    };
    vec![money.into(), error.to_string()]
}

/// The day: what the journal has of each outcome, and what the shop's own books have.
pub fn totals(totals: &Totals, books: &BTreeMap<String, u64>) -> Vec<String> {
    let name = |outcome| match outcome {
        "approved" => "승인",
        "declined" => "거절",
        "never_sent" => "전송 안 됨",
        "reversed" => "취소",
        "needs_operator" => "직원 확인",
        _ => "진행 중",
    };
    let mut lines: Vec<_> = totals
        .iter()
        .map(|(outcome, (count, sum))| format!("{}  {count}건  {}", name(outcome), won(*sum)))
        .collect();
    lines.push(format!("장부  {}건  {}", books.len(), won(books.values().sum())));
    lines
}

#[test]
fn won_are_grouped() {
    assert_eq!([0, 999, 4_500, 1_000_000].map(won), ["0원", "999원", "4,500원", "1,000,000원"]);
}
