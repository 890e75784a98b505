//! Going on from a row alone (R17, R20, R21, R24, R25).

use alloc::{format, string::ToString as _, vec::Vec};

use super::scenario::*;
use crate::{
    flow::{
        Charged, Ended, OperatorReason, Outcome, Step, WaitReason, resume,
        table::{Stage, Verb},
    },
    journal::{
        Key, RecordText, Row, Standing,
        record::{Pending, Record, RecordError},
    },
    time::{Millis, UnixMillis},
};

/// Scripts that together store every stage; each is cut at every write.
fn scripts() -> Vec<Vec<In>> {
    let mut scripts = Vec::from([
        Vec::from([approved(), In::CannotTell, In::Held]),
        Vec::from([approved(), In::NotHeld, In::Reset, In::Reset, code(NOTHING), voided()]),
        Vec::from([approved(), In::NotHeld, code(DECLINED), code(DECLINED), In::Refused, voided()]),
        Vec::from([In::Timeout, In::Reset, In::Refused, code(NOTHING), voided()]),
        Vec::from([In::Timeout, voided(), code(ALREADY)]),
        Vec::from([code(UNLISTED), In::Reset, code(NOTHING)]),
        Vec::from([code(DECLINED)]),
        Vec::from([In::Refused]),
        Vec::from([In::Late(approval_body("")), voided()]),
    ]);
    let mut parked: Vec<_> = (0..20).map(|_| code("8888")).collect();
    parked.insert(0, In::Timeout);
    scripts.push(parked);
    scripts
}

/// Every row that a script ever stored.
fn stored_rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for script in scripts() {
        for end in 0..=script.len() {
            let mut scene = Scene::new();
            let step = scene.begin();
            drop(scene.play(step, &script[..end]));
            rows.extend(scene.rows.into_values());
        }
    }
    let mut refunds = Scene::new();
    let step = refunds.begin();
    drop(refunds.play(step, &[approved(), In::Held]));
    let original = refunds.record();
    for script in
        [&[][..], &[In::Timeout], &[In::Timeout, In::Reset], &[In::Timeout, code(NOTHING)], &[code(UNLISTED)]]
    {
        let mut scene = Scene::new();
        let step = scene.refund(&original);
        drop(scene.play(step, script));
        rows.extend(scene.rows.into_values());
    }
    rows
}

/// R17: total; open rows go on with what is theirs, an approval is never sent, ended ones are told.
#[test]
fn r17_resume_is_total() {
    let mut stages = alloc::collections::BTreeSet::new();
    for row in stored_rows() {
        let record = Record::of_row(&row).unwrap();
        stages.insert(record.stage);
        let mut scene = Scene::new();
        scene.now = in_korea("20261121130000");
        scene.rows.insert(row.key.clone(), row.clone());
        let step = scene.resume_key(&row.key).unwrap();
        match (record.stage, record.pending) {
            (Stage::Closed | Stage::Parked, _) => {
                let done = done(step);
                assert_eq!(done.revision(), Some(row.revision));
                assert!(matches!(done.into_ended(), Ended::Verdict(_)));
                continue;
            }
            (Stage::Undecided, _) => drop(asking(step)),
            (_, Pending::Message(_)) => assert!(matches!(step, Step::Persist(_))),
            (_, Pending::Quiet(_)) => assert_eq!(waiting(step).reason(), WaitReason::Quiet),
            (_, Pending::Backoff(_)) => assert_eq!(waiting(step).reason(), WaitReason::Backoff),
            (stage, Pending::Nothing) => panic!("{stage:?} pends nothing"),
        }
        // It comes to an end from here, with a gateway and a merchant that answer.
        let mut step = scene.resume_key(&row.key).unwrap();
        for _ in 0..20 {
            step = match scene.play(step, &[]) {
                Step::Settle(settle) => scene.play(Step::Settle(settle), &[In::Held]),
                Step::Done(done) => {
                    step = Step::Done(done);
                    break;
                }
                other => scene.play(other, &[voided()]),
            };
        }
        assert!(matches!(ended(step), Ended::Verdict(_)));
        assert!(!scene.verbs().contains(&Verb::Approve));
        assert_ne!(scene.rows[&row.key].standing, Standing::Open);
    }
    assert_eq!(stages.len(), Stage::ALL.len(), "{stages:?}");
}

