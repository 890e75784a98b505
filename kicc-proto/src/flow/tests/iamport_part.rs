//! Giving back a part of a payment through i'mport: one cancel under a recorded checksum, and never another (R16).

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    iamport::*,
    scenario::{In, Scene, outcome, refund_outcome},
};
use crate::{
    flow::{
        Charged, Opening, OperatorReason, Outcome, PartialRefund, RefundCall, RefundError, RefundOutcome,
        Step, call_refund, outcome::Resolution, resolve, table::Verb,
    },
    iamport::{Charge, CustomerUid, Settings},
    journal::{Kind, Row, record::Record},
    values::{Amount, Parts, RefundId, Won},
};

fn sold(mut scene: Scene) -> (Scene, Record) {
    let step = play(&mut scene, &[one(&paid(ONE)), In::Held]);
    assert!(matches!(outcome(step), Outcome::Approved(_)));
    scene.sent.clear();
    let record = scene.record();
    (scene, record)
}

fn part(id: &str, won: u64) -> PartialRefund {
    part_with(id, won, 0)
}

fn part_with(id: &str, won: u64, tax_free: u64) -> PartialRefund {
    let parts = Parts { tax_free: Won(tax_free), ..Parts::default() };
    PartialRefund { id: RefundId::new(id).unwrap(), amount: Amount::new(Won(won), parts).unwrap() }
}

fn refunds(scene: &Scene) -> Vec<Row> {
    let mut rows: Vec<_> = scene.rows.values().filter(|row| row.kind == Kind::Refund).cloned().collect();
    rows.sort_by_key(|row| row.created_at);
    rows
}

/// Calls for a refund; `rows` are what the caller knows of earlier ones.
fn call_with(
    scene: &Scene,
    original: &Record,
    rows: &[Row],
    part: Option<&PartialRefund>,
) -> Result<RefundCall, RefundError> {
    let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [9; 16] };
    call_refund(original, rows, part, 0, &opening, scene.now)
}

fn call(scene: &Scene, original: &Record, part: &PartialRefund) -> Result<RefundCall, RefundError> {
    call_with(scene, original, &refunds(scene), Some(part))
}

fn new(call: Result<RefundCall, RefundError>) -> Step {
    match call {
        Ok(RefundCall::New(persist)) => Step::Persist(persist),
        other => panic!("{other:?}"),
    }
}

/// A refund that is answered so, to the next message that must be sent or its end.
fn give(scene: &mut Scene, original: &Record, part: &PartialRefund, inputs: &[In]) -> Step {
    scene.later(1_000);
    let step = new(call(scene, original, part));
    scene.play(step, inputs)
}

/// The number that a refund of that id has.
fn number_of(original: &Record, id: &str) -> String {
    original.part_cancel(&RefundId::new(id).unwrap()).number.to_string()
}

