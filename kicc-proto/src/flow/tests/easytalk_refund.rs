//! Giving back what EasyTalkPay took (R16): query, then the next cancel.

use super::{easytalk::*, scenario::*};
use crate::{
    flow::{Charged, PersonError, RefundOutcome, Step, WaitReason, table::Verb},
    journal::{Key, Kind, Row, record::Record},
};

/// A scene with an approval that the merchant holds, and that approval's record.
fn approval(mut scene: Scene) -> (Scene, Record) {
    drop(play(&mut scene, &[found(), In::Held]));
    let record = scene.record();
    scene.sent.clear();
    (scene, record)
}

fn refund_key(scene: &Scene) -> Key {
    let refund = |row: &&Row| row.kind == Kind::Refund;
    scene.rows.values().find(refund).unwrap().key.clone()
}

#[test]
fn a_refund_that_goes_through() {
    for scene in [scene(), without_query(|_| {})] {
        let (mut scene, original) = approval(scene);
        scene.now = in_korea("20261124100000");
        let step = scene.refund(&original);
        assert_eq!(refund_outcome(scene.play(step, &[gone()])), RefundOutcome::Refunded);
        assert_eq!(number(&scene.sent[0].body), refund_key(&scene).number.as_str());
        assert!(scene.sent[0].body.contains(r#""approvalReqDate":"20261121","cancelReqDate":"20261124""#));
    }
}

/// R16: a refund that was not answered is asked about, by whoever goes on, and cancelled anew only when it is shown
/// standing after the quiet period.
#[test]
fn r16_a_refund_that_was_not_answered_is_asked_about() {
    for resumed in [false, true] {
        let (mut scene, original) = approval(scene());
        let step = scene.refund(&original);
        let mut step = scene.play(step, &[In::Timeout]);
        if resumed {
            step = scene.resume_key(&refund_key(&scene)).unwrap();
        }
        let step = scene.play(step, &[refused(NOT_FOUND), found()]);
        assert_eq!(waiting_reason(&step), Some(WaitReason::Quiet));
        let step = scene.play(step, &[found()]);
        let first = number(&scene.sent[0].body);
        let again = scene.sent.iter().rfind(|sent| sent.verb == Verb::Cancel).unwrap();
        assert_ne!(first, number(&again.body));
        assert_eq!(number(&scene.sent[1].body), NUMBER, "the original's number is asked about");
        assert_eq!(refund_outcome(scene.play(step, &[gone()])), RefundOutcome::Refunded);
    }
    for (last, refunded) in [(gone(), true), (refused(DECLINED), false)] {
        let (mut scene, original) = approval(scene());
        let step = scene.refund(&original);
        let ended = refund_outcome(scene.play(step, &[In::Timeout, found(), found(), last]));
        match ended {
            RefundOutcome::Refunded => assert!(refunded),
            RefundOutcome::Refused(_) => assert!(!refunded, "what was shown standing is still charged"),
            other => panic!("{other:?}"),
        }
    }
}

/// R16: the gateway's *duplicate* says nothing of the earlier cancel's end.
#[test]
fn r16_a_duplicate_means_query() {
    let (mut scene, original) = approval(scene());
    let step = scene.refund(&original);
    let step = scene.play(step, &[refused(DUPLICATE), gone()]);
    assert_eq!(refund_outcome(step), RefundOutcome::Refunded);
    assert_eq!(scene.verbs(), [Verb::Cancel, Verb::Query]);
}

/// R16: without a status query an unanswered refund needs a person; a refused one is still charged.
#[test]
fn r16_without_a_status_query_a_refund_needs_a_person() {
    for (answer, is) in [
        (In::Timeout, Charged::Unknown),
        (refused(DUPLICATE), Charged::Unknown),
        (refused(UNLISTED), Charged::Yes),
    ] {
        let (mut scene, original) = approval(without_query(|_| {}));
        let step = scene.refund(&original);
        let ended = refund_outcome(scene.play(step, &[answer]));
        assert!(
            matches!(&ended, RefundOutcome::NeedsOperator { charged, .. } if *charged == is),
            "{ended:?}"
        );
        assert_eq!(scene.verbs(), [Verb::Cancel]);
    }
    let (mut scene, original) = approval(without_query(|_| {}));
    let step = scene.refund(&original);
    let ended = refund_outcome(scene.play(step, &[refused(DECLINED)]));
    assert!(matches!(ended, RefundOutcome::Refused(_)));
}

/// R16: a refund whose cancel may have been sent is not sent again by a person's retry, on its day or the next; once
/// there is a query, that is asked.
#[test]
fn r16_a_refund_that_may_have_been_sent_is_asked_about_or_resolved() {
    let (mut scene, original) = approval(without_query(|_| {}));
    let step = scene.refund(&original);
    drop(scene.play(step, &[In::Timeout]));
    let key = refund_key(&scene);
    let row = scene.claim(&key);
    for _ in 0..2 {
        let refused = crate::flow::retry(row.clone(), &scene.merchant, &scene.driver, scene.now).unwrap_err();
        assert_eq!(refused, PersonError::NothingSettles);
        scene.later(24 * 3_600_000);
    }
    let configured = Scene::easytalk(settings(), |_| {}).driver;
    scene.driver = configured;
    let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    assert_eq!(refund_outcome(scene.play(step, &[gone()])), RefundOutcome::Refunded);
    assert_eq!(scene.verbs(), [Verb::Cancel, Verb::Query]);
}

/// R15, R16: a cancel that was answered is sent again as it was, also past its day: no fresh number takes its place.
#[test]
fn r16_a_refund_that_was_sent_keeps_its_cancel() {
    let (mut scene, original) = approval(without_query(|_| {}));
    let step = scene.refund(&original);
    drop(scene.play(step, &[refused(UNLISTED)]));
    let key = refund_key(&scene);
    scene.later(24 * 3_600_000);
    let row = scene.claim(&key);
    let step = Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap());
    drop(scene.play(step, &[In::Timeout]));
    let [first, again] = &scene.sent[..] else { panic!("{:?}", scene.verbs()) };
    assert_eq!(first.body, again.body);
}
