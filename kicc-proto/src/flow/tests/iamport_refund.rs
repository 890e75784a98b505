//! Giving money back through i'mport: everything that is left, named by its checksum (R15, R16).

use alloc::format;

use super::{
    iamport::*,
    scenario::{In, Scene, outcome, refund_outcome},
};
use crate::{
    flow::{Outcome, RefundOutcome, Step, WaitReason, table::Verb},
    iamport::{Charge, CustomerUid, Settings},
    journal::{
        Kind, Row,
        record::{Record, Why},
    },
    values::{Amount, Parts, Won},
    wire::Method,
};

fn sold(scene: &mut Scene) -> Record {
    let step = play(scene, &[one(&paid(ONE)), In::Held]);
    assert!(matches!(outcome(step), Outcome::Approved(_)));
    scene.sent.clear();
    scene.record()
}

fn refund(scene: &mut Scene, inputs: &[In]) -> Step {
    let original = sold(scene);
    let step = scene.refund(&original);
    scene.play(step, inputs)
}

fn refund_row(scene: &Scene) -> &Row {
    scene.rows.values().find(|row| row.kind == Kind::Refund).unwrap()
}

/// R16: a refund takes everything back, and says what it believes to be there.
#[test]
fn r16_a_refund_is_recorded_with_its_checksum() {
    for mut scene in [charging(), in_window()] {
        let step = refund(&mut scene, &[one(&cancelled(ONE))]);
        assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        let body = format!(
            r#"{{"imp_uid":"{ONE}","amount":10000,"checksum":10000,"reason":"refunded by the shop"}}"#
        );
        assert_eq!(bodies(&scene, Verb::Cancel), [body.as_str()]);
        let record = Record::of_row(refund_row(&scene)).unwrap();
        assert_eq!(&*record.cancel.unwrap().body, body, "R16: it was recorded");
    }
}

/// For KICC the tax-free part of a refund is not defaulted (spec §4.3).
#[test]
fn a_tax_free_part_is_charged_and_given_back() {
    let parts = Parts { tax_free: Won(3_000), ..Parts::default() };
    let amount = Amount::new(Won(10_000), parts).unwrap();
    let order = Charge::new(number(), CustomerUid::new(CUSTOMER).unwrap(), amount, "rice").unwrap();
    let mut scene = of(order, Settings::live());
    let step = play(&mut scene, &[one(&paid(ONE)), In::NotHeld, one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::NotHeld);
    assert!(bodies(&scene, Verb::Approve)[0].contains(r#""amount":10000,"tax_free":3000,"#));
    assert!(bodies(&scene, Verb::Cancel)[0].contains(r#""amount":10000,"tax_free":3000,"checksum":10000"#));
}

/// R16: an unanswered refund is looked up; what stands a quiet period later is cancelled again.
#[test]
fn r16_an_unanswered_refund_is_looked_up() {
    let mut first = charging();
    let step = refund(&mut first, &[In::Timeout, one(&cancelled(ONE))]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    let path = format!("/payments/{ONE}");
    assert_eq!(messages(&first)[1], (Verb::Query, Method::Get, path.as_str()));
    let mut scene = charging();
    let stands = one(&paid(ONE));
    let step = refund(&mut scene, &[In::Timeout, stands.clone()]);
    assert_eq!(waiting_reason(&step), WaitReason::Quiet);
    let step = scene.play(step, &[stands, one(&cancelled(ONE))]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    assert!(scene.sent[2].at.0 - scene.sent[0].at.0 >= 90_000);
    assert_eq!(bodies(&scene, Verb::Cancel)[0], bodies(&scene, Verb::Cancel)[1]);
}

fn waiting_reason(step: &Step) -> WaitReason {
    match step {
        Step::Wait(wait) => wait.reason(),
        other => panic!("{other:?}"),
    }
}

/// R15, R16: a refusal in plain words is looked up: nothing went back, all did, or some did elsewhere.
#[test]
fn r16_a_refused_refund_is_looked_up() {
    let mut first = charging();
    let step = refund(&mut first, &[In::Body(refused()), one(&paid(ONE)), one(&paid(ONE))]);
    let RefundOutcome::Refused(said) = refund_outcome(step) else { panic!() };
    assert_eq!((&*said.code, &*said.message), ("1", "no"));
    assert!(!refund_row(&first).live, "it may be tried again");
    let mut second = charging();
    let step = refund(&mut second, &[In::Body(refused()), one(&cancelled(ONE))]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    // The checksum did not match: the rest is given back with the one that does.
    let mut scene = charging();
    let partly = one(&payment(ONE, "cancelled", 4_000, ""));
    let step = refund(&mut scene, &[In::Body(refused()), partly.clone(), partly, one(&cancelled(ONE))]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    assert!(bodies(&scene, Verb::Cancel)[1].contains(r#""amount":6000,"checksum":6000"#));
}

/// R16: after a cancel that was not answered a refusal proves nothing by itself.
#[test]
fn r16_a_refusal_after_an_unanswered_cancel_ends_nothing() {
    let mut scene = charging();
    let stands = one(&paid(ONE));
    let inputs = [In::Timeout, stands.clone(), stands.clone(), In::Timeout, In::Timeout, stands.clone()];
    let step = refund(&mut scene, &inputs);
    assert_eq!(waiting_reason(&step), WaitReason::Quiet);
    let step = scene.play(step, &[stands.clone(), In::Body(refused()), stands.clone(), stands]);
    assert!(matches!(refund_outcome(step), RefundOutcome::Refused(_)));
}

/// R13b, R15: a look-up may lag behind a cancel that was done and refused in plain words: the refusal counts when the
/// payment still stands after the quiet period, which a new process begins afresh (R25).
#[test]
fn r15_a_refused_refund_is_not_believed_while_a_look_up_may_lag() {
    let stands = one(&paid(ONE));
    let mut scene = charging();
    let step = refund(&mut scene, &[In::Body(refused()), stands.clone()]);
    assert_eq!(waiting_reason(&step), WaitReason::Quiet);
    assert_eq!(refund_outcome(scene.play(step, &[one(&cancelled(ONE))])), RefundOutcome::Refunded);
    assert_eq!(bodies(&scene, Verb::Cancel).len(), 1);
    let mut scene = charging();
    drop(refund(&mut scene, &[In::Body(refused()), stands.clone()]));
    scene.later(89_000);
    let (key, resumed) = (refund_row(&scene).key.clone(), scene.now.mono);
    let step = scene.resume_key(&key).unwrap();
    assert_eq!(waiting_reason(&step), WaitReason::Quiet);
    let step = scene.play(step, &[stands]);
    assert!(matches!(refund_outcome(step), RefundOutcome::Refused(_)));
    assert!(scene.sent.last().unwrap().at.0 - resumed.0 >= 90_000);
}
