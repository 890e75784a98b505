//! Answers that come too late (R9).

use super::scenario::*;
use crate::{
    flow::{
        Ended, InFlight, OperatorReason, Outcome, Step,
        outcome::Resolution,
        resolve,
        table::{FirstSuccess, Stage, Verb},
    },
    journal::{
        Standing,
        record::{Happening, Why},
    },
};

/// R9: a success after give-up never approves; it is evidence, and is rescued.
#[test]
fn r9_a_success_after_give_up_is_reversed() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[In::Late(approval_body(""))]);
    let record = scene.record();
    assert_eq!((record.stage, record.why), (Stage::Reversing, Some(Why::LateSuccess)));
    assert!(record.rescue.late_success && record.approval.is_some());
    let step = scene.play(step, &[voided(), code(ALREADY)]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::LateSuccess)));
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel, Verb::NetCancel]);
}

/// R9: a refusal after give-up is no answer either.
#[test]
fn r9_a_refusal_after_give_up_is_unknown() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[In::Late(code_body(DECLINED))]));
    assert_eq!(scene.record().stage, Stage::Reversing);
}

/// An approval under way while another worker takes the row and does `then`; the answer comes after.
fn overtaken(then: &[In]) -> (Scene, Step, InFlight) {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    let step = scene.resume();
    let step = scene.play(step, then);
    (scene, step, slow)
}

/// R9: the success is written onto the record of whoever has it now, under its token, and what that one learned
/// before does not count.
#[test]
fn r9_a_success_after_a_take_over_is_told_to_the_holder() {
    let (mut scene, other, slow) = overtaken(&[voided()]);
    assert_eq!(scene.record().rescue.first_success, FirstSuccess::WithCard);
    let before = scene.rows[&key_of(NUMBER)].clone();
    let step = scene.answer(slow, &approved());
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    let after = &scene.rows[&key_of(NUMBER)];
    assert_eq!((after.token, &after.holder), (before.token, &before.holder));
    assert_eq!((after.revision, after.lease_until), (before.revision + 1, before.lease_until));
    let record = scene.record();
    assert_eq!((record.stage, record.rescue.first_success), (Stage::Reversing, FirstSuccess::None));
    assert!(record.rescue.late_success && record.approval.is_some());
    // The holder meets it with its next write, and goes on from there.
    let step = scene.play(other, &[voided()]);
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
    assert!(matches!(outcome(scene.play(step, &[code(ALREADY)])), Outcome::Reversed(Why::LateSuccess)));
}

/// R20: it stays the other's, however often the other writes before the success is on the record.
#[test]
fn r20_telling_the_holder_of_a_success_takes_nothing_over() {
    let (mut scene, other, slow) = overtaken(&[]);
    let step = scene.answer(slow, &approved());
    let Step::Persist(persist) = step else { panic!("{step:?}") };
    let telling = scene.write(persist);
    let other = scene.answer(flying(other), &voided());
    let other = scene.play(other, &[]);
    let sent = scene.sent.len();
    assert!(matches!(ended(scene.play(telling, &[])), Ended::TakenOver(_)));
    assert_eq!(scene.sent.len(), sent, "it went on under the other's token");
    assert!(matches!(
        outcome(scene.play(other, &[voided(), code(ALREADY)])),
        Outcome::Reversed(Why::LateSuccess)
    ));
}

/// R20: the same where the journal does not take it: what the other holds as undecided is the other's to reverse.
#[test]
fn r20_what_cannot_be_told_to_the_holder_is_tried_again() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    let Step::Persist(persist) = scene.answer(slow, &approved()) else { panic!() };
    scene.faults.push_back(Some(Fault::AnswerLost));
    let undecided = waiting(scene.write(persist));
    let other = scene.resume();
    let Step::Persist(persist) = scene.wake(undecided) else { panic!() };
    let Step::Persist(telling) = scene.write(persist) else { panic!() };
    scene.faults.push_back(Some(Fault::Full));
    let sent = scene.sent.len();
    let wait = waiting(scene.write(telling));
    let step = scene.play(Step::Wait(wait), &[]);
    assert!(matches!(step, Step::Wait(_)) && scene.sent.len() == sent, "{step:?}");
    assert!(matches!(outcome(scene.play(other, &[In::Held])), Outcome::Approved(_)));
    let Step::Wait(wait) = step else { panic!() };
    let step = scene.wake(wait);
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
}

