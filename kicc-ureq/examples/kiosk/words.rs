//! What the customer and the staff read. Never *failed* alone: every text says whether money moved and what to do next.

use std::collections::BTreeMap;

use kicc_proto::{
    codes::{Class, Codes, ResultCode},
    flow::{Charged, Outcome, said::Said},
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
        Progress::Open(_) => {
            vec!["결제 결과를 확인하고 있습니다".into(), "다시 결제하지 마시고 잠시 기다려 주세요".into()]
        }
    }
}

/// How it ended.
pub fn settled(settled: &Settled) -> Vec<String> {
    let Some(outcome) = settled.outcome() else { return vec!["환불 처리가 끝났습니다".into()] };
    match outcome {
        Outcome::Approved(approval) => {
            vec!["결제되었습니다".into(), format!("승인번호 {}", approval.approval_number().unwrap_or("-"))]
        }
        Outcome::Declined(said) => declined(said),
        Outcome::NeverSent(_) => vec![
            "결제되지 않았습니다".into(),
            "카드사에 연결되지 않았습니다. 잠시 후 다시 결제해 주세요".into(),
        ],
        Outcome::Reversed(_) => {
            vec!["결제가 취소되었습니다. 청구되지 않습니다".into(), "다시 결제해 주세요".into()]
        }
        Outcome::NeedsOperator { charged, .. } => {
            let money = match charged {
                Charged::Yes => "결제되었으나 주문을 처리하지 못했습니다",
                Charged::No => "결제되지 않았습니다",
                Charged::Unknown => "결제되었는지 확인이 필요합니다",
            };
            vec![money.into(), "다시 결제하지 마시고 직원에게 말씀해 주세요".into()]
        }
    }
}

/// A refusal, with the library's words for its code and for what to do about it.
fn declined(said: &Said) -> Vec<String> {
    let mut lines = vec!["결제되지 않았습니다".into()];
    if let Ok(code) = ResultCode::new(&said.code) {
        lines.extend(Codes::text(code).map(|text| text.ko.to_owned()));
        if let Class::IssuerRefusal(hint) = Codes::default().class(code) {
            lines.push(hint.text().ko.to_owned());
        }
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
