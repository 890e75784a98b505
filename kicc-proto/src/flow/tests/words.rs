//! What a driver, a shop and a person read from a step and its end.

use alloc::{boxed::Box, collections::BTreeSet, format, string::ToString as _, vec::Vec};

use super::scenario::*;
use crate::{
    codes::ResultCode,
    flow::{
        Charged, Ended, OperatorReason, Outcome, RefundOutcome, Step, Verdict, WaitReason,
        approval::Approval,
        outcome::Resolution,
        said::{Said, Unclear},
        table::Verb,
    },
    journal::record::{Record, Why},
    time::UnixMillis,
    values::{Problem, Won},
    wire::{Failure, MaybeSent, NotSent},
};

fn said() -> Said {
    Said::new(ResultCode::new("8521").unwrap(), "over the limit")
}

/// The table of outcomes: has the customer been charged, and may the shop try again?
#[test]
fn an_outcome_says_who_is_charged_and_whether_to_try_again() {
    let operator =
        |charged| Outcome::NeedsOperator { why: OperatorReason::Unanswered, charged, resolution: None };
    for (outcome, name, charged) in [
        (Outcome::Approved(Approval::default()), "approved", Charged::Yes),
        (Outcome::Declined(said()), "declined", Charged::No),
        (Outcome::NeverSent(NotSent::Tls), "never_sent", Charged::No),
        (Outcome::Reversed(Why::NotHeld), "reversed", Charged::No),
        (operator(Charged::Unknown), "needs_operator", Charged::Unknown),
        (operator(Charged::Yes), "needs_operator", Charged::Yes),
        (operator(Charged::No), "needs_operator", Charged::No),
    ] {
        let again = charged == Charged::No;
        assert_eq!((outcome.name(), outcome.charged(), outcome.safe_to_retry()), (name, charged, again));
        let text = outcome.text();
        let warned = (text.ko.contains("다시 결제하지 마시고"), text.en.contains("not pay again"));
        let unclear = !again && name != "approved";
        assert_eq!(warned, (unclear, unclear), "{text:?}");
    }
    let words = [Charged::Yes, Charged::No, Charged::Unknown].map(Charged::as_str);
    assert_eq!(words, ["yes", "no", "unknown"]);
}

/// The same for refunds: still charged, and may it be asked for again?
#[test]
fn a_refunds_outcome_says_the_same() {
    let operator = |charged, resolved: bool| {
        let resolution = resolved.then(|| Resolution { charged: charged == Charged::Yes, note: "".into() });
        RefundOutcome::NeedsOperator { why: OperatorReason::RefundUnknown, charged, resolution }
    };
    for (outcome, name, charged, again) in [
        (RefundOutcome::Refunded, "refunded", Charged::No, false),
        (RefundOutcome::Refused(said()), "refused", Charged::Yes, true),
        (RefundOutcome::NotAttempted(NotSent::Tls), "not_attempted", Charged::Yes, true),
        (operator(Charged::Unknown, false), "needs_operator", Charged::Unknown, false),
        (operator(Charged::Yes, false), "needs_operator", Charged::Yes, false),
        (operator(Charged::No, true), "needs_operator", Charged::No, false),
        (operator(Charged::Yes, true), "needs_operator", Charged::Yes, true),
    ] {
        assert_eq!((outcome.name(), outcome.charged(), outcome.safe_to_retry()), (name, charged, again));
        let text = outcome.text();
        let given_back = text.ko == "환불되었습니다" && text.en == "Refunded";
        assert_eq!(given_back, charged == Charged::No, "{text:?}");
        let warned = (text.ko.contains("다시 환불하지 마시고"), text.en.contains("not refund it again"));
        assert_eq!(warned, (charged == Charged::Unknown, charged == Charged::Unknown), "{text:?}");
    }
}

/// Every reason has words of its own; what the gateway said is in them.
#[test]
fn reasons_are_told_apart_in_words() {
    assert_eq!(said().to_string(), "8521 over the limit");
    let reasons = [
        OperatorReason::ProvesNothing(said()),
        OperatorReason::Unanswered,
        OperatorReason::OutsideProofWindow,
        OperatorReason::Unconfirmed,
        OperatorReason::AcceptCannotTell,
        OperatorReason::CancelRefused(said()),
        OperatorReason::StillStands,
        OperatorReason::RefundUnknown,
        OperatorReason::NoStatusQuery,
        OperatorReason::JournalBehindBooks,
        OperatorReason::LateSuccessAfterResolution,
    ];
    let causes = [
        Unclear::Exchange(MaybeSent::Timeout),
        Unclear::Exchange(MaybeSent::Reset),
        Unclear::Status(502),
        Unclear::NotJson,
        Unclear::DuplicateKey,
        Unclear::NoCode,
        Unclear::MalformedCode,
        Unclear::ForeignEcho("tid".into()),
        Unclear::MissingEcho("tid".into()),
        Unclear::Amount,
        Unclear::Damaged("tid".into()),
        Unclear::Duplicate(said()),
        Unclear::UnknownCode(said()),
        Unclear::RefusalWithApproval(said()),
        Unclear::Ambiguous,
        Unclear::TooLate,
    ];
    let words: Vec<_> =
        reasons.iter().map(ToString::to_string).chain(causes.iter().map(ToString::to_string)).collect();
    assert!(words.iter().all(|text| text.len() > 7), "{words:?}");
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "{words:?}");
    for (at, text) in [(0, "8521"), (5, "8521"), (13, "502"), (18, "tid"), (22, "8521")] {
        assert!(words[at].contains(text), "{}", words[at]);
    }
}

