//! Giving back (R16).

use super::scenario::*;
use crate::{
    flow::{
        Charged, Ended, Opening, OperatorReason, Outcome, PersonError, RefundError, RefundOutcome, Step,
        outcome::Resolution,
        policy::SettlesRefund,
        refund,
        table::{Stage, Verb},
    },
    journal::{
        Key, Kind,
        record::{Record, RecordError},
    },
    simple,
    time::Millis,
    values::{Instalment, KstDateTime},
    wire::NotSent,
};

/// A scene with an approval that the merchant holds, and that approval's record.
fn approval(change: impl FnOnce(&mut crate::flow::Policy)) -> (Scene, Record) {
    let mut scene = Scene::with(change);
    let step = scene.begin();
    drop(scene.play(step, &[approved(), In::Held]));
    let record = scene.record();
    scene.sent.clear();
    (scene, record)
}

fn refund_key(scene: &Scene) -> Key {
    scene.rows.values().find(|row| row.kind == Kind::Refund).unwrap().key.clone()
}

#[test]
fn a_refund_that_goes_through() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    let step = scene.play(step, &[]);
    let sent = &scene.sent[0];
    assert_eq!((sent.verb, sent.path.as_str()), (Verb::Cancel, "/smpy/kiccpay/reqCancel"));
    let key = refund_key(&scene);
    assert!(sent.body.contains(key.number.as_str()), "{}", sent.body);
    assert!(sent.body.contains(r#""orgAprvDt":"20261121","orgAprvNo":"12345678""#));
    assert_eq!(
        refund_outcome(scene.play(step, &[In::Body(r#"{"respCd":"0000"}"#.into())])),
        RefundOutcome::Refunded
    );
    assert!(scene.rows[&key].live);
}

/// R16: one refund of an approval is open or done; a second call gets the first.
#[test]
fn r16_a_second_refund_gets_the_first() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    let first = scene.play(step, &[]);
    let step = scene.refund(&original);
    let Ended::Known(row) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(row.key, refund_key(&scene));
    drop(scene.play(first, &[code("0000")]));
    let step = scene.refund(&original);
    assert!(matches!(ended(scene.play(step, &[])), Ended::Known(_)));
    assert_eq!(scene.sent.len(), 1);
}

/// R16: after a refusal it may be asked for again, under another number.
#[test]
fn r16_after_a_refusal_the_next_has_another_number() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    let refused = refund_outcome(scene.play(step, &[code(DECLINED)]));
    assert!(matches!(refused, RefundOutcome::Refused(_)) && refused.safe_to_retry());
    assert_eq!(refused.charged(), Charged::Yes);
    let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [9; 16] };
    let again = Step::Persist(refund(&original, 1, &opening, scene.now).unwrap());
    assert_eq!(refund_outcome(scene.play(again, &[code("0000")])), RefundOutcome::Refunded);
    assert_eq!(scene.rows.values().filter(|row| row.kind == Kind::Refund).count(), 2);
    assert_ne!(scene.sent[0].body, scene.sent[1].body);
}

#[test]
fn r16_not_sent_is_not_attempted() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    let ended = refund_outcome(scene.play(step, &[In::Refused]));
    assert!(matches!(ended, RefundOutcome::NotAttempted(_)) && ended.charged() == Charged::Yes);
    let (mut scene, original) = approval(|_| {});
    scene.faults.push_back(Some(Fault::Full));
    let step = scene.refund(&original);
    assert!(matches!(refund_outcome(scene.play(step, &[])), RefundOutcome::NotAttempted(_)));
    assert!(scene.sent.is_empty());
}

/// R2, R16, R22: whether its row is there is not known: it is not told as never attempted, since whoever finds the row
/// goes on with the refund; found in time, the row is closed first.
#[test]
fn r2_a_refund_that_may_be_recorded_is_not_told_as_never_attempted() {
    let (mut scene, original) = approval(|_| {});
    scene.faults.extend([Some(Fault::AnswerLost); 60]);
    let step = scene.refund(&original);
    assert!(matches!(ended(scene.unanswered(step)), Ended::NotKnown { .. }));
    assert!(scene.sent.is_empty());
    scene.faults.clear();
    let step = scene.resume_key(&refund_key(&scene)).unwrap();
    assert_eq!(refund_outcome(scene.play(step, &[voided()])), RefundOutcome::Refunded);

    let (mut scene, original) = approval(|_| {});
    scene.faults.extend([Some(Fault::AnswerLost); 11]);
    let step = scene.refund(&original);
    let ended = refund_outcome(scene.unanswered(step));
    assert_eq!(ended, RefundOutcome::NotAttempted(NotSent::PermitLapsed));
    let row = &scene.rows[&refund_key(&scene)];
    assert_eq!((row.standing, row.live), (crate::journal::Standing::Closed, false));
    assert!(scene.sent.is_empty());
}

/// R16: unanswered on the approval's own day: net-cancelled with the approval's recorded data.
#[test]
fn r16_unanswered_on_its_own_day_is_net_cancelled() {
    for (last, settles) in [(voided(), true), (code(ALREADY), true), (code(NOTHING), false)] {
        let (mut scene, original) = approval(|_| {});
        let step = scene.refund(&original);
        let step = scene.play(step, &[In::Timeout, In::Reset, last]);
        assert_eq!(scene.verbs(), [Verb::Cancel, Verb::NetCancel, Verb::NetCancel]);
        assert_eq!(scene.sent[1].body.as_bytes(), original.net_cancel.expose());
        if settles {
            assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
        } else {
            // Early; after the quiet period it counts.
            assert_eq!(refund_outcome(scene.play(step, &[code(NOTHING)])), RefundOutcome::Refunded);
        }
    }
}

/// R16: on another day, or by policy not at all, a person must look, and nothing more is sent.
#[test]
fn r16_unanswered_on_another_day_needs_a_person() {
    for (settles, day_later, rescued) in [
        (SettlesRefund::SameDay, true, false),
        (SettlesRefund::Never, false, false),
        (SettlesRefund::Always, true, true),
    ] {
        let (mut scene, original) = approval(|policy| policy.net_cancel_settles_refund = settles);
        if day_later {
            scene.now = in_korea("20261122000000");
        }
        let step = scene.refund(&original);
        let step = scene.play(step, &[In::Timeout]);
        assert_eq!(matches!(step, Step::InFlight(_)), rescued, "{settles:?}");
        if !rescued {
            let RefundOutcome::NeedsOperator { why, charged, .. } = refund_outcome(step) else { panic!() };
            assert_eq!((why, charged), (OperatorReason::RefundUnknown, Charged::Unknown));
            assert_eq!(scene.verbs(), [Verb::Cancel]);
            assert!(scene.rows[&refund_key(&scene)].live);
        }
    }
}

/// R16, R25: Korean midnight passes between the cancel's number and its rescue. Number and date stay; what
/// waits is not sent on the next day, by whoever goes on.
#[test]
fn r16_midnight_ends_what_a_net_cancel_settles() {
    for resumed in [false, true] {
        let (mut scene, original) = approval(|_| {});
        scene.now.wall = KstDateTime::new("20261121235900").unwrap().to_unix();
        let step = scene.refund(&original);
        let mut step = scene.play(step, &[In::Timeout, code(NOTHING)]);
        assert!(scene.sent[0].body.contains(r#""tranDt":"20261121","tranTm":"235900""#));
        assert_eq!(scene.verbs(), [Verb::Cancel, Verb::NetCancel]);
        if resumed {
            let key = refund_key(&scene);
            step = scene.resume_key(&key).unwrap();
        }
        let wait = waiting(step);
        let step = scene.wake(wait);
        let RefundOutcome::NeedsOperator { why, charged, .. } = refund_outcome(scene.play(step, &[])) else {
            panic!()
        };
        assert_eq!((why, charged), (OperatorReason::RefundUnknown, Charged::Unknown));
        assert_eq!(scene.sent.len(), 2);
    }
}

/// R13b, R16: a gateway need not remember an approval of days ago: *nothing to void*, and a net-cancel's success that
/// names no card, then prove no refund. A cancel's success does, at any time.
#[test]
fn r13_nothing_to_void_proves_no_refund_of_days_ago() {
    for (answers, refunded) in [
        (&[In::Timeout, code(NOTHING), code(NOTHING)][..], false),
        (&[In::Timeout, code("0000"), code("0000")], false),
        (&[In::Timeout, voided()], true),
        (&[code("0000")], true),
    ] {
        let (mut scene, original) =
            approval(|policy| policy.net_cancel_settles_refund = SettlesRefund::Always);
        scene.later(3 * 24 * 3_600_000);
        let step = scene.refund(&original);
        match refund_outcome(scene.play(step, answers)) {
            RefundOutcome::Refunded => assert!(refunded, "{answers:?}"),
            RefundOutcome::NeedsOperator { why, charged, .. } => {
                assert!(!refunded, "{answers:?}");
                assert_eq!((why, charged), (OperatorReason::OutsideProofWindow, Charged::Unknown));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// R15: an answer that proves nothing: charged, a person must look; a retry sends the same cancel.
#[test]
fn r15_a_cancel_that_proves_nothing_needs_a_person() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    let RefundOutcome::NeedsOperator { why, charged, .. } =
        refund_outcome(scene.play(step, &[code(UNLISTED)]))
    else {
        panic!()
    };
    assert_eq!(charged, Charged::Yes);
    assert!(matches!(why, OperatorReason::CancelRefused(said) if &*said.code == UNLISTED));
    let key = refund_key(&scene);
    scene.later(60_000);
    let row = scene.claim(&key);
    let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    assert_eq!(refund_outcome(scene.play(step, &[code("0000")])), RefundOutcome::Refunded);
    assert_eq!(scene.sent[0].body, scene.sent[1].body);
}

/// R16: after a cancel that may have taken effect, neither a refusal nor an unsent repetition says *still charged*.
#[test]
fn r16_a_repeated_cancel_tells_nothing_of_the_first() {
    for again in [In::Refused, code(DECLINED), code(UNLISTED)] {
        let (mut scene, original) =
            approval(|policy| policy.net_cancel_settles_refund = SettlesRefund::Never);
        let step = scene.refund(&original);
        drop(scene.play(step, &[code(UNLISTED)]));
        let key = refund_key(&scene);
        let row = scene.claim(&key);
        let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
        // It waits to be sent again, in a journal that was then restored: it may have been sent since (R24).
        drop(scene.play(step, &[]));
        scene.rows.get_mut(&key).unwrap().suspect = true;
        let step = scene.resume_key(&key).unwrap();
        let ended = refund_outcome(scene.play(step, &[In::NotHeld, again]));
        assert!(matches!(ended, RefundOutcome::NeedsOperator { charged: Charged::Unknown, .. }), "{ended:?}");
        assert_eq!(scene.verbs(), [Verb::Cancel, Verb::Cancel]);
        assert_eq!(scene.sent[0].body, scene.sent[1].body);
    }
}

/// R16: a cancel that was not answered, where nothing settles it, is not sent again by a person's retry either, on any
/// day: it is looked up and resolved, and what is still charged can then be given back under another number.
#[test]
fn r16_a_retry_of_what_nothing_settles_is_refused() {
    for (settles, day_later) in [(SettlesRefund::Never, false), (SettlesRefund::SameDay, true)] {
        let (mut scene, original) = approval(|policy| policy.net_cancel_settles_refund = settles);
        let step = scene.refund(&original);
        // The day ends before or after its net-cancel is given up.
        let step = scene.play(step, &[]);
        if day_later {
            scene.now.wall = KstDateTime::new("20261122000000").unwrap().to_unix();
        }
        let step = scene.answer(flying(step), &In::Reset);
        assert!(matches!(refund_outcome(scene.play(step, &[])), RefundOutcome::NeedsOperator { .. }));
        let key = refund_key(&scene);
        for _ in 0..2 {
            scene.later(24 * 3_600_000);
            let row = scene.claim(&key);
            let refused = crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap_err();
            assert_eq!(refused, PersonError::NothingSettles);
        }
        assert_eq!(scene.verbs(), [Verb::Cancel]);
        let said = Resolution { charged: true, note: "it stands".into() };
        let row = scene.claim(&key);
        let persist = crate::flow::resolve(row, said, &scene.merchant, &scene.driver, scene.now).unwrap();
        drop(scene.play(Step::Persist(persist), &[]));
        let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [9; 16] };
        let again = Step::Persist(refund(&original, 1, &opening, scene.now).unwrap());
        assert_eq!(refund_outcome(scene.play(again, &[code("0000")])), RefundOutcome::Refunded);
    }
}

/// R16: where something settles it by now, that comes first, and no second cancel.
#[test]
fn r16_a_retry_of_what_was_not_answered_settles_it() {
    let (mut scene, original) = approval(|policy| policy.net_cancel_settles_refund = SettlesRefund::Never);
    let step = scene.refund(&original);
    drop(scene.play(step, &[In::Timeout]));
    scene.driver = Scene::new().driver;
    let key = refund_key(&scene);
    let row = scene.claim(&key);
    let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    assert_eq!(refund_outcome(scene.play(step, &[voided()])), RefundOutcome::Refunded);
    assert_eq!(scene.verbs(), [Verb::Cancel, Verb::NetCancel]);
}

/// R16, R17: a crash with the cancel under way keeps its number, and settles it the same way.
#[test]
fn r17_a_refund_is_resumed_with_its_number() {
    let (mut scene, original) = approval(|_| {});
    let step = scene.refund(&original);
    drop(scene.play(step, &[]));
    let key = refund_key(&scene);
    let step = scene.resume_key(&key).unwrap();
    assert_eq!(refund_outcome(scene.play(step, &[voided()])), RefundOutcome::Refunded);
    assert_eq!(scene.verbs(), [Verb::Cancel, Verb::NetCancel]);
}

/// R16: an approval that was made elsewhere has no data for a net-cancel: an unanswered cancel needs a person,
/// whatever the policy, also after a retry.
#[test]
fn r16_an_approval_made_elsewhere_is_never_net_cancelled() {
    let mut scene = Scene::with(|policy| policy.net_cancel_settles_refund = SettlesRefund::Always);
    let crate::product::Merchant::Simple(seller) = &scene.merchant else { panic!() };
    let original = simple::Original {
        number: NUMBER.parse().unwrap(),
        amount: *order(NUMBER, 10_000).amount(),
        instalment: Instalment::lump_sum(),
        approval_number: "12345678".into(),
        approval_date: KstDateTime::new("20261121120000").unwrap().date(),
        van_number: None,
    };
    let original = original.record(seller, scene.now).unwrap();
    let step = scene.refund(&original);
    let step = scene.play(step, &[In::Timeout]);
    assert!(matches!(refund_outcome(step), RefundOutcome::NeedsOperator { charged: Charged::Unknown, .. }));
    let key = refund_key(&scene);
    let row = scene.claim(&key);
    let refused = crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap_err();
    assert_eq!(refused, PersonError::NothingSettles);
    assert_eq!(scene.verbs(), [Verb::Cancel]);
    assert!(scene.sent[0].body.contains(r#""wcc":"G","cndTrxNo":"ORD-1""#));
}

/// R16: what is refunded must have ended approved, be ours, and be known well enough.
#[test]
fn r16_only_an_approval_can_be_refunded() {
    let (mut scene, original) = approval(|_| {});
    let attempt = [9; 16];
    let try_it = |scene: &Scene, record: &Record| {
        let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt };
        refund(record, 0, &opening, scene.now).err()
    };
    let mut declined = Scene::new();
    let step = declined.begin();
    let step = declined.play(step, &[]);
    assert_eq!(try_it(&scene, &declined.record()), Some(RefundError::Open));
    drop(declined.play(step, &[code(DECLINED)]));
    assert_eq!(try_it(&scene, &declined.record()), Some(RefundError::NotApproved("declined")));
    let mut bare = original.clone();
    bare.approval = Some(crate::flow::approval::Approval::default());
    assert_eq!(try_it(&scene, &bare), Some(RefundError::Incomplete));
    let step = scene.refund(&original);
    drop(scene.play(step, &[code("0000")]));
    let refunded = Record::of_row(&scene.rows[&refund_key(&scene)]).unwrap();
    assert_eq!(try_it(&scene, &refunded), Some(RefundError::NotApproved("a refund")));
    scene.merchant = merchant("T999999999");
    assert_eq!(try_it(&scene, &original), Some(RefundError::Record(RecordError::Foreign)));
}

/// R20: a person's word that the customer is charged makes a refund possible, where the approval's number is known.
#[test]
fn r20_a_resolved_approval_can_be_refunded() {
    let mut scene = Scene::with(|policy| policy.horizon = Millis(60_000));
    let step = scene.begin();
    let mut step = scene.play(step, &[approved()]);
    while !matches!(step, Step::Done(_)) {
        step = scene.play(step, &[In::CannotTell]);
    }
    scene.later(60_000);
    let row = scene.rows[&key_of(NUMBER)].clone();
    let said = Resolution { charged: true, note: "seen in the books".into() };
    let step =
        Step::Persist(crate::flow::resolve(row, said, &scene.merchant, &scene.driver, scene.now).unwrap());
    let outcome = outcome(scene.play(step, &[]));
    assert!(matches!(&outcome, Outcome::NeedsOperator { charged: Charged::Yes, resolution: Some(_), .. }));
    let original = scene.record();
    assert_eq!(original.stage, Stage::Closed);
    let step = scene.refund(&original);
    assert_eq!(refund_outcome(scene.play(step, &[code("0000")])), RefundOutcome::Refunded);
}
