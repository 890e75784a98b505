//! A payment that was made in i'mport's window: the customer has paid before the machine begins (R12).

use alloc::format;

use super::{iamport::*, scenario::*};
use crate::{
    flow::{Charged, Ended, OperatorReason, Outcome, Step, said::Unclear, table::Verb},
    iamport::{ImpUid, Settings, WindowPayment},
    journal::record::Why,
    values::TransactionNumber,
    wire::Method,
};

/// R12: a look-up that was not sent, or was refused for its token, says nothing of what was paid: it is made again.
#[test]
fn r12_what_was_paid_is_looked_up_until_it_is_known() {
    for unknown in [In::Refused, In::Other(401, refused())] {
        let mut scene = in_window();
        let step = play(&mut scene, &[unknown.clone(), one(&paid(ONE)), In::Held]);
        assert!(matches!(outcome(step), Outcome::Approved(_)), "{unknown:?}");
        let path = format!("/payments/{ONE}");
        let look_up = |verb| (verb, Method::Get, path.as_str());
        assert_eq!(messages(&scene), [look_up(Verb::Approve), look_up(Verb::Query)]);
        assert_eq!(scene.record().rescue.sent, 1);
    }
}

/// R2: what the journal did not take is no sale of ours, but the customer has paid all the same.
#[test]
fn r2_a_payment_that_cannot_be_recorded_is_for_a_person() {
    let mut scene = in_window();
    scene.faults.push_back(Some(Fault::Full));
    let Outcome::NeedsOperator { why, charged, .. } = outcome(play(&mut scene, &[])) else { panic!() };
    assert_eq!((why, charged), (OperatorReason::PaidNotRecorded, Charged::Unknown));
    assert!(scene.sent.is_empty());
}

/// A payment in the window is looked up, and put to the accept step; it is spent on one number (R3).
#[test]
fn a_window_payment_that_the_merchant_holds() {
    let mut scene = of(window(), Settings::test());
    let test = paid(ONE).replace(r#""sandbox":false"#, r#""sandbox":true"#);
    let step = play(&mut scene, &[one(&test), In::Held]);
    assert!(matches!(outcome(step), Outcome::Approved(_)));
    let path = format!("/payments/{ONE}?include_sandbox=true");
    assert_eq!(messages(&scene), [(Verb::Approve, Method::Get, path.as_str())]);
    assert_eq!(scene.sent[0].body, "");
    let elsewhere = TransactionNumber::new("ORD-2").unwrap();
    let again = WindowPayment::new(elsewhere, ImpUid::new(ONE).unwrap(), amount(10_000)).unwrap();
    let step = scene.open(&again);
    assert!(matches!(ended(scene.play(step, &[])), Ended::AuthorisationInUse(_)), "R3");
    let step = scene.open(&charge());
    assert!(matches!(ended(scene.play(step, &[])), Ended::OtherData), "R3");
    let step = scene.open(&window());
    assert!(matches!(ended(scene.play(step, &[])), Ended::Known(_)), "R3");
}

/// The customer did pay: however often it must be asked, and whatever process asks, the payment is not cancelled.
#[test]
fn r12_a_found_window_payment_is_adopted() {
    for unclear in [
        In::Timeout,
        In::Status(500),
        absent(),
        In::Body(refused()),
        one(&ready(ONE)),
        one(&paid(TWO)),
        one(&paid(ONE).replace(NUMBER, "ORD-2")),
        In::Late(success(&paid(ONE))),
    ] {
        let mut scene = in_window();
        let step = play(&mut scene, &[unclear.clone(), absent(), In::Timeout, one(&paid(ONE)), In::Held]);
        assert!(matches!(outcome(step), Outcome::Approved(_)), "{unclear:?}");
        let path = format!("/payments/{ONE}");
        assert!(messages(&scene).iter().all(|sent| (sent.1, sent.2) == (Method::Get, path.as_str())));
    }
    let mut crashed = in_window();
    drop(play(&mut crashed, &[]));
    let step = crashed.resume();
    assert!(matches!(crashed.play(step, &[one(&paid(ONE))]), Step::Settle(_)));
    let mut full = in_window();
    full.faults.extend([None, Some(Fault::Full)]);
    assert!(matches!(play(&mut full, &[one(&paid(ONE)), one(&paid(ONE))]), Step::Settle(_)));
}

/// One that was given back meanwhile, or never was paid, is no sale.
#[test]
fn a_window_payment_that_is_not_one() {
    let mut failing = in_window();
    assert!(matches!(outcome(play(&mut failing, &[one(&failed(ONE))])), Outcome::Declined(_)));
    let mut back = in_window();
    let gone = one(&cancelled(ONE));
    let step = play(&mut back, &[gone.clone(), gone.clone(), gone]);
    assert_eq!(reversed(step), Why::Unclear(Unclear::Ambiguous));
}
