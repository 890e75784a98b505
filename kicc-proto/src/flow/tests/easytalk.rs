//! EasyTalkPay in the same machine: query, then cancel (R11), and what a Korean midnight does to it (R13, R16).

use alloc::{format, string::String, vec::Vec};

use super::scenario::*;
use crate::{
    codes::ResultCode,
    easytalk::{Settings, StatusQuery},
    flow::{
        Charged, Ended, Opening, OperatorReason, Outcome, Policy, Step, WaitReason,
        approval::AmountStated,
        said::Unclear,
        table::{Stage, Verb},
    },
    journal::{
        Row,
        record::{Record, Why},
    },
    product::Order as _,
    time::Millis,
    values::KstDateTime,
    wire::{NotSent, call::RequestAuthorization},
};

const STATUS: &str = "/status.do";
pub(super) const NOT_FOUND: &str = "7404";

pub(super) fn settings() -> Settings {
    let codes = [ResultCode::new(NOT_FOUND).unwrap()];
    Settings::with_status_query(StatusQuery::new(STATUS, "transactionDate", &codes).unwrap())
}

pub(super) fn scene() -> Scene {
    Scene::easytalk(settings(), |_| {})
}

pub(super) fn without_query(change: impl FnOnce(&mut Policy)) -> Scene {
    Scene::easytalk(Settings::without_status_query(), change)
}

