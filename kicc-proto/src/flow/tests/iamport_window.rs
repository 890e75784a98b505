//! A payment that was made in i'mport's window: the customer has paid before the machine begins (R12).

use super::{iamport::*, scenario::*};
use crate::{
    flow::{Charged, OperatorReason, Outcome, table::Verb},
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
