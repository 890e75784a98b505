//! From the order to the answer (R1 to R8).

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::scenario::*;
use crate::{
    codes::ResultCode,
    flow::{
        Charged, Ended, Opening, OperatorReason, Outcome, Step, WaitReason,
        approval::AmountStated,
        policy::UnlistedCodes,
        said::{Said, Unclear},
        table::{Stage, Verb},
    },
    journal::{
        Row,
        record::{Happening, Why},
    },
    product::Order as _,
    time::{Millis, UnixMillis},
    values::{AuthorizationId, Secret, Won},
    wire::{
        NotSent,
        sign::HmacSha256,
        token_key::{Aes256Cbc, Output},
    },
};

#[test]
fn an_approval_that_the_merchant_holds() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[approved()]);
    assert_eq!(scene.record().stage, Stage::Undecided);
    let done = done(scene.play(step, &[In::Held]));
    assert_eq!(done.revision(), Some(3));
    let Outcome::Approved(approval) = outcome(Step::Done(done)) else { panic!() };
    assert_eq!(approval.approval_number(), Some("12345678"));
    assert_eq!(approval.amount, AmountStated::NotStated);
    let row = &scene.rows[&key_of(NUMBER)];
    assert!(row.live && row.holder.is_empty() && !row.told);
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

/// R1: the bytes of a message exist only after its row was stored (`Scene::encode` checks every message).
#[test]
fn r1_nothing_is_encoded_before_the_row_is_stored() {
    let mut scene = Scene::new();
    let Step::Persist(persist) = scene.begin() else { panic!() };
    assert!(scene.sent.is_empty() && scene.rows.is_empty());
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    assert!(scene.rows.contains_key(&key_of(NUMBER)));
    assert!(scene.encode(transmit).is_ok());
}

#[test]
fn r2_known_not_stored_is_never_sent() {
    let mut scene = Scene::new();
    scene.faults.push_back(Some(Fault::Full));
    let step = scene.begin();
    assert_eq!(outcome(scene.play(step, &[])), Outcome::NeverSent(NotSent::NotRecorded));
    assert!(scene.sent.is_empty() && scene.rows.is_empty());
}

/// R2: not known is settled by the same write again, from the revision before.
#[test]
fn r2_not_known_is_settled_by_the_same_write() {
    for (first, stored) in [(Fault::AnswerLost, true), (Fault::WriteLost, false)] {
        let mut scene = Scene::new();
        // Known not stored says nothing of the write before it.
        scene.faults.extend([Some(first), Some(Fault::Full)]);
        let Step::Persist(persist) = scene.begin() else { panic!() };
        let row = persist.row();
        let wait = waiting(scene.write(persist));
        assert_eq!(wait.reason(), WaitReason::Journal);
        assert_eq!(scene.rows.contains_key(&key_of(NUMBER)), stored);
        let Step::Persist(again) = scene.wake(wait) else { panic!() };
        assert_eq!(again.row(), row);
        let wait = waiting(scene.write(again));
        assert!(scene.sent.is_empty());
        let Step::Persist(again) = scene.wake(wait) else { panic!() };
        assert_eq!(again.row(), row);
        let step = scene.write(again);
        let step = scene.play(step, &[approved(), In::Held]);
        assert!(matches!(outcome(step), Outcome::Approved(_)));
        assert_eq!(scene.verbs(), [Verb::Approve]);
    }
}

/// R2, R22: a journal that answers only after `send_by`: what it stored is closed unsent by the next write, and that end
/// is told.
#[test]
fn r2_not_known_until_too_late_is_closed_unsent() {
    for fault in [Fault::AnswerLost, Fault::WriteLost] {
        let mut scene = Scene::new();
        scene.faults.extend([Some(fault); 11]);
        let (begun, step) = (scene.now.mono, scene.begin());
        let step = scene.unanswered(step);
        assert_eq!(outcome(step), Outcome::NeverSent(NotSent::PermitLapsed), "{fault:?}");
        assert!(scene.now.mono >= begun + scene.policy().send_by, "or this test proves nothing");
        assert_eq!((scene.record().stage, scene.rows[&key_of(NUMBER)].revision), (Stage::Closed, 2));
        assert!(scene.sent.is_empty());
    }
}

