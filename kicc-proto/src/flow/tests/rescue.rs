//! From *unknown* to a known end (R10, R13 to R15).

use alloc::vec::Vec;

use super::scenario::*;
use crate::{
    flow::{
        Charged, OperatorReason, Outcome, Step, WaitReason,
        policy::ReportReversal,
        table::{FirstSuccess, Stage, Verb},
    },
    journal::record::Why,
    time::{Millis, UnixMillis},
};

/// R10: the body is the same each time, byte for byte; what is signed beside it is fresh.
#[test]
fn r10_every_net_cancel_has_the_same_body() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let step = scene.play(step, &[In::Timeout, In::Reset, In::Refused, code("8888")]);
    drop(step);
    let step = scene.resume();
    drop(scene.play(step, &[In::Reset, voided()]));
    let rescues: Vec<_> = scene.sent.iter().filter(|sent| sent.verb == Verb::NetCancel).collect();
    assert_eq!(rescues.len(), 5);
    let nonces = |name: &str| {
        let header = |sent: &&Sent| sent.headers.iter().find(|(n, _)| n == name).unwrap().1.clone();
        rescues.iter().map(header).collect::<alloc::collections::BTreeSet<_>>().len()
    };
    assert_eq!(nonces("x-kicc-nonce"), rescues.len());
    assert_eq!(nonces("x-kicc-timestamp"), rescues.len());
    for sent in &rescues {
        assert_eq!((sent.path.as_str(), &sent.body), ("/smpy/kiccpay/reqRtran", &rescues[0].body));
        assert!(sent.body.contains(r#""tranDt":"20261121","tranTm":"120000""#), "{}", sent.body);
    }
}

/// R13b, R13c: the first net-cancel goes at once; its success is confirmed after the quiet period.
#[test]
fn r13_an_early_success_is_confirmed_after_the_quiet_period() {
    for (confirmation, closes) in [
        (voided(), true),
        (code("0000"), true),
        (code(NOTHING), true),
        (code(ALREADY), true),
        (In::Reset, false),
    ] {
        let mut scene = Scene::new();
        let step = scene.begin();
        let step = scene.play(step, &[In::Timeout, code("0000")]);
        let given_up = scene.sent[1].at;
        let wait = waiting(step);
        assert_eq!(wait.reason(), WaitReason::Quiet);
        assert_eq!(wait.until(u16::MAX, scene.now), given_up + scene.policy().quiet_period);
        assert_eq!(wait.record().rescue.first_success, FirstSuccess::WithoutCard);
        assert_eq!(wait.provisional(), None);
        let step = scene.play(Step::Wait(wait), &[confirmation]);
        assert!(scene.sent[2].at >= given_up + scene.policy().quiet_period);
        assert_eq!(matches!(step, Step::Done(_)), closes);
    }
}

/// R13c: another readable code confirms only a success that named a card.
#[test]
fn r13_another_code_confirms_only_what_named_a_card() {
    for (first, closes) in [(voided(), true), (code("0000"), false)] {
        let mut scene = Scene::with(|policy| policy.rescue_attempts = 4);
        let step = scene.begin();
        let step = scene.play(step, &[In::Timeout, first, code("8888")]);
        if closes {
            assert!(matches!(outcome(step), Outcome::Reversed(Why::Unclear(_))));
            continue;
        }
        let step = scene.play(step, &[code("8888"), code("8888")]);
        let Outcome::NeedsOperator { why, charged, .. } = outcome(step) else { panic!() };
        assert_eq!((why, charged), (OperatorReason::Unconfirmed, Charged::Unknown));
    }
}

/// R13c: with the policy off a success is final; also one without tries left is not taken for more than it is.
#[test]
fn r13_confirmation_is_policy() {
    let mut scene = Scene::with(|policy| policy.confirm_reversal = false);
    let step = scene.begin();
    assert!(matches!(outcome(scene.play(step, &[In::Timeout, code("0000")])), Outcome::Reversed(_)));
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 2);
    let step = scene.begin();
    let step = scene.play(step, &[In::Timeout, In::Reset, voided()]);
    assert!(matches!(outcome(step), Outcome::NeedsOperator { why: OperatorReason::Unconfirmed, .. }));
}