/// R13b, R25: the quiet period begins afresh, in full, on the clock of the process that waits.
#[test]
fn r25_the_quiet_period_begins_afresh() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let wait = waiting(scene.play(step, &[In::Timeout, code(NOTHING)]));
    assert_eq!(wait.reason(), WaitReason::Quiet);
    drop(wait);
    let wall = scene.now.wall;
    for jumped in [wall + Millis(3_600_000), UnixMillis(wall.0 - 3_600_000)] {
        scene.reboot(jumped);
        let wait = waiting(scene.resume());
        assert_eq!(wait.until(0, scene.now), scene.now.mono + scene.policy().quiet_period);
    }
}

/// R14, R25: a wall clock that went back does not lengthen the horizon; one that went on ends it.
#[test]
fn r25_the_horizon_ends_by_either_clock() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[In::Timeout]));
    let wall = scene.now.wall;
    scene.reboot(UnixMillis(wall.0 - 7 * 24 * 3_600_000));
    let step = scene.resume();
    let step = scene.play(step, &[]);
    scene.now.mono = scene.now.mono + scene.policy().horizon;
    let step = scene.play(step, &[In::Reset]);
    assert!(matches!(outcome(step), Outcome::NeedsOperator { .. }));

    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[In::Timeout]);
    scene.now.wall = scene.now.wall + scene.policy().horizon;
    assert!(matches!(outcome(scene.play(step, &[In::Reset])), Outcome::NeedsOperator { .. }));
}

/// R20: a record of another environment or merchant is left alone.
#[test]
fn r20_a_foreign_record_is_left_alone() {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[In::Timeout]));
    let row = scene.rows[&key_of(NUMBER)].clone();
    let refused = |merchant| resume(row.clone(), &merchant, &scene.driver, scene.now).unwrap_err();
    assert_eq!(refused(merchant("T000000000")), RecordError::Foreign);
    let crate::product::Merchant::Simple(mut other) = merchant(TERMINAL) else { panic!() };
    other.environment = "production".parse().unwrap();
    assert_eq!(refused(crate::product::Merchant::Simple(other.clone())), RecordError::Foreign);
    other.environment = "test".parse().unwrap();
    other.service_id = "OTHER".parse().unwrap();
    assert_eq!(refused(crate::product::Merchant::Simple(other)), RecordError::Foreign);
    // It is not looked at before it is known to be whole.
    let moved = Row { key: Key { number: "ORD-9".parse().unwrap(), ..row.key.clone() }, ..row.clone() };
    let refused = resume(moved, &merchant(TERMINAL), &scene.driver, scene.now).unwrap_err();
    assert_eq!(refused, RecordError::OtherRow);
}