/// R2, R4, R22: a journal that does not answer at all: nothing is sent, and no outcome is told, since whoever finds the
/// row there tells another.
#[test]
fn r2_what_may_be_recorded_is_not_told_as_never_sent() {
    for (fault, is_there) in [(Fault::AnswerLost, true), (Fault::WriteLost, false)] {
        let mut scene = Scene::new();
        scene.faults.extend([Some(fault); 60]);
        let (begun, step) = (scene.now.mono, scene.begin());
        let Ended::NotKnown { record, token } = ended(scene.unanswered(step)) else { panic!("{fault:?}") };
        assert_eq!((record.origin.key, token), (key_of(NUMBER), 1));
        let longest = scene.policy().exchange().0;
        assert!(scene.now.mono.0 - begun.0 <= longest, "the caller waits no longer than for an answer");
        assert!(scene.sent.is_empty());
        scene.faults.clear();
        if is_there {
            let step = scene.resume();
            assert!(matches!(outcome(scene.play(step, &[code(ALREADY)])), Outcome::Reversed(_)));
        } else {
            assert!(scene.rows.is_empty());
        }
    }
}

/// R2: the row that conflicts is not ours if another has taken it meanwhile.
#[test]
fn r2_a_row_that_another_has_claimed_is_not_ours() {
    let mut scene = Scene::new();
    scene.faults.push_back(Some(Fault::AnswerLost));
    let Step::Persist(persist) = scene.begin() else { panic!() };
    let wait = waiting(scene.write(persist));
    scene.claim(&key_of(NUMBER));
    let step = scene.wake(wait);
    let Ended::Known(row) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(row.token, 2);
    assert!(scene.sent.is_empty());
}

#[test]
fn r3_a_known_number_sends_nothing() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let first = scene.play(step, &[]);
    let step = scene.begin();
    let Ended::Known(row) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(row.key, key_of(NUMBER));
    let step = scene.open(&order(NUMBER, 20_000));
    assert!(matches!(ended(scene.play(step, &[])), Ended::OtherData));
    assert_eq!(scene.verbs(), [Verb::Approve]);
    let _ = scene.play(first, &[code(DECLINED)]);
    let step = scene.begin();
    let Ended::Known(row) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(row.standing, crate::journal::Standing::Closed);
}

/// R3: an authorisation is spent once, under whatever number, until it is free again.
#[test]
fn r3_an_authorisation_is_spent_once() {
    let signer = HmacSha256::new(&Secret::from_utf8("secret"));
    let cipher = Aes256Cbc::new(&Secret::new(&[1; 32]), &Secret::new(&[2; 16]), Output::Hex).unwrap();
    let authorised = |number: &str| {
        let plain = order(number, 10_000);
        let id = AuthorizationId::new("AUTH_ABC123").unwrap();
        crate::simple::Order::authorised(plain.number().clone(), *plain.amount(), &id, &cipher, &signer)
            .unwrap()
    };
    let mut scene = Scene::new();
    let step = scene.open(&authorised("ORD-1"));
    let first = scene.play(step, &[]);
    let step = scene.open(&authorised("ORD-2"));
    let Ended::AuthorisationInUse(key) = ended(scene.play(step, &[])) else { panic!() };
    assert_eq!(*key, key_of("ORD-1"));
    let _ = scene.play(first, &[code(DECLINED)]);
    let step = scene.open(&authorised("ORD-2"));
    assert!(matches!(scene.play(step, &[]), Step::InFlight(_)));
}

/// R4, R25: past `send_by`, on either clock, the approval is not encoded.
#[test]
fn r4_past_send_by_nothing_is_encoded() {
    for jump in [|_: u64| (10_000, 0), |_| (0, 10_000)] {
        let mut scene = Scene::new();
        let Step::Persist(persist) = scene.begin() else { panic!() };
        let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
        assert_eq!(transmit.permit().left(scene.now), Millis(10_000));
        let (mono, wall) = jump(0);
        scene.now.mono = scene.now.mono + Millis(mono);
        scene.now.wall = scene.now.wall + Millis(wall);
        let step = scene.encode(transmit).unwrap_err();
        assert_eq!(outcome(scene.play(step, &[])), Outcome::NeverSent(NotSent::PermitLapsed));
        assert!(scene.sent.is_empty());
        assert_eq!(scene.record().stage, Stage::Closed);
    }
}