/// R13b: *nothing to void* counts only when the message that brought it was sent after the quiet period,
/// however late the answer comes.
#[test]
fn r13_nothing_to_void_counts_by_when_it_was_sent() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let mut in_flight = flying(scene.play(step, &[In::Timeout]));
    in_flight.written(scene.now);
    scene.later(36_000);
    let body = code_body(NOTHING);
    let reply = crate::wire::Reply { status: 200, content_type: None, body: body.as_bytes() };
    let step = in_flight.reply(reply, scene.now);
    let step = scene.play(step, &[]);
    assert_eq!(scene.record().stage, Stage::Reversing);
    let step = scene.play(step, &[code(NOTHING)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
    assert_eq!(scene.verbs(), [Verb::Approve, Verb::NetCancel, Verb::NetCancel]);
}

/// R13b: outside the proof window it closes nothing, nor does a success that names no card; *voided before* and what
/// names a card are proof at any time.
#[test]
fn r13_outside_the_window_nothing_is_no_proof() {
    let answers = [(code(NOTHING), false), (code("0000"), false), (code(ALREADY), true), (voided(), true)];
    for (answer, closes) in answers {
        let mut scene = Scene::new();
        let step = scene.begin();
        drop(scene.play(step, &[In::Timeout]));
        scene.later(24 * 3_600_000);
        let step = scene.resume();
        // Its horizon is over too: a person asks for more, and the window stays shut.
        let step = scene.play(step, &[]);
        assert!(matches!(outcome(step), Outcome::NeedsOperator { why: OperatorReason::Unanswered, .. }));
        let step = retried(&mut scene);
        let step = scene.play(step, &[In::Reset]);
        scene.later(36_000);
        match outcome(scene.play(step, &[answer])) {
            Outcome::Reversed(_) => assert!(closes),
            Outcome::NeedsOperator { why, .. } => {
                assert!(!closes);
                assert_eq!(why, OperatorReason::OutsideProofWindow);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// R13b: so it is with what is settled, and with what is not wanted; inside the quiet period it is asked again first.
#[test]
fn r13_a_success_without_a_card_may_have_voided_nothing() {
    for (script, nothing) in [
        (&[code(UNLISTED)][..], &[code("0000")][..]),
        (&[approved(), In::NotHeld, code(DECLINED)], &[code("0000"), code("0000")]),
    ] {
        for (answers, closes) in [(nothing, false), (&[voided()], true)] {
            let mut scene = Scene::new();
            let step = scene.begin();
            drop(scene.play(step, script));
            scene.later(24 * 3_600_000);
            let step = scene.resume();
            assert!(matches!(outcome(scene.play(step, &[])), Outcome::NeedsOperator { .. }));
            let step = retried(&mut scene);
            match outcome(scene.play(step, answers)) {
                Outcome::Declined(_) | Outcome::Reversed(_) => assert!(closes),
                Outcome::NeedsOperator { why, charged, .. } => {
                    assert!(!closes);
                    assert_eq!((why, charged), (OperatorReason::OutsideProofWindow, Charged::Unknown));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn retried(scene: &mut Scene) -> Step {
    let row = scene.claim(&key_of(NUMBER));
    Step::Persist(crate::flow::retry(row, &scene.merchant, &scene.driver, scene.now).unwrap())
}

/// R13d: the first success may be told while the record stays open.
#[test]
fn r13_the_first_success_may_be_told_provisionally() {
    let mut scene = Scene::with(|policy| policy.report_reversal = ReportReversal::FirstSuccess);
    let step = scene.begin();
    let wait = waiting(scene.play(step, &[In::Timeout, In::Reset]));
    assert_eq!(wait.provisional(), None);
    let wait = waiting(scene.play(Step::Wait(wait), &[voided()]));
    assert!(matches!(wait.provisional(), Some(Outcome::Reversed(_))));
    assert_eq!(scene.rows[&key_of(NUMBER)].standing, crate::journal::Standing::Open);
}

/// R14: the pauses grow, jitter lengthens them by at most a half, too early a wake-up changes nothing, and
/// what was never sent does not use up the budget.
#[test]
fn r14_pauses_grow_and_the_unsent_is_not_counted() {
    let mut scene = Scene::with(|policy| policy.rescue_attempts = 3);
    let step = scene.begin();
    let mut step = scene.play(step, &[In::Timeout, In::Refused]);
    let mut last = 0;
    for _ in 0..10 {
        let wait = waiting(step);
        let now = scene.now;
        let pause = wait.until(0, now).0 - now.mono.0;
        assert!(pause >= last.min(60_000) && pause <= 60_000, "{last} {pause}");
        assert_eq!(wait.until(u16::MAX, now).0 - now.mono.0, pause + pause / 2);
        assert_eq!(wait.until_wall(now), UnixMillis(now.wall.0 + pause));
        scene.later(pause - 1);
        let wait = waiting(wait.wake(scene.now));
        assert_eq!(wait.until(0, scene.now).0, scene.now.mono.0 + 1);
        step = scene.play(Step::Wait(wait), &[In::Refused]);
        last = pause;
    }
    assert_eq!(scene.record().rescue.sent, 0);
    assert_eq!(scene.record().rescue.unsent, 11);
    let Outcome::NeedsOperator { why, charged, .. } =
        outcome(scene.play(step, &[In::Reset, In::Reset, In::Reset]))
    else {
        panic!()
    };
    assert_eq!((why, charged), (OperatorReason::Unanswered, Charged::Unknown));
}

/// R14: never sent for ever ends at the horizon, on either clock.
#[test]
fn r14_the_horizon_ends_what_was_never_sent() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let mut step = scene.play(step, &[In::Timeout, In::Refused]);
    let begun = scene.now.mono;
    while !matches!(step, Step::Done(_)) {
        step = match step {
            Step::InFlight(in_flight) => scene.answer(in_flight, &In::Refused),
            Step::Wait(wait) => scene.wake(wait),
            Step::Transmit(transmit) => Step::InFlight(scene.encode(transmit).unwrap()),
            Step::Persist(persist) => scene.write(persist),
            other => panic!("{other:?}"),
        };
    }
    let day = scene.policy().horizon.0;
    assert!((day - 60_000..day + 60_000).contains(&(scene.now.mono.0 - begun.0)));
    assert!(matches!(outcome(step), Outcome::NeedsOperator { why: OperatorReason::Unanswered, .. }));
}

/// R15: a code that proves nothing, for ever, ends with a person and names the code.
#[test]
fn r15_a_code_that_proves_nothing_is_asked_again_and_named() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let mut inputs: Vec<_> = (0..20).map(|_| code(DECLINED)).collect();
    inputs.insert(0, In::Timeout);
    let Outcome::NeedsOperator { why, charged, .. } = outcome(scene.play(step, &inputs)) else { panic!() };
    assert_eq!(charged, Charged::Unknown);
    assert!(matches!(why, OperatorReason::ProvesNothing(said) if &*said.code == DECLINED));
    let lasted = scene.sent.last().unwrap().at.0 - scene.sent[0].at.0;
    assert_eq!(lasted, scene.policy().horizon.0 - scene.policy().exchange().0);
    let row = &scene.rows[&key_of(NUMBER)];
    assert!(row.live && row.standing == crate::journal::Standing::Parked);
}

/// R14, R20: every message has a new permission and a lease that covers it.
#[test]
fn r20_the_lease_covers_every_message() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let mut step = scene.play(step, &[In::Timeout, In::Reset]);
    for _ in 0..8 {
        step = match step {
            Step::Wait(wait) => scene.wake(wait),
            Step::Persist(persist) => scene.write(persist),
            Step::InFlight(in_flight) => scene.answer(in_flight, &In::Timeout),
            Step::Transmit(transmit) => {
                let row = &scene.rows[&key_of(NUMBER)];
                let longest = transmit.permit().wall + scene.policy().answer_timeout;
                assert!(row.lease_until > longest);
                assert_eq!(transmit.permit().left(scene.now), scene.policy().send_by);
                Step::InFlight(scene.encode(transmit).unwrap())
            }
            other => panic!("{other:?}"),
        };
    }
}

/// R4, R20: a message whose permission lapsed is not sent, and is written down anew.
#[test]
fn r20_a_lapsed_permission_sends_nothing() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let in_flight = flying(scene.play(step, &[]));
    let Step::Persist(persist) = scene.answer(in_flight, &In::Timeout) else { panic!() };
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    scene.later(3_600_000);
    let step = scene.encode(transmit).unwrap_err();
    assert_eq!(scene.verbs(), [Verb::Approve]);
    let step = scene.play(step, &[]);
    assert_eq!(waiting(step).reason(), WaitReason::Backoff);
    assert_eq!(scene.record().rescue.sent, 0);
}

/// R25: wall time never shortens the quiet period.
#[test]
fn r25_a_wall_clock_jump_does_not_shorten_the_quiet_period() {
    let mut scene = Scene::new();
    let step = scene.begin();
    let wait = waiting(scene.play(step, &[In::Timeout, code(NOTHING)]));
    scene.now.wall = scene.now.wall + Millis(3_600_000);
    let wait = waiting(wait.wake(scene.now));
    assert!(wait.until(0, scene.now) > scene.now.mono);
    let step = scene.play(Step::Wait(wait), &[code(NOTHING)]);
    assert!(matches!(outcome(step), Outcome::Reversed(_)));
}
