//! What is written down on the way: reasons, counts, and the row itself when it must be written again.

use super::{
    easytalk::{found, refused, without_query},
    scenario::*,
};
use crate::{
    flow::{
        Charged, Ended, Opening, OperatorReason, Outcome, RefundError, RefundOutcome, Step,
        approval::Approval,
        outcome::Resolution,
        refund,
        said::Unclear,
        table::{Stage, Verb},
    },
    journal::{
        Kind, Row,
        record::{Parked, Record, Why},
    },
    time::{Millis, UnixMillis},
};

fn reason(step: Step) -> (OperatorReason, Charged) {
    match outcome(step) {
        Outcome::NeedsOperator { why, charged, .. } => (why, charged),
        other => panic!("{other:?}"),
    }
}

/// R15, R19: why it is reversed stands in the record before the cancel leaves.
#[test]
fn r19_not_held_is_recorded_as_the_reason() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[approved(), In::NotHeld]);
    assert!(matches!(step, Step::InFlight(_)));
    assert_eq!(scene.record().why, Some(Why::NotHeld));
}

/// R19: the record says whether an accept step was configured when it was made.
#[test]
fn r19_whether_there_is_an_accept_step_is_recorded() {
    for accept_step in [true, false] {
        let mut scene = Scene::new();
        scene.driver.accept_step = accept_step;
        let step = scene.begin();
        drop(scene.play(step, &[]));
        assert_eq!(scene.record().accept_step, accept_step);
    }
}

/// R11: where there is no rescue message the record says why a person must look: no answer, or which code.
#[test]
fn r11_the_reason_is_kept_for_the_person_who_looks() {
    let mut scene = without_query(|_| {});
    let step = scene.begin();
    assert_eq!(reason(scene.play(step, &[In::Timeout])).0, OperatorReason::NoStatusQuery);
    assert!(matches!(scene.record().why, Some(Why::Unclear(Unclear::Exchange(_)))));
    let mut scene = without_query(|_| {});
    let step = scene.begin();
    assert_eq!(reason(scene.play(step, &[refused(UNLISTED)])).0, OperatorReason::NoStatusQuery);
    assert!(matches!(scene.record().why, Some(Why::UnlistedCode(said)) if &*said.code == UNLISTED));
}

/// R16: how often a cancel may have been sent; what was not sent does not count.
#[test]
fn r16_a_cancel_counts_its_sendings() {
    let sent = |scene: &Scene| scene.record().cancel.unwrap().sent;
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[approved(), In::NotHeld]);
    assert_eq!((scene.verbs(), sent(&scene)), ([Verb::Approve, Verb::Cancel].to_vec(), 1));
    let wait = waiting(scene.play(step, &[In::Refused]));
    assert_eq!(sent(&scene), 0);
    let step = scene.wake(wait);
    drop(scene.play(step, &[]));
    assert_eq!(sent(&scene), 1);
}

/// R15: an approval of which too little is known for a cancel, and no rescue message: a person must look, and is told
/// that the customer is charged, unless a message went unanswered.
#[test]
fn r15_without_any_message_a_person_must_look() {
    for (unclear, charged) in [(0, Charged::Yes), (1, Charged::Unknown)] {
        let mut scene = without_query(|_| {});
        let step = scene.begin();
        drop(asking(scene.play(step, &[found()])));
        let mut record = scene.record();
        record.approval = Some(Approval::default());
        record.rescue.unclear = unclear;
        let key = scene.key();
        scene.rows.get_mut(&key).unwrap().record = record.encode();
        let step = scene.resume();
        let ended = reason(scene.play(step, &[In::NotHeld]));
        assert_eq!(ended, (OperatorReason::NoStatusQuery, charged));
        assert_eq!(scene.verbs(), [Verb::Approve]);
    }
}

/// R16: the reason tells a refund that nothing may settle from one whose tries are used up.
#[test]
fn r16_a_refund_whose_tries_are_used_up_was_not_answered() {
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 2);
    let step = scene.begin();
    drop(scene.play(step, &[approved(), In::Held]));
    let original = scene.record();
    let step = scene.refund(&original);
    let ended = refund_outcome(scene.play(step, &[In::Timeout, In::Timeout, In::Timeout]));
    let RefundOutcome::NeedsOperator { why, charged, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((why, charged), (OperatorReason::Unanswered, Charged::Unknown));
}

/// R16: what a person has to decide first is not refunded, whatever is known of the charge.
#[test]
fn r16_a_refund_needs_a_persons_word_that_it_is_charged() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[approved(), In::Held]));
    let mut record = scene.record();
    record.ending = None;
    record.stage = Stage::Parked;
    for (charged, word, allowed) in
        [(true, None, false), (false, None, false), (true, Some(false), false), (false, Some(true), true)]
    {
        let resolution = word.map(|charged| Resolution { charged, note: "".into() });
        let (why, from) = (OperatorReason::Unanswered, Stage::Voiding);
        record.parked = Some(Box::new(Parked { why, charged, from, resolution }));
        let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [9; 16] };
        match refund(&record, 0, &opening, scene.now) {
            Ok(_) => assert!(allowed, "{charged} {word:?}"),
            Err(error) => {
                assert_eq!(error, RefundError::NotApproved("needs_operator"));
                assert!(!allowed, "{charged} {word:?}");
            }
        }
    }
}

