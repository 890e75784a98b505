//! What the customer and the staff read. Never *failed* alone: every text says whether money moved and what to do next.

use kicc_proto::{
    codes::{CashierHint, Class, Codes, ResultCode, Text},
    flow::{Outcome, Verdict, said::Said},
    journal::record::Record,
};
use kicc_ureq::{Error, Open, Settled, client::Report, journal::Opened};

use crate::till::Totals;

/// `4,500원`.
pub fn won(amount: u64) -> String {
    match (amount / 1000, amount % 1000) {
        (0, rest) => format!("{rest}원"),
        (thousands, rest) => format!("{},{rest:03}원", won(thousands).trim_end_matches('원')),
    }
}

/// What it is, by the number that is on the sale's slip: a refund's own was seen by nobody.
pub fn what(record: Option<&Record>) -> String {
    let Some(record) = record else { return "거래".into() };
    match &record.original {
        Some(sale) => format!("환불 {sale}"),
        None => format!("거래 {}", record.key.number),
    }
}

/// It has no end yet.
pub fn open(open: &Open) -> Vec<String> {
    lines(open.text())
}

/// To a tap: of a payment that an earlier tap has made, only that (R3); else how it ended.
pub fn answer(ended: &Settled) -> Vec<String> {
    match ended.outcome() {
        Some(Outcome::Approved(_)) if ended.repeat() => vec!["이미 결제된 주문입니다".into()],
        _ => settled(ended),
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

/// What the library's tables say of a refusal's code, and what to do about it; of a code that no table has, another card
/// is this shop's advice.
fn why_declined(said: &Said) -> Vec<String> {
    let code = ResultCode::new(&said.code).ok();
    let text = code.and_then(Codes::text).map(|text| text.ko.to_owned());
    let hint = match code.map(|code| Codes::default().class(code)) {
        Some(Class::IssuerRefusal(hint)) => hint,
        _ => CashierHint::AnotherCard,
    };
    text.into_iter().chain([hint.text().ko.to_owned()]).collect()
}

/// Nothing came of this call; the staff reads why below.
pub fn error(error: &Error) -> Vec<String> {
    let mut lines = lines(error.text());
    lines.push(format!("({error})"));
    lines
}

/// What a run of recovery leaves to the staff, beside what is parked: a line for each.
pub fn left(report: &Report) -> Vec<String> {
    let open = report.still_open.iter().map(|open| format!("{}: 아직 진행 중", what(Some(&open.record))));
    let held = report.held.iter().map(|key| format!("거래 {}: 다른 프로그램이 처리 중", key.number));
    let alone = report.left_alone.iter().map(|(number, why)| format!("거래 {number}: 읽을 수 없음 ({why})"));
    let untold = (report.untold > 0).then(|| format!("장부에 적지 못한 거래 {}건", report.untold));
    open.chain(held).chain(alone).chain(untold).collect()
}

/// A journal that may have come out of a backup sells nothing until somebody has seen to it (R24).
pub fn restore((opened, trouble): (Opened, Option<String>)) -> Vec<String> {
    let restored =
        opened.restored.then(|| "거래 기록이 백업에서 복원되었습니다. 새 결제를 받지 않습니다".to_owned());
    let missing = opened.mark_missing.then(|| "거래 기록의 표시 파일이 없어졌습니다".to_owned());
    let trouble = trouble.map(|why| format!("거래 기록의 표시 파일을 쓸 수 없습니다 ({why})"));
    restored.into_iter().chain(missing).chain(trouble).collect()
}

/// The day: what the journal has of each outcome, approved less refunded, and what the shop's own books have.
pub fn totals(totals: &Totals) -> Vec<String> {
    let line = |name: &str, count: usize, sum: u64| format!("{name}  {count}건  {}", won(sum));
    let approvals = totals.approvals.iter().map(|(outcome, (count, sum))| {
        let name = match *outcome {
            "approved" => "승인",
            "declined" => "거절",
            "never_sent" => "전송 안 됨",
            "reversed" => "취소",
            "needs_operator" => "직원 확인",
            _ => "진행 중",
        };
        line(name, *count, *sum)
    });
    let refunds = totals.refunds.iter().map(|(outcome, (count, sum))| {
        let name = match *outcome {
            "refunded" => "환불",
            "refused" => "환불 거절",
            "not_attempted" => "환불 전송 안 됨",
            "needs_operator" => "환불 직원 확인",
            _ => "환불 진행 중",
        };
        line(name, *count, *sum)
    });
    let approved = totals.approvals.get("approved").map_or(0, |(_, sum)| *sum);
    let refunded = totals.refunds.get("refunded").map_or(0, |(_, sum)| *sum);
    let sign = if approved < refunded { "-" } else { "" };
    let net = format!("승인에서 환불을 뺀 금액  {sign}{}", won(approved.abs_diff(refunded)));
    let books = line("장부", totals.books.len(), totals.books.values().sum());
    approvals.chain(refunds).chain([net, books]).collect()
}

#[test]
fn won_are_grouped() {
    assert_eq!([0, 999, 4_500, 1_000_000].map(won), ["0원", "999원", "4,500원", "1,000,000원"]);
}

#[test]
fn every_refusal_says_what_to_do() {
    let why = |code: &str| why_declined(&Said { code: code.into(), message: "".into() });
    assert_eq!(why("8521"), ["카드 한도 초과", "금액을 줄이거나 다른 카드로 결제해 주세요"]);
    assert_eq!(why("9999"), ["다른 카드로 결제해 주세요"]);
}
