//! What of i'mport's answers decides, and what of them the shop is told (R6, R12).

use alloc::vec;

use super::{iamport::*, scenario::*};
use crate::{
    flow::{Outcome, Step, retry},
    journal::record::Why,
};

#[test]
fn an_approval_tells_what_the_payment_does() {
    let paid = payment(
        ONE,
        "paid",
        0,
        r#","channel":"api","apply_num":"00017177","paid_at":1795230001,"pg_tid":"T-1","pay_method":"card",
            "card_quota":3,"card_code":"041","card_name":"우리카드","card_number":"9410-61**-****-7890""#,
    );
    let Outcome::Approved(approval) = outcome(play(&mut charging(), &[one(&paid), In::Held])) else {
        panic!()
    };
    let told = [
        approval.van_number(),
        approval.van_serial(),
        approval.payment_method(),
        approval.instalment(),
        approval.issuer_code(),
        approval.issuer_name(),
        approval.masked_card(),
    ];
    let said = [ONE, "T-1", "card", "03", "041", "우리카드", "9410-61**-****-7890"];
    assert_eq!(told, said.map(Some));
}

/// R6: a refusal that carries a payment is no refusal: what nothing stands of was reversed, not declined.
#[test]
fn r6_a_refusal_that_carries_a_payment_is_unknown() {
    let both = success(&paid(ONE)).replace(r#""code":0"#, r#""code":1"#);
    let step = play(&mut charging(), &[In::Body(both), absent(), absent()]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
}

/// R12: what was approved cannot have failed: that is asked again, also where a cancel's answer says so.
#[test]
fn r12_an_approval_that_is_said_to_have_failed_is_asked_about_again() {
    for unclear in [vec![In::Timeout, one(&failed(ONE))], vec![one(&failed(ONE))]] {
        let mut inputs = vec![one(&paid(ONE)), In::NotHeld];
        inputs.extend(unclear);
        inputs.push(one(&cancelled(ONE)));
        assert_eq!(reversed(play(&mut charging(), &inputs)), Why::NotHeld);
    }
}

/// R12: a list that is not whole shows nothing of what it leaves out.
#[test]
fn r12_a_list_that_goes_on_is_not_believed() {
    for part in
        [r#"{"total":0,"previous":0,"next":2,"list":[]}"#, r#"{"total":1,"previous":0,"next":0,"list":[]}"#]
    {
        let part = In::Body(success(part));
        let step =
            play(&mut charging(), &[In::Timeout, part.clone(), part.clone(), part, absent(), absent()]);
        assert!(matches!(outcome(step), Outcome::Reversed(_)));
    }
}

/// R12, R17: that more of the number stands is remembered by whoever goes on.
#[test]
fn r12_the_others_of_a_number_are_not_forgotten() {
    let mut scene = charging();
    drop(play(&mut scene, &[In::Timeout, all(&[paid(ONE), paid(TWO)])]));
    assert!(scene.rows[&scene.key()].record.0.contains("others"));
    let step = scene.resume();
    let half = all(&[cancelled(ONE), paid(TWO)]);
    let step = scene.play(step, &[one(&cancelled(ONE)), half, one(&cancelled(TWO))]);
    assert_eq!(reversed(step), Why::FoundApproved);
    let mut scene = charging();
    drop(play(&mut scene, &[one(&paid(ONE))]));
    assert!(!scene.rows[&scene.key()].record.0.contains("others"), "where there are none it is not said");
}

/// R13b: outside the proof window *absent* proves nothing, but a payment of ours that has ended does.
#[test]
fn r13_a_payment_that_has_ended_counts_however_late() {
    for (found, closes) in [(all(&[failed(ONE)]), true), (absent(), false)] {
        let mut scene = charging();
        let mut step = scene.begin();
        while !matches!(step, Step::Done(_)) {
            step = scene.play(step, &[In::Timeout]);
        }
        scene.later(3 * 24 * 3_600_000);
        let key = scene.key();
        let row = scene.claim(&key);
        let retry = retry(row, &scene.merchant, &scene.driver, scene.now).unwrap();
        let step = scene.play(Step::Persist(retry), &[found.clone(), found]);
        match outcome(step) {
            Outcome::Reversed(_) => assert!(closes),
            Outcome::NeedsOperator { .. } => assert!(!closes),
            other => panic!("{other:?}"),
        }
    }
}