/// R20: what a driver needs of every step: whose it is, and under which token it may write.
#[test]
fn r20_every_step_names_its_key_and_token() {
    let mut scene = Scene::new();
    let key = key_of(NUMBER);
    let Step::Persist(persist) = scene.begin() else { panic!() };
    assert_eq!((persist.key(), persist.row().token), (&key, 1));
    let shown = format!("{persist:?}");
    assert!(shown.contains("Life { record: Record {") && shown.contains("revision: 0"), "{shown}");
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    assert_eq!((transmit.key(), transmit.token(), transmit.verb()), (&key, 1, Verb::Approve));
    assert!(!transmit.is_rescue());
    let mut in_flight = scene.encode(transmit).unwrap();
    assert_eq!((in_flight.verb(), in_flight.is_rescue()), (Verb::Approve, false));
    assert_eq!(in_flight.answer_within(), scene.policy().answer_timeout);
    // The time to answer begins when the request is written.
    scene.later(5_000);
    in_flight.written(scene.now);
    assert_eq!(in_flight.deadline(), scene.now.after(scene.policy().answer_timeout));
    drop(in_flight);

    let step = scene.resume();
    let Step::Persist(persist) = step else { panic!() };
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    assert_eq!((transmit.verb(), transmit.token()), (Verb::NetCancel, 2));
    assert!(transmit.is_rescue());
    let in_flight = scene.encode(transmit).unwrap();
    assert_eq!((in_flight.verb(), in_flight.is_rescue()), (Verb::NetCancel, true));
    let step = scene.answer(in_flight, &In::Reset);
    let wait = waiting(scene.play(step, &[]));
    assert_eq!((wait.key(), wait.token(), wait.reason()), (&key, 2, WaitReason::Backoff));
    assert_eq!(wait.record(), &scene.record());
    let left = wait.until(0, scene.now).0 - scene.now.mono.0;
    assert!(left > 0);
    assert_eq!(wait.until_wall(scene.now), UnixMillis(scene.now.wall.0 + left));
    let done = done(scene.play(Step::Wait(wait), &[code(ALREADY)]));
    assert_eq!(done.record(), Some(&scene.record()));
    assert_eq!(done.revision(), Some(scene.rows[&key].revision));
    assert!(matches!(done.ended(), Ended::Verdict(Verdict::Approval(Outcome::Reversed(_)))));

    let mut scene = Scene::new();
    let step = scene.begin();
    drop(asking(scene.play(step, &[approved()])));
    let settle = asking(scene.resume());
    assert_eq!((settle.key(), settle.token(), &settle.record().key), (&key, 2, &key));
    assert_eq!(settle.amount().total(), Won(10_000));
    assert_eq!(settle.approval(), scene.record().approval.as_ref());
    let shown = format!("{:?}", settle.approval().unwrap());
    assert!(shown.starts_with("Approval {") && shown.contains("approval_number: Some"), "{shown}");
    drop(settle);

    let mut scene = Scene::new();
    let step = scene.begin();
    drop(scene.play(step, &[]));
    scene.rows.get_mut(&key).unwrap().suspect = true;
    let Step::AskBooks(ask) = scene.resume() else { panic!() };
    assert_eq!((ask.key(), ask.token(), &ask.record().key), (&key, 2, &key));
}

/// R25: the clock may stand at the release, and not a millisecond before it.
#[test]
fn r25_the_first_moment_at_which_it_sells() {
    let mut scene = Scene::new();
    scene.now.wall = UnixMillis(1_793_491_200_000);
    assert!(crate::flow::selling_at(scene.now).is_ok());
    scene.now.wall = UnixMillis(1_793_491_199_999);
    let refused = crate::flow::selling_at(scene.now).unwrap_err();
    assert!(matches!(refused.problem, Problem::Other(_)) && refused.field == "clock");
}

/// R23: what a log is told of a failure and of a drive's end, in words, with numbers and no secret.
#[test]
fn r23_a_failure_and_a_drives_end_are_words_for_a_log() {
    let failures = [Failure::NotSent(NotSent::NotRecorded), Failure::MaybeSent(MaybeSent::Timeout)];
    let words = failures.map(|failure| failure.to_string());
    assert_eq!(words, ["never sent: the journal did not take it", "maybe sent: no answer in time"]);

    let mut scene = Scene::new();
    let key = || Box::new(key_of(NUMBER));
    let verdict = Verdict::Refund(RefundOutcome::Refunded);
    let (step, again) = (scene.begin(), scene.begin());
    let Step::Persist(first) = step else { panic!() };
    let record = Box::new(Record::of_row(&first.row()).unwrap());
    let _ = scene.play(Step::Persist(first), &[]);
    for (end, words) in [
        (Ended::Verdict(verdict), "refunded".to_string()),
        (ended(scene.play(again, &[])), format!("{NUMBER} is known")),
        (Ended::OtherData, "the number is known, with other data".to_string()),
        (Ended::UsedBefore, "the number was used before".to_string()),
        (Ended::AuthorisationInUse(key()), format!("the authorisation is used by {NUMBER}")),
        (Ended::TakenOver(key()), format!("another worker has {NUMBER}")),
        (
            Ended::NotKnown { record, token: 1 },
            format!("whether {NUMBER} is recorded is not known, and it was not sent"),
        ),
    ] {
        assert_eq!(end.to_string(), words);
    }
}
