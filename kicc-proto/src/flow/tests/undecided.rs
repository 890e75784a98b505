//! The merchant's word (R18, R19).

use super::scenario::*;
use crate::{
    flow::{
        Charged, Ended, OperatorReason, Outcome, Step, WaitReason,
        table::{Stage, Verb},
    },
    journal::record::{Happening, Why},
};

/// R18: the merchant is asked only when *undecided* is stored with all that a cancel needs.
#[test]
fn r18_undecided_is_stored_before_the_merchant_is_told() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let in_flight = flying(scene.play(step, &[]));
    let step = scene.answer(in_flight, &approved());
    let Step::Persist(persist) = step else { panic!("told before it is stored: {step:?}") };
    let settle = asking(scene.write(persist));
    let record = scene.record();
    assert_eq!(record.stage, Stage::Undecided);
    assert!(record.approval.unwrap().approval_number().is_some());
    assert_eq!(settle.amount().total().0, 10_000);
}

/// R18: known not stored: the merchant is not told, and it is voided.
#[test]
fn r18_known_not_stored_is_voided_and_the_merchant_is_not_told() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[]);
    scene.faults.push_back(Some(Fault::Full));
    let step = scene.play(step, &[approved()]);
    assert!(matches!(step, Step::InFlight(_)), "{step:?}");
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel]);
    let Outcome::Reversed(why) = outcome(scene.play(step, &[voided(), code(ALREADY)])) else { panic!() };
    assert_eq!(why, Why::NotRecorded);
    assert!(scene.record().history.iter().any(|entry| entry.what == Happening::NotRecorded));
}

/// R18, R2: not known is settled first; the merchant is told when it turns out stored.
#[test]
fn r18_not_known_is_settled_before_the_merchant_is_told() {
    for fault in [Fault::AnswerLost, Fault::WriteLost] {
        let mut scene = Scene::new();
        let step = scene.begin();
        let step = scene.play(step, &[]);
        scene.faults.extend([Some(fault), Some(Fault::Full)]);
        let step = scene.play(step, &[approved()]);
        let wait = waiting(step);
        assert_eq!(wait.reason(), WaitReason::Journal);
        let step = scene.wake(wait);
        let wait = waiting(scene.play(step, &[]));
        let step = scene.wake(wait);
        let settle = asking(scene.play(step, &[]));
        assert_eq!(scene.record().stage, Stage::Undecided);
        assert!(matches!(outcome(scene.play(Step::Settle(settle), &[In::Held])), Outcome::Approved(_)));
    }
}

/// R18: the first cancel byte goes out only after *refused* is stored, and the merchant is never asked again.
#[test]
fn r18_refused_is_stored_before_the_cancel() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let settle = asking(scene.play(step, &[approved()]));
    let Step::Persist(persist) = settle.refuse(scene.now) else { panic!() };
    assert_eq!(scene.verbs(), [Verb::Approve]);
    scene.faults.push_back(Some(Fault::Full));
    let wait = waiting(scene.write(persist));
    assert_eq!(scene.record().stage, Stage::Undecided);
    let step = scene.wake(wait);
    let step = scene.play(step, &[]);
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::Cancel]);
    drop(step);
    for _ in 0..2 {
        let step = scene.resume();
        let step = scene.play(step, &[]);
        assert!(!matches!(step, Step::Settle(_)), "{step:?}");
        assert_eq!(scene.record().stage, Stage::Voiding);
    }
}

/// R18: `accept` can be too late.
#[test]
fn r18_accept_can_be_too_late() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = asking(scene.play(step, &[approved()]));
    let step = scene.resume();
    let step = scene.play(step, &[In::NotHeld]);
    let late = slow.accept(scene.now);
    let Ended::TakenOver(key) = ended(scene.play(late, &[])) else { panic!() };
    assert_eq!(*key, key_of(NUMBER));
    assert!(matches!(outcome(scene.play(step, &[voided()])), Outcome::Reversed(Why::NotHeld)));
}