/// R21: what is newer, damaged, or holds a field or stage that is not known, is left alone, and still blocks
/// its number; a write that meets it stops.
#[test]
fn r21_what_is_not_known_is_left_alone() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let in_flight = flying(scene.play(step, &[]));
    let row = scene.rows[&key_of(NUMBER)].clone();
    let json = row.record.0.splitn(3, ' ').nth(2).unwrap().to_string();
    let signed = |json: &str| format!("kicc/1 {:08x} {json}", crc32fast::hash(json.as_bytes()));
    let texts = [
        row.record.0.replacen("kicc/1", "kicc/2", 1),
        row.record.0.replacen(NUMBER, "ORD-2", 1),
        signed(&json.replacen("{", r#"{"more":1,"#, 1)),
        signed(&json.replace(r#""stage":"intent""#, r#""stage":"dreaming""#)),
        signed(&json.replacen(r#""key":{"#, r#""key":{"more":1,"#, 1)),
        "".to_string(),
    ];
    for text in &texts {
        let torn = Row { record: RecordText(text.clone()), ..row.clone() };
        assert!(resume(torn, &scene.merchant, &scene.driver, scene.now).is_err(), "{text}");
    }
    let torn = Row { record: RecordText(texts[0].clone()), revision: 7, ..row };
    scene.rows.insert(torn.key.clone(), torn.clone());
    let step = scene.answer(in_flight, &approved());
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    let step = scene.begin();
    assert!(matches!(ended(scene.play(step, &[])), Ended::TakenOver(_)));
    assert_eq!(scene.rows[&torn.key], torn);
}

fn suspect(script: &[In]) -> Scene {
    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, script));
    scene.rows.get_mut(&key_of(NUMBER)).unwrap().suspect = true;
    scene.sent.clear();
    scene
}

/// R24: after a restore the books are asked before anything is sent.
#[test]
fn r24_a_suspect_record_asks_the_books_first() {
    let mut scene = suspect(&[In::Timeout]);
    let step = scene.resume();
    assert!(matches!(step, Step::AskBooks(_)));
    let Outcome::NeedsOperator { why, charged, .. } = outcome(scene.play(step, &[In::Held])) else {
        panic!()
    };
    assert_eq!((why, charged), (OperatorReason::JournalBehindBooks, Charged::Unknown));
    assert!(scene.sent.is_empty());

    let mut scene = suspect(&[In::Timeout]);
    let step = scene.resume();
    let step = scene.play(step, &[In::CannotTell, In::CannotTell]);
    assert_eq!(waiting(step).reason(), WaitReason::Merchant);
    assert!(scene.sent.is_empty());
    let step = scene.resume();
    let step = scene.play(step, &[In::NotHeld, code(ALREADY)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));

    let mut scene = suspect(&[approved()]);
    drop(asking(scene.resume()));
    let mut scene = suspect(&[code(DECLINED)]);
    assert!(matches!(outcome(scene.resume()), Outcome::Declined(_)));
}

/// R19, R24: books that cannot tell until the horizon.
#[test]
fn r24_books_that_cannot_tell_end_with_a_person() {
    let mut scene = suspect(&[In::Timeout]);
    scene.later(24 * 3_600_000);
    let step = scene.resume();
    let step = scene.play(step, &[In::CannotTell]);
    assert!(matches!(outcome(step), Outcome::NeedsOperator { why: OperatorReason::AcceptCannotTell, .. }));
}

fn retried(scene: &mut Scene) -> Step {
    let row = scene.claim(&key_of(NUMBER));
    Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap())
}

/// R24: a person's retry of what the books held, or could not tell of, asks them first, whoever goes on after a crash.
#[test]
fn r24_a_retry_asks_the_books_first() {
    for cannot_tell in [false, true] {
        let mut scene = suspect(&[In::Timeout]);
        scene.later(24 * 3_600_000);
        let step = scene.resume();
        drop(scene.play(step, &[if cannot_tell { In::CannotTell } else { In::Held }]));
        assert_eq!(scene.record().stage, Stage::Parked);
        let step = retried(&mut scene);
        let step = scene.play(step, &[]);
        assert!(matches!(step, Step::AskBooks(_)) && !scene.rows[&key_of(NUMBER)].suspect);
        drop(step);
        let step = scene.resume();
        let Outcome::NeedsOperator { why, .. } = outcome(scene.play(step, &[In::CannotTell, In::Held]))
        else {
            panic!()
        };
        assert_eq!(why, OperatorReason::JournalBehindBooks);
        assert!(scene.sent.is_empty());
        let step = retried(&mut scene);
        let step = scene.play(step, &[In::NotHeld, code(ALREADY)]);
        assert!(matches!(outcome(step), Outcome::Reversed(_)));
        assert_eq!(scene.verbs(), [Verb::NetCancel]);
    }
    // Parked before the backup was made.
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 2);
    let step = scene.begin();
    drop(scene.play(step, &[In::Timeout, In::Reset, In::Reset]));
    scene.rows.get_mut(&key_of(NUMBER)).unwrap().suspect = true;
    let step = retried(&mut scene);
    assert!(matches!(scene.play(step, &[]), Step::AskBooks(_)));
}

/// R24, R4: a person lets a restored attempt go on: its approval may have been sent, so an unsent net-cancel
/// does not make it *never sent*.
#[test]
fn r24_a_retried_attempt_is_reversed_not_forgotten() {
    let mut scene = suspect(&[]);
    let step = scene.resume();
    drop(scene.play(step, &[In::Held]));
    let step = retried(&mut scene);
    let step = scene.play(step, &[In::NotHeld, In::Refused]);
    assert_eq!(waiting(step).record().stage, Stage::Reversing);
    assert_eq!(scene.verbs(), [Verb::NetCancel]);
}