/// R9: a success is evidence once: when its write was stored without an answer, and the record was closed since in
/// knowledge of it, the repeated write opens nothing again.
#[test]
fn r9_a_success_that_is_on_the_record_opens_nothing_again() {
    let (mut scene, other, slow) = overtaken(&[]);
    let step = scene.answer(slow, &approved());
    let Step::Persist(persist) = step else { panic!("{step:?}") };
    let Step::Persist(telling) = scene.write(persist) else { panic!() };
    scene.faults.push_back(Some(Fault::AnswerLost));
    let telling = scene.write(telling);
    let step = scene.play(other, &[voided(), voided(), code(ALREADY)]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::LateSuccess)));
    let step = scene.wake(waiting(telling));
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    assert_eq!(scene.record().stage, Stage::Closed);
}

/// R9, R18: the same of an approval that was stored as undecided, and then not held.
#[test]
fn r9_an_approval_that_was_cancelled_opens_nothing_again() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    let Step::Persist(persist) = scene.answer(slow, &approved()) else { panic!() };
    scene.faults.push_back(Some(Fault::AnswerLost));
    let undecided = scene.write(persist);
    let other = scene.resume();
    assert!(matches!(outcome(scene.play(other, &[In::NotHeld, voided()])), Outcome::Reversed(Why::NotHeld)));
    let step = scene.wake(waiting(undecided));
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    assert_eq!(scene.record().stage, Stage::Closed);
}