#[test]
fn r15_not_held_is_cancelled_by_number() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[approved(), In::NotHeld]);
    assert!(scene.sent[1].body.contains(r#""wcc":"T","cndTrxNo":"V12345678901""#));
    assert!(matches!(outcome(scene.play(step, &[code("0000")])), Outcome::Reversed(Why::NotHeld)));
}

/// R15: a refused or unanswered cancel of what was never accepted is net-cancelled, in turns with the same
/// cancel, until a person must look: charged, if every cancel was refused.
#[test]
fn r15_a_refused_cancel_is_net_cancelled() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let inputs = [approved(), In::NotHeld, code(DECLINED), code(DECLINED), code(DECLINED)];
    let step = scene.play(step, &inputs);
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::Cancel, Verb::NetCancel, Verb::Cancel, Verb::NetCancel]);
    assert_eq!(scene.sent[1].body, scene.sent[3].body);
    assert!(matches!(outcome(scene.play(step, &[voided()])), Outcome::Reversed(_)));

    for (middle, expected) in [(code(DECLINED), Charged::Yes), (In::Reset, Charged::Unknown)] {
        let mut scene = Scene::with(|policy| policy.rescue_attempts = 3);
        let step = scene.begin();
        let inputs = [approved(), In::NotHeld, code(DECLINED), middle, code(DECLINED)];
        let Outcome::NeedsOperator { charged, why, .. } = outcome(scene.play(step, &inputs)) else {
            panic!()
        };
        assert_eq!(charged, expected);
        assert!(matches!(why, OperatorReason::ProvesNothing(_)));
    }
}

/// R13b, R15: after an unanswered cancel *nothing to void* counts only after the quiet period.
#[test]
fn r13_nothing_to_void_after_a_cancel_waits_for_the_quiet_period() {
    let mut scene = Scene::new();
    let step = scene.begin();
    scene.later(3_000);
    let wait = waiting(scene.play(step, &[approved(), In::NotHeld, In::Reset, code(NOTHING)]));
    assert_eq!(wait.reason(), WaitReason::Quiet);
    let step = scene.play(Step::Wait(wait), &[code(NOTHING)]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::NotHeld)));
    let (cancel, last) = (&scene.sent[1], scene.sent.last().unwrap());
    assert!(last.at >= cancel.at + scene.policy().quiet_period);
}

/// An approval whose number was not readable cannot be cancelled by it: the net-cancel needs our data only.
#[test]
fn an_approval_without_a_number_is_net_cancelled() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let body = approval_body("").replace(r#""aprvNo":"12345678","#, "");
    drop(scene.play(step, &[In::Body(body), In::NotHeld]));
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel]);
    assert_eq!(scene.record().stage, Stage::Voiding);
}

#[test]
fn a_cancel_that_was_not_sent_is_sent_again() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[approved(), In::NotHeld, In::Refused]);
    assert!(matches!(outcome(scene.play(step, &[voided()])), Outcome::Reversed(_)));
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::Cancel, Verb::Cancel]);
    assert_eq!(scene.sent[1].body, scene.sent[2].body);
}

/// R19: *cannot tell* is asked again until the horizon, through restarts; then a person, charged.
#[test]
fn r19_cannot_tell_is_asked_again_until_the_horizon() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let begun = scene.now.wall;
    let mut step = scene.play(step, &[approved(), In::CannotTell]);
    let mut asked = 1;
    while !matches!(step, Step::Done(_)) {
        if let Step::Wait(wait) = &step {
            assert_eq!(wait.reason(), WaitReason::Merchant);
        }
        asked += 1;
        step = scene.play(step, &[In::CannotTell]);
        if asked % 100 == 0 && !matches!(step, Step::Done(_)) {
            step = scene.resume();
        }
    }
    assert!(asked > 1_000 && asked < 2_000, "{asked}");
    assert!(scene.now.wall >= begun + scene.policy().horizon);
    let Outcome::NeedsOperator { why, charged, .. } = outcome(step) else { panic!() };
    assert_eq!((why, charged), (OperatorReason::AcceptCannotTell, Charged::Yes));
    assert_eq!(scene.verbs(), [Verb::Approve]);
    assert_eq!(scene.record().history.len(), 64);
    assert_eq!(scene.record().history[0].what, Happening::Made);
}

/// R19: on resume an undecided approval is put to the accept step again.
#[test]
fn r19_resume_asks_the_accept_step() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[approved()]));
    let step = scene.resume();
    assert!(matches!(outcome(scene.play(step, &[In::Held])), Outcome::Approved(_)));
}