/// R4: `send_by` is counted from when it was made; a slow journal does not lengthen it.
#[test]
fn r4_send_by_is_counted_from_the_beginning() {
    let mut scene = Scene::new();
    let Step::Persist(persist) = scene.begin() else { panic!() };
    scene.later(9_000);
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    assert_eq!(transmit.permit().left(scene.now), Millis(1_000));
}

/// R4, R17: from a stored row an approval is never sent, whoever resumes it.
#[test]
fn r4_a_resumed_attempt_is_rescued_not_sent() {
    let mut scene = Scene::new();
    let Step::Persist(persist) = scene.begin() else { panic!() };
    drop(scene.write(persist));
    let step = scene.resume();
    drop(scene.play(step, &[]));
    assert_eq!(scene.verbs(), [Verb::NetCancel]);
}

#[test]
fn a_signer_that_does_not_sign_is_never_sent() {
    let mut scene = Scene::new();
    scene.signs = false;
    let step = scene.begin();
    assert_eq!(outcome(scene.play(step, &[])), Outcome::NeverSent(NotSent::Signing));
}

#[test]
fn refused_connections_are_never_sent() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let outcome = outcome(scene.play(step, &[In::Refused]));
    assert_eq!(outcome, Outcome::NeverSent(NotSent::Connect));
    assert!(outcome.safe_to_retry());
    assert!(!scene.rows[&key_of(NUMBER)].live);
}

#[test]
fn r6_a_listed_refusal_is_a_decline() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let Outcome::Declined(said) = outcome(scene.play(step, &[code(DECLINED)])) else { panic!() };
    assert_eq!(said, Said { code: DECLINED.into(), message: "text".into() });
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

/// R7: a text decides nothing, and of a long one only its beginning is kept, in every place of the record.
#[test]
fn r7_of_a_long_text_the_beginning_is_kept() {
    let long = "한도초과 ".repeat(4_000);
    let kept: String = long.chars().take(199).chain(['…']).collect();
    let declined = code_body(DECLINED).replace("text", &long);
    let mut scene = Scene::new();
    let step = scene.begin();
    let Outcome::Declined(said) = outcome(scene.play(step, &[In::Body(declined)])) else { panic!() };
    assert_eq!(*said.message, kept);
    let mut scene = Scene::new();
    let step = scene.begin();
    let more = |code: &str| In::Body(code_body(code).replace("text", &long));
    let approved = In::Body(approval_body("").replace("\"KB\"", &format!("\"{long}\"")));
    drop(scene.play(step, &[approved, In::NotHeld, more(UNLISTED), more(DECLINED), more(UNKNOWN)]));
    let text = &scene.rows[&key_of(NUMBER)].record.0;
    assert!(text.contains(&kept) && text.len() < 10_000, "{}", text.len());
    assert_eq!(scene.record().approval.unwrap().issuer_name(), Some(kept.as_str()));
    let whole = "가".repeat(200);
    assert_eq!(*Said::new(ResultCode::new(DECLINED).unwrap(), &whole).message, whole);
}

/// R6: an unlisted refusal is settled by one net-cancel, and ends declined with its own code.
#[test]
fn r6_an_unlisted_refusal_is_settled_first() {
    for settled in [code(NOTHING), code(ALREADY), voided(), code("0000")] {
        let mut scene = Scene::new();
        let step = scene.begin();
        let step = scene.play(step, &[code(UNLISTED)]);
        assert_eq!(scene.record().stage, Stage::Settling);
        let Outcome::Declined(said) = outcome(scene.play(step, &[settled])) else { panic!() };
        assert_eq!(&*said.code, UNLISTED);
        assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel]);
    }
    let mut scene = Scene::with(|policy| policy.unlisted_codes = UnlistedCodes::Decline);
    let step = scene.begin();
    assert!(matches!(outcome(scene.play(step, &[code(UNLISTED)])), Outcome::Declined(_)));
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

#[test]
fn r6_an_unlisted_refusal_that_cannot_be_settled_needs_a_person() {
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 3);
    let step = scene.begin();
    let inputs = [code(UNLISTED), In::Reset, code("8888"), code("8888")];
    let Outcome::NeedsOperator { why, charged, .. } = outcome(scene.play(step, &inputs)) else { panic!() };
    assert_eq!(charged, Charged::Unknown);
    assert!(matches!(why, OperatorReason::ProvesNothing(said) if &*said.code == "8888"));
}