/// R9: the same between the claim and the other's first write.
#[test]
fn r9_a_success_right_after_the_claim() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    let other = scene.resume();
    let step = scene.answer(slow, &approved());
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    assert_eq!(scene.record().stage, Stage::Reversing);
    let step = scene.play(other, &[voided(), voided()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
}

/// R9: an answer to the other's message that was on its way does not close it.
#[test]
fn r9_an_answer_from_before_the_success_does_not_close() {
    let (mut scene, other, slow) = overtaken(&[]);
    let other = flying(other);
    let step = scene.answer(slow, &approved());
    drop(scene.play(step, &[]));
    let step = scene.answer(other, &code(ALREADY));
    let step = scene.play(step, &[]);
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
    assert_eq!(scene.record().stage, Stage::Reversing);
}

/// R9: what was closed as anything but approved is opened again, for whoever comes first.
#[test]
fn r9_a_closed_record_is_opened_again() {
    let (mut scene, other, slow) = overtaken(&[code(NOTHING), code(NOTHING)]);
    assert!(matches!(outcome(other), Outcome::Reversed(_)));
    scene.rows.get_mut(&key_of(NUMBER)).unwrap().told = true;
    let step = scene.answer(slow, &approved());
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    let row = &scene.rows[&key_of(NUMBER)];
    assert_eq!((row.standing, row.told, row.live), (Standing::Open, false, true));
    assert!(row.holder.is_empty() && row.lease_until.0 == 0);
    let record = scene.record();
    assert_eq!((record.stage, record.ending), (Stage::Reversing, None));
    let step = scene.resume();
    let step = scene.play(step, &[voided(), code(ALREADY)]);
    assert!(matches!(outcome(step), Outcome::Reversed(Why::LateSuccess)));
}

/// R9: a parked record stays parked, and is told again with the evidence.
#[test]
fn r9_a_parked_record_stays_parked() {
    let (mut scene, other, slow) = overtaken(&[In::Reset, In::Reset, In::Reset].map(|_| code("8888")));
    drop(other);
    let mut step = scene.resume();
    while !matches!(step, Step::Done(_)) {
        step = scene.play(step, &[code("8888")]);
    }
    let sent = scene.sent.len();
    scene.rows.get_mut(&key_of(NUMBER)).unwrap().told = true;
    let step = scene.answer(slow, &approved());
    drop(done(scene.play(step, &[])));
    let row = &scene.rows[&key_of(NUMBER)];
    assert_eq!((row.standing, row.told), (Standing::Parked, false));
    assert!(scene.record().history.iter().any(|entry| entry.what == Happening::LateSuccess));
    assert!(scene.record().rescue.late_success);
    assert_eq!(scene.sent.len(), sent);
}

/// R9, R20: a person's word is final for the machine; a success read after it goes to the person again.
#[test]
fn r9_a_success_after_a_resolution_goes_to_the_person() {
    let (mut scene, other, slow) = overtaken(&[In::Reset]);
    drop(other);
    let mut step = scene.resume();
    while !matches!(step, Step::Done(_)) {
        step = scene.play(step, &[code("8888")]);
    }
    scene.later(60_000);
    let row = scene.rows[&key_of(NUMBER)].clone();
    let said = Resolution { charged: false, note: "nothing on the statement".into() };
    let step = Step::Persist(resolve(row, said, &scene.merchant, &scene.driver, scene.now).unwrap());
    drop(scene.play(step, &[]));
    let step = scene.answer(slow, &approved());
    drop(done(scene.play(step, &[])));
    let step = scene.resume();
    let Outcome::NeedsOperator { why, .. } = outcome(step) else { panic!() };
    assert_eq!(why, OperatorReason::LateSuccessAfterResolution);
    assert_eq!(scene.rows[&key_of(NUMBER)].standing, Standing::Parked);
}

/// R9: what ended approved stays so.
#[test]
fn r9_an_accepted_approval_stays_accepted() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let slow = flying(scene.play(step, &[]));
    // The journal did not say that it stored the approval, and another worker found and settled it.
    scene.faults.push_back(Some(Fault::AnswerLost));
    let step = scene.answer(slow, &approved());
    let wait = waiting(scene.play(step, &[]));
    let other = scene.resume();
    assert!(matches!(outcome(scene.play(other, &[In::Held])), Outcome::Approved(_)));
    let step = scene.wake(wait);
    drop(done(scene.play(step, &[])));
    assert_eq!(scene.record().stage, Stage::Closed);
    assert!(matches!(outcome(scene.resume()), Outcome::Approved(_)));
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

/// R9, R24: a success that is read after the journal was restored is written down, and whatever is done about it waits
/// for the merchant's books, whoever goes on.
#[test]
fn r24_a_late_success_leaves_the_books_to_be_asked() {
    let none: &[In] = &[];
    let reversed = [code(NOTHING), code(NOTHING)];
    let parked = [code("8888"), code("8888"), code("8888")];
    for (then, ours) in [(none, false), (none, true), (&reversed, false), (&parked, false)] {
        let (mut scene, other, slow) = overtaken(then);
        drop(other);
        if then.len() == parked.len() {
            let mut step = scene.resume();
            while !matches!(step, Step::Done(_)) {
                step = scene.play(step, &parked[..1]);
            }
        }
        let row = scene.rows.get_mut(&key_of(NUMBER)).unwrap();
        row.suspect = true;
        if ours {
            (row.token, row.holder) = (1, scene.driver.holder.clone());
        }
        scene.sent.clear();
        let step = scene.answer(slow, &approved());
        assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_) | Ended::Verdict(_)));
        assert!(scene.sent.is_empty() && !scene.rows[&key_of(NUMBER)].suspect);
        assert!(scene.record().rescue.late_success);
        let step = if scene.record().stage == Stage::Parked {
            let row = scene.claim(&key_of(NUMBER));
            let retry = crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap();
            scene.play(Step::Persist(retry), &[])
        } else {
            scene.resume()
        };
        assert!(matches!(step, Step::AskBooks(_)), "{then:?} {step:?}");
        let Outcome::NeedsOperator { why, .. } = outcome(scene.play(step, &[In::Held])) else { panic!() };
        assert_eq!(why, OperatorReason::JournalBehindBooks);
        assert!(scene.sent.is_empty());
    }
}