/// The payment after refunds, each with its reason.
fn after(refunds: &[(u64, &str)]) -> String {
    let back: u64 = refunds.iter().map(|(won, _)| won).sum();
    let one = |(won, reason): &(u64, &str)| {
        format!(r#"{{"amount":{won},"cancelled_at":1795230002,"reason":"{reason}","cancellation_id":"c"}}"#)
    };
    let list: Vec<_> = refunds.iter().map(one).collect();
    let more = format!(r#","channel":"api","cancel_history":[{}]"#, list.join(","));
    payment(ONE, if back == 10_000 { "cancelled" } else { "paid" }, back, &more)
}

fn own(original: &Record, id: &str) -> String {
    format!("refund {}", number_of(original, id))
}

/// R16: each part names what it believes to be left, as the one before has left it; the rest is the whole.
#[test]
fn r16_parts_follow_each_other_by_their_checksums() {
    for scene in [charging(), in_window()] {
        let (mut scene, original) = sold(scene);
        let (a, b) = (own(&original, "A"), own(&original, "B"));
        let step = give(&mut scene, &original, &part("A", 3_000), &[one(&after(&[(3_000, &a)]))]);
        assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        let both = after(&[(3_000, &a), (2_000, &b)]);
        let step = give(&mut scene, &original, &part("B", 2_000), &[one(&both)]);
        assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        scene.later(1_000);
        let step = new(call_with(&scene, &original, &refunds(&scene), None));
        let step = scene.play(step, &[one(&cancelled(ONE))]);
        assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        let body = |won: u64, checksum: u64, reason: &str| {
            format!(r#"{{"imp_uid":"{ONE}","amount":{won},"checksum":{checksum},"reason":"{reason}"}}"#)
        };
        assert_eq!(
            bodies(&scene, Verb::Cancel),
            [body(3_000, 10_000, &a), body(2_000, 7_000, &b), body(5_000, 5_000, "refunded by the shop")]
        );
        let records: Vec<_> = refunds(&scene).iter().map(|row| Record::of_row(row).unwrap()).collect();
        assert_eq!(
            records.iter().map(|record| record.amount.total().0).collect::<Vec<_>>(),
            [3_000, 2_000, 5_000]
        );
        scene.later(1_000);
        let error = call(&scene, &original, &part("C", 1)).unwrap_err();
        assert_eq!(error, RefundError::NothingLeft);
    }
}

/// R16: the same id is the same refund, however it ended; with another amount it is an error.
#[test]
fn r16_an_id_is_one_refund() {
    let (mut scene, original) = sold(charging());
    let done = after(&[(3_000, &own(&original, "A"))]);
    drop(give(&mut scene, &original, &part("A", 3_000), &[one(&done)]));
    let refused_before = [In::Body(refused()), one(&done), one(&done)];
    let step = give(&mut scene, &original, &part("B", 2_000), &refused_before);
    assert!(matches!(refund_outcome(step), RefundOutcome::Refused(_)));
    for (id, won) in [("A", 3_000), ("B", 2_000)] {
        let Ok(RefundCall::Known(key)) = call(&scene, &original, &part(id, won)) else { panic!("{id}") };
        assert_eq!(key.number.as_str(), number_of(&original, id));
        assert_eq!(call(&scene, &original, &part(id, won + 1)).unwrap_err(), RefundError::OtherData);
    }
    // What was read before knows nothing of it: the store does.
    scene.later(1_000);
    let step = new(call_with(&scene, &original, &[], Some(&part("A", 3_000))));
    assert!(matches!(scene.play(step, &[]), Step::Done(_)));
    assert_eq!(bodies(&scene, Verb::Cancel).len(), 2);
}

/// R16: the whole is given back once: asked for again it is the same refund.
#[test]
fn r16_the_whole_is_one_refund() {
    let (mut scene, original) = sold(charging());
    let step = new(call_with(&scene, &original, &[], None));
    drop(scene.play(step, &[In::Timeout]));
    let first = refunds(&scene)[0].key.clone();
    let Ok(RefundCall::Known(key)) = call_with(&scene, &original, &refunds(&scene), None) else { panic!() };
    assert_eq!(*key, first);
}

/// R16: a payment that says it failed, or was never paid, tells nothing of a part of it; one that is all given back does.
#[test]
fn r16_a_part_is_not_settled_by_a_payment_that_contradicts_it() {
    let (mut scene, original) = sold(charging());
    let all_back = after(&[(10_000, "by hand")]);
    let inputs = [In::Timeout, one(&failed(ONE)), one(&payment(ONE, "ready", 0, "")), one(&all_back)];
    let step = give(&mut scene, &original, &part("A", 3_000), &inputs);
    assert!(matches!(refund_outcome(step), RefundOutcome::Refused(_)));
    assert_eq!(bodies(&scene, Verb::Cancel).len(), 1);
}

/// R16: while one refund is open no other begins, nor is it told for another's.
#[test]
fn r16_one_refund_is_open_at_a_time() {
    let (mut scene, original) = sold(charging());
    let step = give(&mut scene, &original, &part("A", 3_000), &[]);
    let first = refunds(&scene)[0].key.number.clone();
    let open = RefundError::AnotherOpen(first);
    assert_eq!(call(&scene, &original, &part("B", 2_000)).unwrap_err(), open);
    assert_eq!(call_with(&scene, &original, &refunds(&scene), None).unwrap_err(), open);
    // Whoever does not know of it is told by the store.
    let rival = new(call_with(&scene, &original, &[], Some(&part("B", 2_000))));
    assert!(matches!(scene.play(rival, &[]), Step::Done(_)));
    let whole = new(call_with(&scene, &original, &[], None));
    assert!(matches!(scene.play(whole, &[]), Step::Done(_)));
    assert_eq!(refunds(&scene).len(), 1);
    let done = after(&[(3_000, &own(&original, "A"))]);
    assert_eq!(refund_outcome(scene.play(step, &[one(&done)])), RefundOutcome::Refunded);
    assert!(!refunds(&scene)[0].live, "the next one may begin");
}

/// R16: an unanswered part is looked up; while the whole checksum is left it is sent again as it was recorded.
#[test]
fn r16_an_unanswered_part_is_sent_again_with_its_checksum_alone() {
    let (mut scene, original) = sold(charging());
    let done = after(&[(3_000, &own(&original, "A"))]);
    let step = give(&mut scene, &original, &part("A", 3_000), &[In::Timeout, one(&done)]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    assert_eq!(bodies(&scene, Verb::Cancel).len(), 1);
    let (mut scene, original) = sold(charging());
    let stands = one(&paid(ONE));
    let inputs = [In::Timeout, stands.clone(), stands, one(&done)];
    let step = give(&mut scene, &original, &part("A", 3_000), &inputs);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    let sent = bodies(&scene, Verb::Cancel);
    assert_eq!((sent.len(), sent[0]), (2, sent[1]));
    assert!(scene.sent[2].at.0 - scene.sent[0].at.0 >= 90_000, "only a quiet period later");
}

/// R16: the first did arrive late, so that the same once more finds another balance.
#[test]
fn r16_a_part_that_arrived_late_is_done_once() {
    let (mut scene, original) = sold(charging());
    let (stands, done) = (one(&paid(ONE)), one(&after(&[(3_000, &own(&original, "A"))])));
    let inputs = [In::Timeout, stands.clone(), stands, In::Body(refused()), done];
    let step = give(&mut scene, &original, &part("A", 3_000), &inputs);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
}

/// R16: a process that was lost goes on with the cancel that is recorded, under its number.
#[test]
fn r16_a_part_goes_on_after_a_crash_under_its_checksum() {
    let (mut scene, original) = sold(charging());
    drop(give(&mut scene, &original, &part("A", 3_000), &[]));
    let before = refunds(&scene)[0].clone();
    let sent = Record::of_row(&before).unwrap().cancel.unwrap();
    scene.later(100_000);
    let row = Row { token: before.token + 1, ..before.clone() };
    scene.rows.insert(before.key.clone(), row.clone());
    let step = crate::flow::resume(row, &scene.merchant, &scene.driver, scene.now).unwrap();
    // Something went back elsewhere meanwhile, after it: it is known by its number.
    let done = after(&[(3_000, &own(&original, "A")), (1_000, "at the console")]);
    let stands = one(&paid(ONE));
    let step = scene.play(step, &[stands.clone(), stands, In::Timeout, one(&done)]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    assert_eq!(bodies(&scene, Verb::Cancel), [&*sent.body, &*sent.body]);
    let record = Record::of_row(&refunds(&scene)[0]).unwrap();
    assert_eq!(record.cancel.unwrap().number, sent.number);
    scene.later(1_000);
    let error = call(&scene, &original, &part("B", 6_001)).unwrap_err();
    assert_eq!(error, RefundError::MoreThanLeft { asked: Won(6_001), left: Won(6_000) });
}

/// R16: what another balance refused is over, answered or not, and the next part knows what is left.
#[test]
fn r16_what_went_back_elsewhere_ends_a_part_as_refused() {
    for lost in [false, true] {
        let (mut scene, original) = sold(charging());
        let elsewhere = one(&after(&[(1_000, "at the console")]));
        let first = if lost { In::Timeout } else { In::Body(refused()) };
        let step = give(&mut scene, &original, &part("A", 3_000), &[first, elsewhere]);
        let RefundOutcome::Refused(said) = refund_outcome(step) else { panic!() };
        assert_eq!(&*said.code, if lost { "checksum" } else { "1" });
        assert_eq!(call(&scene, &original, &part("A", 3_000)).map(|_| ()), Ok(()));
        let b = own(&original, "B");
        let done = one(&after(&[(1_000, "at the console"), (3_000, &b)]));
        let step = give(&mut scene, &original, &part("B", 3_000), &[done]);
        assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        assert!(bodies(&scene, Verb::Cancel)[1].contains(r#""amount":3000,"checksum":9000"#));
        assert!(bodies(&scene, Verb::Cancel)[0].contains(r#""amount":3000,"checksum":10000"#));
    }
}

/// R16: two at once of the same amount, the second of which did not know of the first.
#[test]
fn r16_another_refund_of_the_same_amount_is_not_taken_for_it() {
    let (mut scene, original) = sold(charging());
    let done = after(&[(3_000, &own(&original, "A"))]);
    let late = new(call_with(&scene, &original, &[], Some(&part("B", 3_000))));
    drop(give(&mut scene, &original, &part("A", 3_000), &[one(&done)]));
    let step = scene.play(late, &[In::Timeout, one(&done)]);
    assert!(matches!(refund_outcome(step), RefundOutcome::Refused(_)));
}

/// R16: what may have been this refund, and may not, is for a person; then the next may begin.
#[test]
fn r16_what_cannot_be_told_apart_needs_a_person() {
    let unnamed = after(&[(3_000, "at the console")]);
    let unlisted = payment(ONE, "paid", 3_000, "");
    let other_amount = |original: &Record| after(&[(2_990, &own(original, "A"))]);
    for at in 0..3 {
        let (mut scene, original) = sold(charging());
        let seen = [unnamed.clone(), unlisted.clone(), other_amount(&original)][at].clone();
        let mut step = give(&mut scene, &original, &part("A", 3_000), &[In::Timeout]);
        while !matches!(step, Step::Done(_)) {
            step = scene.play(step, &[one(&seen)]);
        }
        let RefundOutcome::NeedsOperator { charged, why, .. } = refund_outcome(step) else { panic!() };
        assert_eq!(charged, Charged::Unknown);
        assert!(matches!(why, OperatorReason::ProvesNothing(_) | OperatorReason::Unanswered), "{why:?}");
        assert_eq!(bodies(&scene, Verb::Cancel).len(), 1);
        let open = call(&scene, &original, &part("B", 1_000)).unwrap_err();
        assert_eq!(
            open.to_string(),
            RefundError::AnotherOpen(refunds(&scene)[0].key.number.clone()).to_string()
        );
        scene.later(200_000);
        let said = Resolution { charged: false, note: "seen at the console".into() };
        let row = refunds(&scene)[0].clone();
        let step = resolve(row, said, &scene.merchant, &scene.driver, scene.now).unwrap();
        drop(scene.play(Step::Persist(step), &[]));
        drop(give(&mut scene, &original, &part("B", 1_000), &[]));
        assert!(bodies(&scene, Verb::Cancel)[1].contains(r#""amount":1000,"checksum":7000"#));
    }
}

/// R15: a success that the payment does not show is looked up.
#[test]
fn r15_a_success_that_is_not_shown_is_looked_up() {
    let (mut scene, original) = sold(charging());
    let done = after(&[(3_000, &own(&original, "A"))]);
    let step = give(&mut scene, &original, &part("A", 3_000), &[one(&paid(ONE)), one(&done)]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    // The balance is right, and the history not there yet: the answer is to this very message.
    let (mut scene, original) = sold(charging());
    let short = payment(ONE, "paid", 3_000, "");
    let step = give(&mut scene, &original, &part("A", 3_000), &[one(&short)]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
}

/// For KICC the tax-free part is not defaulted, also where it is nothing (spec §4.3).
#[test]
fn a_tax_free_part_is_always_stated_and_used_up() {
    let parts = Parts { tax_free: Won(3_000), ..Parts::default() };
    let amount = Amount::new(Won(10_000), parts).unwrap();
    let order = Charge::new(number(), CustomerUid::new(CUSTOMER).unwrap(), amount, "rice").unwrap();
    let (mut scene, original) = sold(of(order, Settings::live()));
    let error = call(&scene, &original, &part_with("A", 5_000, 3_001)).unwrap_err();
    assert!(error.to_string().contains("tax-free amount"), "{error}");
    let (a, b) = (own(&original, "A"), own(&original, "B"));
    drop(give(&mut scene, &original, &part("A", 4_000), &[one(&after(&[(4_000, &a)]))]));
    let both = after(&[(4_000, &a), (3_000, &b)]);
    drop(give(&mut scene, &original, &part_with("B", 3_000, 2_000), &[one(&both)]));
    scene.later(1_000);
    let step = new(call_with(&scene, &original, &refunds(&scene), None));
    drop(scene.play(step, &[]));
    let sent = bodies(&scene, Verb::Cancel);
    assert!(sent[0].contains(r#""amount":4000,"tax_free":0,"checksum":10000"#));
    assert!(sent[1].contains(r#""amount":3000,"tax_free":2000,"checksum":6000"#));
    assert!(sent[2].contains(r#""amount":3000,"tax_free":1000,"checksum":3000"#));
}

/// Of the VAN's products only the whole is given back.
#[test]
fn only_iamport_gives_back_a_part() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[super::scenario::approved(), In::Held]));
    let original = scene.record();
    assert_eq!(call(&scene, &original, &part("A", 1)).unwrap_err(), RefundError::WholeOnly);
}

/// R21: what is not of a part is written as before, so that an older version reads it; a part it leaves alone.
#[test]
fn r21_only_the_record_of_a_part_is_new() {
    let (mut scene, original) = sold(charging());
    assert!(!original.encode().0.contains("part") && !original.encode().0.contains("checksum"));
    drop(give(&mut scene, &original, &part("A", 3_000), &[]));
    assert!(refunds(&scene)[0].record.0.contains(r#""part":"A""#));
}