/// R7: each of these is unknown, and is net-cancelled at once; the reason is kept.
#[test]
fn r7_everything_else_is_unknown() {
    let foreign = approval_body("").replace(NUMBER, "ORD-2");
    let cases: Vec<(In, Option<Unclear>)> = [
        (In::Timeout, None),
        (In::Reset, None),
        (In::Status(302), Some(Unclear::Status(302))),
        (In::Status(400), Some(Unclear::Status(400))),
        (In::Status(502), Some(Unclear::Status(502))),
        (In::Body("".into()), Some(Unclear::NotJson)),
        (In::Body("<html>".into()), Some(Unclear::NotJson)),
        (In::Body("{}".into()), Some(Unclear::NoCode)),
        (In::Body(r#"{"respCd":0}"#.into()), Some(Unclear::MalformedCode)),
        (In::Body(foreign), Some(Unclear::ForeignEcho("mercTrxNo".into()))),
        (code("0000x"), Some(Unclear::MalformedCode)),
        (In::Body(r#"{"respCd":"0000"}"#.into()), Some(Unclear::MissingEcho("tid".into()))),
        (In::Body(approval_body(r#","trxAmt":"10,000""#)), Some(Unclear::Amount)),
        (code(DUPLICATE), None),
        (code(UNKNOWN), None),
    ]
    .into();
    for (input, why) in cases {
        let mut scene = Scene::new();
        let step = scene.begin();
        drop(scene.play(step, core::slice::from_ref(&input)));
        assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel], "{input:?}");
        let record = scene.record();
        assert_eq!(record.stage, Stage::Reversing, "{input:?}");
        if let Some(why) = why {
            assert_eq!(record.why, Some(Why::Unclear(why)), "{input:?}");
        }
    }
}

/// R8: another amount is cancelled, and the merchant is never asked.
#[test]
fn r8_another_amount_is_cancelled() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[In::Body(approval_body(r#","trxAmt":9999"#))]);
    assert_eq!(scene.record().stage, Stage::Voiding);
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::Cancel]);
    let Outcome::Reversed(why) = outcome(scene.play(step, &[voided()])) else { panic!() };
    assert_eq!(why, Why::AmountDiffers);
    assert_eq!(scene.record().approval.unwrap().amount, AmountStated::Differs(Won(9_999)));
}

#[test]
fn r8_the_asked_amount_is_fine_in_every_spelling() {
    for amount in ["10000", "10000.0", r#""10000""#] {
        let mut scene = Scene::new();
        let step = scene.begin();
        let body = approval_body(&format!(r#","trxAmt":{amount}"#));
        let settle = asking(scene.play(step, &[In::Body(body)]));
        assert_eq!(settle.approval().unwrap().amount, AmountStated::Matched);
    }
}

/// R25: a clock that stands before this release refuses to sell.
#[test]
fn r25_a_clock_before_the_release_refuses_to_sell() {
    let mut scene = Scene::new();
    scene.now.wall = UnixMillis(1_700_000_000_000);
    let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [1; 16] };
    let refused = order(NUMBER, 10_000).open(&opening, scene.now).unwrap_err();
    assert!(refused.to_string().contains("clock"), "{refused}");
}

/// R22, R10: every write counts the revision, comes untold, and adds to the history.
#[test]
fn r22_every_write_is_untold_and_counts() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[In::Reset, In::Reset]);
    let row: &Row = &scene.rows[&key_of(NUMBER)];
    assert_eq!((row.revision, row.told), (3, false));
    scene.rows.get_mut(&key_of(NUMBER)).unwrap().told = true;
    let done = done(scene.play(step, &[code(ALREADY)]));
    let row = &scene.rows[&key_of(NUMBER)];
    assert_eq!((done.revision(), row.told), (Some(row.revision), false));
    let history: Vec<_> = scene.record().history.iter().map(|entry| entry.what.clone()).collect();
    assert!(matches!(
        &history[..],
        [
            Happening::Made,
            Happening::Sending(Verb::Approve, 1),
            Happening::Unclear(Verb::Approve, _),
            Happening::Sending(Verb::NetCancel, 1),
            Happening::Unclear(Verb::NetCancel, _),
            Happening::Sending(Verb::NetCancel, 2),
            Happening::Answered(Verb::NetCancel, _),
            Happening::Closed,
        ]
    ));
}