/// An answer with that code and both echoes, and more fields with a comma before each.
pub(super) fn body(code: &str, more: &str) -> String {
    let echo = format!(r#""shopTransactionId":"{NUMBER}","vanTid":"{VAN_TERMINAL}""#);
    format!(r#"{{"resCd":"{code}","resMsg":"text",{echo}{more}}}"#)
}

const CONTROL: &str = "20261121000000000001";

pub(super) fn standing() -> String {
    standing_at("20261121120001")
}

fn standing_at(date: &str) -> String {
    let more = format!(
        r#","shopOrderNo":"{ORDER_NUMBER}","controlNo":"{CONTROL}","amount":51004,"transactionDate":"{date}","paymentInfo":{{"authNo":"00017177"}}"#
    );
    body("0000", &more)
}

pub(super) fn cancelled() -> String {
    body("0000", r#","cancelControlNo":"20261121000000000002","amount":51004"#)
}

pub(super) fn refused(code: &str) -> In {
    In::Body(body(code, ""))
}

pub(super) fn found() -> In {
    In::Body(standing())
}

pub(super) fn gone() -> In {
    In::Body(cancelled())
}

pub(super) fn play(scene: &mut Scene, inputs: &[In]) -> Step {
    let step = scene.begin();
    scene.play(step, inputs)
}

fn dates(scene: &Scene, verb: Verb) -> Vec<&str> {
    let of = |body: &'_ str| body.len() - 10;
    scene.sent.iter().filter(|sent| sent.verb == verb).map(|sent| &sent.body[of(&sent.body)..][..8]).collect()
}

pub(super) fn number(body: &str) -> &str {
    body.split(r#""shopTransactionId":""#).nth(1).unwrap().split('"').next().unwrap()
}

#[test]
fn an_approval_that_the_merchant_holds() {
    let mut scene = scene();
    let step = play(&mut scene, &[found(), In::Held]);
    let Outcome::Approved(approval) = outcome(step) else { panic!() };
    assert_eq!((approval.amount, approval.van_number()), (AmountStated::Matched, Some(CONTROL)));
    assert_eq!(approval.approval_number(), Some("00017177"));
    let sent = &scene.sent[0];
    assert_eq!((sent.verb, sent.path.as_str()), (Verb::Approve, "/appcardpay/v1/approval.do"));
    let expected = r#"{"vanTid":"T5102001","shopTransactionId":"ORD-1","certControlNo":"CERT_1","approvalReqDate":"20261121"}"#;
    assert_eq!(sent.body, expected);
    assert_eq!(sent.headers, [("content-type".into(), "application/json; charset=euc-kr".into())]);
}

#[test]
fn a_request_is_authorised_as_configured() {
    let mut scene = Scene::easytalk(settings().authorization(RequestAuthorization::Basic), |_| {});
    drop(play(&mut scene, &[]));
    // Worked out apart with Python's base64.
    assert_eq!(scene.sent[0].headers[1], ("authorization".into(), "Basic VDUxMDIwMDE=".into()));
}

/// R5: whether there is a status query must be said, and an order is sold by its own product's merchant.
#[test]
fn r5_without_settings_no_order_is_taken() {
    let mut scene = scene();
    let mut policy = scene.policy().clone();
    policy.products.easytalk = None;
    scene.driver.policy = alloc::sync::Arc::new(policy);
    let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [1; 16] };
    assert_eq!(scene.order.open(&opening, scene.now).unwrap_err().field, "easytalk settings");
    assert_eq!(order(NUMBER, 1).open(&opening, scene.now).unwrap_err().field, "merchant");
    let simple = merchant(TERMINAL);
    let opening = Opening { merchant: &simple, ..opening };
    assert_eq!(scene.order.open(&opening, scene.now).unwrap_err().field, "merchant");
}

/// R3: a certification is spent once, whatever the number.
#[test]
fn r3_a_certification_is_spent_once() {
    let mut scene = scene();
    drop(play(&mut scene, &[found()]));
    let step = scene.open(&easytalk_order("ORD-2", "CERT_1"));
    let Ended::AuthorisationInUse(key) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(*key, scene.key());
    let step = scene.open(&easytalk_order(NUMBER, "CERT_2"));
    assert!(matches!(ended(scene.play(step, &[])), Ended::OtherData));
    let step = scene.open(&easytalk_order("ORD-2", "CERT_2"));
    assert!(matches!(scene.play(step, &[]), Step::InFlight(_)));
    for row in scene.rows.values() {
        assert!(!row.record.0.contains("CERT_") && !format!("{row:?}").contains("CERT_"), "R23");
    }
}

/// R8: another amount, and none, are cancelled.
#[test]
fn r8_an_amount_that_differs_or_is_missing_is_cancelled() {
    let other = standing().replace("51004", "51003");
    let missing = standing().replace(r#""amount":51004,"#, "");
    for (answer, amount) in
        [(other, AmountStated::Differs(crate::values::Won(51_003))), (missing, AmountStated::Missing)]
    {
        let mut scene = scene();
        let step = play(&mut scene, &[In::Body(answer), gone()]);
        assert!(matches!(outcome(step), Outcome::Reversed(Why::AmountDiffers)));
        assert_eq!(scene.verbs(), [Verb::Approve, Verb::Cancel]);
        assert_eq!(scene.record().approval.unwrap().amount, amount);
    }
}

/// R11: what a query finds is written down, then cancelled.
#[test]
fn r11_an_approval_that_a_query_finds_is_cancelled() {
    for unknown in [In::Timeout, In::Status(502), refused(DUPLICATE), refused(UNKNOWN), refused(UNLISTED)] {
        let mut scene = scene();
        let step = play(&mut scene, &[unknown, found()]);
        let record = scene.record();
        assert_eq!((record.stage, record.why), (Stage::Voiding, Some(Why::FoundApproved)));
        assert!(matches!(outcome(scene.play(step, &[gone()])), Outcome::Reversed(Why::FoundApproved)));
        assert_eq!(scene.verbs(), [Verb::Approve, Verb::Query, Verb::Cancel]);
        let (query, cancel) = (&scene.sent[1], &scene.sent[2]);
        assert_eq!(query.path, STATUS);
        let asked = r#"{"vanTid":"T5102001","shopTransactionId":"ORD-1","transactionDate":"20261121"}"#;
        assert_eq!(query.body, asked);
        assert_eq!(cancel.path, "/appcardpay/v1/cancel.do");
        let tail =
            format!(r#""controlNo":"{CONTROL}","approvalReqDate":"20261121","cancelReqDate":"20261121"}}"#);
        assert!(cancel.body.ends_with(&tail) && number(&cancel.body).starts_with('C'), "{}", cancel.body);
    }
}

/// R11: a cancel's number is the end; both shapes or neither, another transaction, or a date of other days are asked
/// again.
#[test]
fn r11_only_one_shape_is_an_answer() {
    let mut first = scene();
    let step = play(&mut first, &[In::Timeout, gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::Unclear(_))));
    let both = standing().replace(r#","amount""#, r#","cancelControlNo":"2026","amount""#);
    let half = standing().replace(r#","amount""#, r#","cancelDate":"20261121","amount""#);
    let elsewhere = standing().replace(NUMBER, "ORD-2");
    let other_terminal = standing().replace(VAN_TERMINAL, "T5102002");
    let other_order = standing().replace(ORDER_NUMBER, "GDS30005");
    let (early, late) = (standing_at("20261119235959"), standing_at("20261123000000"));
    let no_date = standing().replace(r#","transactionDate":"20261121120001""#, "");
    let damaged = standing().replace(CONTROL, "2026\u{fffd}");
    let other_cancel = cancelled().replace(NUMBER, "ORD-2");
    for unclear in [
        both,
        half,
        elsewhere,
        other_terminal,
        other_order,
        early,
        late,
        no_date,
        damaged,
        other_cancel,
        body("0000", ""),
    ] {
        let mut scene = scene();
        let wait = waiting(play(&mut scene, &[In::Timeout, In::Body(unclear.clone())]));
        assert_eq!(wait.reason(), WaitReason::Backoff, "{unclear}");
        let step = scene.play(Step::Wait(wait), &[found(), gone()]);
        assert!(matches!(outcome(step), Outcome::Reversed(_)));
    }
}

/// R13b: *not found* counts only after the quiet period; another code proves nothing, however long.
#[test]
fn r13_not_found_counts_after_the_quiet_period() {
    let mut first = scene();
    let wait = waiting(play(&mut first, &[In::Timeout, refused(NOT_FOUND)]));
    assert_eq!(wait.reason(), WaitReason::Quiet);
    let step = first.play(Step::Wait(wait), &[refused(NOT_FOUND)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    assert!(first.sent[2].at.0 - first.sent[1].at.0 >= 35_000);
    let mut scene = scene();
    let mut inputs: Vec<In> = (0..20).map(|_| refused(DECLINED)).collect();
    inputs.insert(0, In::Timeout);
    let Outcome::NeedsOperator { why, charged, .. } = outcome(play(&mut scene, &inputs)) else { panic!() };
    assert!(matches!(why, OperatorReason::ProvesNothing(_)) && charged == Charged::Unknown);
}

/// R13b: once the day after the request has begun, it must be said for both dates.
#[test]
fn r13_over_midnight_not_found_is_said_for_both_dates() {
    let mut scene = scene();
    scene.now = in_korea("20261121235950");
    let step = play(&mut scene, &[In::Reset, refused(NOT_FOUND), refused(NOT_FOUND)]);
    assert_eq!(scene.record().stage, Stage::Reversing);
    // Whoever goes on asks for the other date.
    drop(step);
    let step = scene.resume();
    let step = scene.play(step, &[In::Reset, refused(NOT_FOUND)]);
    assert_eq!(waiting_reason(&step), Some(WaitReason::Quiet));
    let step = scene.play(step, &[refused(NOT_FOUND)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    let asked = ["20261121", "20261121", "20261122", "20261122", "20261122"];
    assert_eq!(dates(&scene, Verb::Query), asked);
}

/// R13b: a booking under the day after the request is found there.
#[test]
fn r13_over_midnight_the_other_date_may_know_it() {
    let mut scene = scene();
    scene.now = in_korea("20261121235950");
    let late = In::Body(standing_at("20261122000001"));
    let step = play(&mut scene, &[In::Reset, refused(NOT_FOUND), refused(NOT_FOUND), late, gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::FoundApproved)));
    assert!(scene.sent[4].body.contains(r#""approvalReqDate":"20261121","cancelReqDate":"20261122""#));
}

/// R13b: from 23:50 of the day after the request *not found* closes nothing; what stands, or is cancelled, is said at
/// any time.
#[test]
fn r13_the_proof_window_ends_at_2350_of_the_next_day() {
    for (at, answer, closes) in [
        ("20261122234800", refused(NOT_FOUND), true),
        ("20261122235000", refused(NOT_FOUND), false),
        ("20261122235000", gone(), true),
    ] {
        let mut scene = Scene::easytalk(settings(), |policy| policy.horizon = Millis::from_secs(72 * 3_600));
        scene.now = in_korea("20261121000500");
        drop(play(&mut scene, &[In::Timeout]));
        scene.now.wall = KstDateTime::new(at).unwrap().to_unix();
        scene.now.mono = scene.now.mono + Millis::from_secs(47 * 3_600);
        let step = scene.resume();
        let mut step = scene.play(step, &[]);
        for _ in 0..3 {
            if !matches!(step, Step::Done(_)) {
                step = scene.play(step, core::slice::from_ref(&answer));
            }
        }
        match outcome(step) {
            Outcome::Reversed(_) => assert!(closes, "{at}"),
            Outcome::NeedsOperator { why, .. } => {
                assert!(!closes, "{at}");
                assert_eq!(why, OperatorReason::OutsideProofWindow);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// R6: an unlisted code is settled by one query; *not found* makes it a decline, on both dates where there are two.
#[test]
fn r6_an_unlisted_code_is_settled_by_a_query() {
    let mut first = scene();
    let step = play(&mut first, &[refused(UNLISTED), refused(NOT_FOUND)]);
    assert!(matches!(outcome(step), Outcome::Declined(said) if &*said.code == UNLISTED));
    let mut scene = scene();
    scene.now = in_korea("20261121235958");
    let step = play(&mut scene, &[]);
    scene.later(3_000);
    let step = scene.play(step, &[refused(UNLISTED), refused(NOT_FOUND), refused(NOT_FOUND)]);
    assert!(matches!(outcome(step), Outcome::Declined(said) if &*said.code == UNLISTED));
    assert_eq!(dates(&scene, Verb::Query), ["20261121", "20261122"]);
}

/// R9, R11: a success that is read late has moved money; *not found* says nothing against it.
#[test]
fn r9_not_found_does_not_undo_a_success_that_was_read() {
    let mut scene = scene();
    let late = In::Late(standing());
    let step = play(&mut scene, &[late, refused(NOT_FOUND), refused(NOT_FOUND), refused(NOT_FOUND)]);
    assert_eq!(scene.record().stage, Stage::Reversing);
    let step = scene.play(step, &[found(), gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
}

/// R11, R16: what is known to have been approved is looked for under both dates, in turn.
#[test]
fn r11_over_midnight_a_known_approval_is_asked_for_under_both_dates() {
    let mut scene = scene();
    scene.now = in_korea("20261121235950");
    let step = play(&mut scene, &[found(), In::NotHeld, In::Timeout]);
    let step = scene.play(step, &[refused(NOT_FOUND), refused(NOT_FOUND), refused(NOT_FOUND), gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    assert_eq!(dates(&scene, Verb::Query), ["20261121", "20261122", "20261121", "20261122"]);
}

/// R11: expressly without a status query, what is unknown ends with a person at once, and is never guessed.
#[test]
fn r11_without_a_status_query_unknown_needs_a_person() {
    for unknown in [In::Timeout, In::Status(500), refused(DUPLICATE), refused(UNLISTED)] {
        let mut scene = without_query(|_| {});
        let Outcome::NeedsOperator { why, charged, .. } = outcome(play(&mut scene, &[unknown])) else {
            panic!()
        };
        assert_eq!((why, charged), (OperatorReason::NoStatusQuery, Charged::Unknown));
        assert_eq!(scene.verbs(), [Verb::Approve]);
        // More tries do not help, until there is a query.
        scene.later(60_000);
        let retried = |scene: &mut Scene| {
            let row = scene.claim(&scene.key());
            Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap())
        };
        let wait = retried(&mut scene);
        let wait = waiting(scene.play(wait, &[]));
        let step = scene.wake(wait);
        let step = scene.play(step, &[]);
        assert!(matches!(outcome(step), Outcome::NeedsOperator { why: OperatorReason::NoStatusQuery, .. }));
        let configured = Scene::easytalk(settings(), |_| {}).driver;
        scene.driver = configured;
        scene.later(60_000);
        let step = retried(&mut scene);
        assert!(matches!(outcome(scene.play(step, &[gone()])), Outcome::Reversed(_)));
    }
    let mut scene = without_query(|_| {});
    assert!(matches!(outcome(play(&mut scene, &[refused(DECLINED)])), Outcome::Declined(_)));
}

/// R8, R9, R18: without a status query an approval whose number is known is cancelled all the same.
#[test]
fn r11_without_a_status_query_what_is_known_is_cancelled() {
    let scripts = [
        Vec::from([found(), In::NotHeld, gone()]),
        Vec::from([In::Body(standing().replace("51004", "1")), gone()]),
        Vec::from([In::Late(standing()), gone()]),
        Vec::from([found(), In::NotHeld, In::Refused, gone()]),
    ];
    for script in scripts {
        let mut scene = without_query(|_| {});
        assert!(matches!(outcome(play(&mut scene, &script)), Outcome::Reversed(_)), "{script:?}");
    }
    let mut unstored = without_query(|_| {});
    let step = play(&mut unstored, &[]);
    unstored.faults.push_back(Some(Fault::Full));
    let step = unstored.play(step, &[found(), gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::NotRecorded)));
    // R9: closed, and opened again.
    let mut scene = without_query(|_| {});
    let in_flight = flying(play(&mut scene, &[]));
    let step = scene.resume();
    drop(scene.play(step, &[]));
    let step = scene.answer(in_flight, &found());
    drop(scene.play(step, &[]));
    assert!(scene.record().rescue.late_success);
}

/// R15: without a status query a cancel that was not answered leaves the charge unknown; a refused one leaves it.
#[test]
fn r15_without_a_status_query_a_cancel_may_need_a_person() {
    for (answer, reason, charged) in [
        (In::Timeout, OperatorReason::NoStatusQuery, Charged::Unknown),
        (refused(DUPLICATE), OperatorReason::NoStatusQuery, Charged::Unknown),
        (refused(UNLISTED), OperatorReason::CancelRefused(said(UNLISTED)), Charged::Yes),
    ] {
        let mut scene = without_query(|_| {});
        let step = play(&mut scene, &[found(), In::NotHeld, answer.clone()]);
        let Outcome::NeedsOperator { why, charged: is, .. } = outcome(step) else { panic!() };
        assert_eq!((why, is), (reason, charged), "{answer:?}");
        // R16: a person's retry sends the same cancel under its number.
        scene.later(60_000);
        let row = scene.claim(&scene.key());
        let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
        assert!(matches!(outcome(scene.play(step, &[gone()])), Outcome::Reversed(_)));
        assert_eq!(scene.sent[1].body, scene.sent[2].body);
    }
}

/// R15: where a query exists, a refused cancel is no proof of anything, also when no try is left to ask.
#[test]
fn r15_a_refused_cancel_that_no_query_followed_leaves_the_charge_unknown() {
    let unanswered = [found(), In::NotHeld, refused(UNLISTED), In::Timeout];
    let unasked = [In::Timeout, found(), refused(UNLISTED)];
    for inputs in [&unanswered[..], &unasked] {
        let mut scene = Scene::easytalk(settings(), |policy| policy.rescue_attempts = 2);
        let Outcome::NeedsOperator { charged, .. } = outcome(play(&mut scene, inputs)) else { panic!() };
        assert_eq!((charged, scene.verbs().len()), (Charged::Unknown, 3));
    }
}

/// R14: cancels that do nothing, until the budget ends on a query that shows the approval after the quiet period: it is
/// known that the customer is charged.
#[test]
fn r14_what_still_stands_at_the_end_of_the_budget_is_charged() {
    for unknown in [In::Timeout, refused(DUPLICATE), refused(UNLISTED)] {
        let mut scene = Scene::easytalk(settings(), |policy| policy.rescue_attempts = 3);
        let step = play(&mut scene, &[found(), In::NotHeld, unknown, found()]);
        let step = Step::Wait(waiting(step));
        let Outcome::NeedsOperator { why, charged, .. } = outcome(scene.play(step, &[found()])) else {
            panic!()
        };
        assert_eq!((why, charged), (OperatorReason::StillStands, Charged::Yes));
        assert_eq!(scene.verbs()[1..], [Verb::Cancel, Verb::Query, Verb::Query]);
    }
}

fn said(code: &str) -> crate::flow::said::Said {
    crate::flow::said::Said { code: code.into(), message: "text".into() }
}

/// R16: while a cancel's outcome is unknown its number stays; only a query a quiet period after give-up that shows
/// the approval standing allows the next one.
#[test]
fn r16_the_next_cancel_needs_a_query_after_the_quiet_period() {
    for unknown in [In::Timeout, refused(DUPLICATE), refused(UNLISTED)] {
        let mut scene = scene();
        let step = play(&mut scene, &[found(), In::NotHeld, unknown, found()]);
        let wait = waiting(step);
        assert_eq!(wait.reason(), WaitReason::Quiet);
        let given_up = scene.sent[2].at;
        let step = scene.play(Step::Wait(wait), &[found()]);
        assert!(scene.sent[3].at.0 - given_up.0 >= 35_000);
        assert_eq!(scene.verbs()[1..], [Verb::Cancel, Verb::Query, Verb::Query, Verb::Cancel]);
        assert_ne!(number(&scene.sent[1].body), number(&scene.sent[4].body));
        assert!(matches!(outcome(scene.play(step, &[gone()])), Outcome::Reversed(Why::NotHeld)));
    }
    let mut scene = scene();
    let step = play(&mut scene, &[found(), In::NotHeld, In::Timeout, gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::NotHeld)));
}

/// R16: `cancelReqDate` must be the current date. A cancel that was never sent and is of yesterday gets the next
/// number and today's date; one that may have been sent keeps both.
#[test]
fn r16_a_cancel_of_yesterday_is_renewed_only_if_it_was_never_sent() {
    let mut first = scene();
    let step = play(&mut first, &[found(), In::NotHeld, In::Refused]);
    let body = first.record().cancel.unwrap().body;
    first.now.wall = KstDateTime::new("20261122000001").unwrap().to_unix();
    let step = first.play(step, &[gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    let last = &first.sent.last().unwrap().body;
    assert_ne!(number(&body), number(last));
    assert!(last.contains(r#""approvalReqDate":"20261121","cancelReqDate":"20261122""#), "{last}");

    let mut sent = scene();
    let step = play(&mut sent, &[found(), In::NotHeld, In::Timeout, In::Reset]);
    let before = sent.record().cancel;
    sent.now.wall = KstDateTime::new("20261122000001").unwrap().to_unix();
    let step = sent.play(step, &[found()]);
    assert_eq!(sent.record().cancel, before);
    let step = sent.play(step, &[found()]);
    let next = sent.record().cancel.unwrap();
    assert_eq!(next.sequence, 2);
    assert!(next.body.contains(r#""cancelReqDate":"20261122""#), "{}", next.body);
    assert!(matches!(outcome(sent.play(step, &[gone()])), Outcome::Reversed(_)));

    // The same day: the same number.
    let mut scene = scene();
    let step = play(&mut scene, &[found(), In::NotHeld, In::Refused, In::Refused, gone()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    assert_eq!(scene.record().cancel.unwrap().sequence, 1);
}

pub(super) fn waiting_reason(step: &Step) -> Option<WaitReason> {
    match step {
        Step::Wait(wait) => Some(wait.reason()),
        _ => None,
    }
}

/// R20, R21: a record belongs to its product's merchant alone, and its key to its payload.
#[test]
fn r20_a_record_of_another_product_is_left_alone() {
    let mut scene = scene();
    drop(play(&mut scene, &[In::Timeout]));
    let row = scene.rows[&scene.key()].clone();
    let refused =
        |merchant| crate::flow::resume(row.clone(), &merchant, &scene.driver, scene.now).unwrap_err();
    assert_eq!(refused(merchant(TERMINAL)), crate::journal::record::RecordError::Foreign);
    let mut record = scene.record();
    record.key.product = crate::journal::Product::Simple;
    let moved = Row { key: record.key.clone(), record: record.encode(), ..row.clone() };
    let error = Record::of_row(&moved).unwrap_err();
    assert_eq!(error, crate::journal::record::RecordError::OtherRow);
}

/// R4, R20: a lapsed or unsent approval is never sent.
#[test]
fn r4_never_sent_is_never_sent() {
    let mut scene = scene();
    assert_eq!(outcome(play(&mut scene, &[In::Refused])), Outcome::NeverSent(NotSent::Connect));
    let unclear = Why::Unclear(Unclear::Ambiguous);
    assert_ne!(scene.record().why, Some(unclear));
}
