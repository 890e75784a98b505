//! What a person may do (R20).

use super::scenario::*;
use crate::{
    flow::{
        Charged, Ended, OperatorReason, Outcome, PersonError, Step,
        outcome::Resolution,
        resolve, retry,
        table::{Stage, Verb},
    },
    journal::record::RecordError,
    time::Millis,
};

fn parked() -> Scene {
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 2);
    let step = scene.begin();
    drop(scene.play(step, &[In::Timeout, In::Reset, In::Timeout]));
    assert_eq!(scene.record().stage, Stage::Parked);
    scene
}

/// R20: another merchant's record is not theirs to resolve or to try again.
#[test]
fn r20_a_foreign_record_is_not_theirs() {
    let scene = parked();
    let row = scene.rows[&key_of(NUMBER)].clone();
    let said = Resolution { charged: false, note: "".into() };
    let other = merchant("T000000000");
    let foreign = PersonError::Record(RecordError::Foreign);
    assert_eq!(retry(row.clone(), &other, &scene.driver, scene.now).unwrap_err(), foreign);
    assert_eq!(resolve(row, said, &other, &scene.driver, scene.now).unwrap_err(), foreign);
}

/// R20: final, and only when the last message's deadline has passed.
#[test]
fn r20_resolve_waits_for_the_last_deadline() {
    for charged in [true, false] {
        let mut scene = parked();
        let row = scene.rows[&key_of(NUMBER)].clone();
        let said = Resolution { charged, note: "asked the card company".into() };
        let last = scene.sent.last().unwrap().at;
        let after = match resolve(row.clone(), said.clone(), &scene.merchant, &scene.driver, scene.now) {
            Err(PersonError::TooEarly { after }) => after,
            other => panic!("{other:?}"),
        };
        let longest = scene.policy().exchange();
        assert_eq!(after.0 - scene.now.wall.0, last.0 + longest.0 - scene.now.mono.0);
        scene.later(after.0 - scene.now.wall.0);
        let step =
            Step::Persist(resolve(row, said.clone(), &scene.merchant, &scene.driver, scene.now).unwrap());
        let Outcome::NeedsOperator { charged: told, resolution, .. } = outcome(scene.play(step, &[])) else {
            panic!()
        };
        assert_eq!(told, if charged { Charged::Yes } else { Charged::No });
        assert_eq!(resolution, Some(said.clone()));
        let row = scene.rows[&key_of(NUMBER)].clone();
        assert_eq!((row.live, row.standing), (charged, crate::journal::Standing::Closed));
        let again = resolve(row.clone(), said, &scene.merchant, &scene.driver, scene.now).unwrap_err();
        assert_eq!(again, PersonError::NotParked);
        assert_eq!(
            retry(row, &scene.merchant, &scene.driver, scene.now).unwrap_err(),
            PersonError::NotParked
        );
    }
}

/// R20: by compare-and-set: who retried first has it.
#[test]
fn r20_resolve_loses_against_a_retry() {
    let mut scene = parked();
    scene.later(60_000);
    let seen = scene.rows[&key_of(NUMBER)].clone();
    let row = scene.claim(&key_of(NUMBER));
    let step = Step::Persist(retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    let step = scene.play(step, &[In::Reset]);
    let said = Resolution { charged: false, note: "".into() };
    let late = Step::Persist(resolve(seen, said, &scene.merchant, &scene.driver, scene.now).unwrap());
    assert!(matches!(ended(scene.play(late, &[])), Ended::TakenOver(_)));
    assert!(matches!(outcome(scene.play(step, &[code(ALREADY)])), Outcome::Reversed(_)));
}

/// R14, R20: a retry has a new budget and horizon, and the same message.
#[test]
fn r20_retry_has_a_new_budget() {
    let mut scene = parked();
    scene.later(48 * 3_600_000);
    let row = scene.claim(&key_of(NUMBER));
    let step = Step::Persist(retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    let step = scene.play(step, &[In::Reset, In::Reset]);
    let Outcome::NeedsOperator { why, .. } = outcome(step) else { panic!() };
    assert_eq!(why, OperatorReason::Unanswered);
    assert_eq!(scene.verbs()[1..], [Verb::NetCancel; 4]);
    assert!(scene.sent[1..].iter().all(|sent| sent.body == scene.sent[1].body));
}

/// R19, R20: an approval of which the merchant could not tell is asked again, and may be accepted.
#[test]
fn r20_retry_of_an_undecided_approval_asks_again() {
    let mut scene = Scene::with(|policy| policy.horizon = Millis(60_000));
    let step = scene.begin();
    let mut step = scene.play(step, &[approved()]);
    while !matches!(step, Step::Done(_)) {
        step = scene.play(step, &[In::CannotTell]);
    }
    let row = scene.claim(&key_of(NUMBER));
    let step = Step::Persist(retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    let step = scene.play(step, &[In::CannotTell, In::Held]);
    assert!(matches!(outcome(step), Outcome::Approved(_)));
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

/// R20: parked records are driven by nobody.
#[test]
fn r20_a_parked_record_is_told_and_not_driven() {
    let mut scene = parked();
    let sent = scene.sent.len();
    let step = scene.resume();
    assert!(matches!(outcome(step), Outcome::NeedsOperator { .. }));
    assert_eq!(scene.sent.len(), sent);
}