/// R16: a refund of what a person found charged, after a cancel was tried, has a number of its own.
#[test]
fn r16_a_refund_does_not_take_the_number_of_an_earlier_cancel() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[approved(), In::Held]));
    let mut original = scene.record();
    let tried = original.next_cancel();
    original.cancel = Some(Box::new(tried.clone()));
    let step = scene.refund(&original);
    drop(scene.play(step, &[]));
    let refund = scene.rows.values().find(|row| row.kind == Kind::Refund).unwrap();
    let cancel = Record::of_row(refund).unwrap().cancel.unwrap();
    assert_eq!((tried.sequence, cancel.sequence), (1, 2));
    assert_ne!(refund.key.number, tried.number);
}

/// R16: a refund holds the approval's own numbers and no more of its life than a cancel needs.
#[test]
fn r16_a_refund_takes_over_what_a_cancel_needs() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[approved(), In::Held]));
    let original = scene.record();
    let step = scene.refund(&original);
    drop(scene.play(step, &[]));
    let row = scene.rows.values().find(|row| row.kind == Kind::Refund).unwrap();
    let record = Record::of_row(row).unwrap();
    assert_eq!(
        (&record.original, &record.approval),
        (&Some(original.key.number.clone()), &original.approval)
    );
    assert_eq!((&record.why, &record.payload), (&Some(Why::Refund), &original.payload));
    assert_eq!(record.send_by, record.made_at + scene.policy().send_by);
}

/// R2: a write that may have been done is repeated as it was; one that was not done is made anew, with a new lease.
#[test]
fn r2_only_a_write_that_was_not_done_is_made_anew() {
    let rows = |fault, first: bool| {
        let mut scene = Scene::new();
        let step = scene.begin();
        let step = match first {
            true => step,
            false => {
                let in_flight = flying(scene.play(step, &[]));
                scene.answer(in_flight, &In::Reset)
            }
        };
        let Step::Persist(persist) = step else { panic!("{step:?}") };
        let before: Row = persist.row();
        scene.faults.push_back(Some(fault));
        let wait = waiting(scene.write(persist));
        let pause = wait.until(0, scene.now).0 - scene.now.mono.0;
        assert!(pause > 0);
        let Step::Persist(again) = scene.wake(wait) else { panic!() };
        (before, again.row(), pause)
    };
    for (fault, first) in [(Fault::WriteLost, true), (Fault::WriteLost, false)] {
        let (before, again, _) = rows(fault, first);
        assert_eq!(before, again, "{fault:?}");
    }
    let (before, again, pause) = rows(Fault::Full, false);
    assert_eq!(again.updated_at, before.updated_at + Millis(pause));
    assert_eq!(again.lease_until, before.lease_until + Millis(pause));
    assert_eq!(again.revision, before.revision);
}

/// R20: who writes under the token and the name that stand in the row goes on; under one of them alone, nobody does.
#[test]
fn r20_a_row_is_ours_by_token_and_name() {
    for (token, holder, ours) in [(0, "one", true), (1, "one", false), (0, "two", false)] {
        for late in [false, true] {
            let mut scene = Scene::new();
            let step = scene.begin();
            let in_flight = flying(scene.play(step, &[]));
            let input = if late { In::Late(approval_body("")) } else { In::Reset };
            let Step::Persist(persist) = scene.answer(in_flight, &input) else { panic!() };
            // Somebody has written to the row meanwhile.
            let row = scene.rows.get_mut(&key_of(NUMBER)).unwrap();
            row.revision += 1;
            row.token += token;
            row.holder = holder.into();
            let step = scene.write(persist);
            let sent = scene.sent.len();
            let step = scene.play(step, &[]);
            assert_eq!(scene.sent.len() > sent, ours, "{token} {holder} {late} {step:?}");
            assert_eq!(matches!(step, Step::Done(_)), !ours, "{step:?}");
        }
    }
}

/// R9: a closed record that is opened again is nobody's, also while somebody tells of its end.
#[test]
fn r9_what_is_opened_again_is_there_to_take() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    let step = scene.resume();
    let step = scene.play(step, &[voided(), code(ALREADY)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    let key = scene.key();
    assert!(scene.claim(&key).lease_until > scene.now.wall);
    let step = scene.answer(slow, &approved());
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    let row = &scene.rows[&key];
    assert_eq!((scene.record().stage, &*row.holder, row.lease_until), (Stage::Reversing, "", UnixMillis(0)));
}
