//! i'mport in the same machine: look up what became of the number, then cancel or adopt (R12).

use alloc::{borrow::ToOwned as _, boxed::Box, format, string::String, vec::Vec};

use super::scenario::*;
use crate::{
    flow::{
        Charged, OperatorReason, Outcome, Policy, Step, WaitReason,
        approval::AmountStated,
        said::Unclear,
        table::{Stage, Verb},
    },
    iamport::{
        Charge, CustomerUid, ImpUid, Merchant as Iamport, OnFoundPaid, Settings, StoreCode, Tier,
        WindowPayment,
    },
    journal::record::{Entry, Happening, Why},
    product::{Merchant, Order},
    values::{Amount, Environment, Parts, TransactionNumber, Won},
    wire::{Method, NotSent},
};

pub(super) const ONE: &str = "imp_000000000001";
pub(super) const TWO: &str = "imp_000000000002";
pub(super) const CUSTOMER: &str = "customer-1";
const ALL: &str = "/payments/findAll/ORD-1";

pub(super) fn amount(won: u64) -> Amount {
    Amount::new(Won(won), Parts::default()).unwrap()
}

pub(super) fn number() -> TransactionNumber {
    TransactionNumber::new(NUMBER).unwrap()
}

pub(super) fn charge() -> Charge {
    Charge::new(number(), CustomerUid::new(CUSTOMER).unwrap(), amount(10_000), "coffee").unwrap()
}

pub(super) fn window() -> WindowPayment {
    WindowPayment::new(number(), ImpUid::new(ONE).unwrap(), amount(10_000)).unwrap()
}

fn iamport(tier: Option<&str>) -> Merchant {
    Merchant::Iamport(Iamport {
        environment: Environment::new("test").unwrap(),
        store: StoreCode::new("imp12345678").unwrap(),
        tier: tier.map(|tier| Tier::new(tier).unwrap()),
    })
}

fn policy(settings: Settings) -> Policy {
    Policy::default().with_iamport(settings)
}

pub(super) fn of(order: impl Order + 'static, settings: Settings) -> Scene {
    Scene::of(iamport(None), Box::new(order), policy(settings))
}

pub(super) fn charging() -> Scene {
    of(charge(), Settings::live())
}

pub(super) fn adopting() -> Scene {
    of(charge(), Settings { on_found_paid: OnFoundPaid::Adopt, ..Settings::live() })
}

pub(super) fn in_window() -> Scene {
    of(window(), Settings::live())
}

/// A payment of our number; more fields have a comma before each.
pub(super) fn payment(imp_uid: &str, status: &str, cancelled: u64, more: &str) -> String {
    let ids = format!(r#""imp_uid":"{imp_uid}","merchant_uid":"{NUMBER}""#);
    format!(
        r#"{{{ids},"amount":10000,"cancel_amount":{cancelled},"currency":"KRW","status":"{status}","sandbox":false{more}}}"#
    )
}

pub(super) fn paid(imp_uid: &str) -> String {
    payment(imp_uid, "paid", 0, r#","channel":"api","apply_num":"00017177","paid_at":1795230001"#)
}

pub(super) fn cancelled(imp_uid: &str) -> String {
    payment(imp_uid, "cancelled", 10_000, r#","channel":"api""#)
}

pub(super) fn failed(imp_uid: &str) -> String {
    payment(imp_uid, "failed", 0, r#","fail_reason":"limit exceeded","paid_at":0,"failed_at":1795230001"#)
}

pub(super) fn ready(imp_uid: &str) -> String {
    payment(imp_uid, "ready", 0, "")
}

pub(super) fn success(response: &str) -> String {
    format!(r#"{{"code":0,"message":null,"response":{response}}}"#)
}

/// The answer to a charge, a cancel or a look-up of one.
pub(super) fn one(payment: &str) -> In {
    In::Body(success(payment))
}

/// The answer to a look-up of the number.
pub(super) fn all(payments: &[String]) -> In {
    In::Body(page(payments))
}

pub(super) fn page(payments: &[String]) -> String {
    let (total, list) = (payments.len(), payments.join(","));
    success(&format!(r#"{{"total":{total},"previous":0,"next":0,"list":[{list}]}}"#))
}

pub(super) fn refused() -> String {
    r#"{"code":1,"message":"no","response":null}"#.into()
}

pub(super) fn absent() -> In {
    In::Other(404, r#"{"code":-1,"message":"no such payment","response":null}"#.into())
}

pub(super) fn play(scene: &mut Scene, inputs: &[In]) -> Step {
    let step = scene.begin();
    scene.play(step, inputs)
}

pub(super) fn messages(scene: &Scene) -> Vec<(Verb, Method, &str)> {
    scene.sent.iter().map(|sent| (sent.verb, sent.method, sent.path.as_str())).collect()
}

pub(super) fn bodies(scene: &Scene, verb: Verb) -> Vec<&str> {
    scene.sent.iter().filter(|sent| sent.verb == verb).map(|sent| sent.body.as_str()).collect()
}

pub(super) fn reversed(step: Step) -> Why {
    match outcome(step) {
        Outcome::Reversed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_charge_that_the_merchant_holds() {
    let mut scene = charging();
    let step = play(&mut scene, &[one(&paid(ONE)), In::Held]);
    let Outcome::Approved(approval) = outcome(step) else { panic!() };
    assert_eq!((approval.amount, approval.van_number()), (AmountStated::Matched, Some(ONE)));
    assert_eq!(approval.approval_number(), Some("00017177"));
    // 1795230001 is 2026-11-21 08:20:01 UTC.
    let paid_at = (approval.approval_date(), approval.approval_time());
    assert_eq!(paid_at, (Some("20261121"), Some("120001")));
    assert_eq!(messages(&scene), [(Verb::Approve, Method::Post, "/subscribe/payments/again")]);
    let body = r#"{"customer_uid":"customer-1","merchant_uid":"ORD-1","amount":10000,"name":"coffee"}"#;
    assert_eq!(scene.sent[0].body, body);
    let token = format!("Bearer {TOKEN}");
    let headers = [("content-type".into(), "application/json".into()), ("authorization".into(), token)];
    assert_eq!(scene.sent[0].headers, headers);
}

#[test]
fn an_agent_names_the_sub_merchant_and_drives_its_records_alone() {
    let mut scene = Scene::of(iamport(Some("AAA")), Box::new(charge()), policy(Settings::live()));
    drop(play(&mut scene, &[one(&paid(ONE))]));
    assert_eq!(scene.sent[0].headers[2], ("tier".into(), "AAA".into()));
    scene.merchant = iamport(Some("BBB"));
    assert!(scene.resume_key(&scene.key()).is_err(), "R20");
}

/// R5: which channel it is must be said, and an order is sold by its own product's merchant.
#[test]
fn r5_without_settings_no_order_is_taken() {
    let scene = charging();
    let driver = crate::flow::Driver { policy: Policy::default().into(), ..scene.driver.clone() };
    let opening = crate::flow::Opening { merchant: &scene.merchant, driver: &driver, attempt: [1; 16] };
    assert_eq!(scene.order.open(&opening, scene.now).unwrap_err().field, "iamport settings");
    assert_eq!(order(NUMBER, 1).open(&opening, scene.now).unwrap_err().field, "merchant");
    let simple = merchant(TERMINAL);
    let opening = crate::flow::Opening { merchant: &simple, ..opening };
    assert_eq!(charge().open(&opening, scene.now).unwrap_err().field, "merchant");
    assert_eq!(window().open(&opening, scene.now).unwrap_err().field, "merchant");
}

/// R20: a lease covers an exchange of 60 s.
#[test]
fn r20_the_policy_covers_the_longer_exchange() {
    let longer = policy(Settings::live());
    assert_eq!((longer.check(false), longer.exchange().0, longer.lease.0), (Ok(()), 80_000, 80_000));
    let mut short = Policy::default();
    short.products.iamport = Some(Settings::live());
    assert!(short.check(true).is_err());
    let hasty = Settings { answer_timeout: crate::time::Millis(33_000), ..Settings::live() };
    assert!(policy(hasty.clone()).check(false).is_err() && policy(hasty).check(true).is_ok());
    let hasty = Settings { quiet_period: crate::time::Millis(35_000), ..Settings::live() };
    assert!(policy(hasty).check(false).is_err());
}

/// A refusal by the card company is a payment that failed.
#[test]
fn a_failed_payment_is_a_decline() {
    let mut scene = charging();
    let Outcome::Declined(said) = outcome(play(&mut scene, &[one(&failed(ONE))])) else { panic!() };
    assert_eq!((&*said.code, &*said.message), ("failed", "limit exceeded"));
    assert_eq!(scene.verbs(), [Verb::Approve]);
}

/// R6: a code is not believed before a look-up; what that finds standing is cancelled.
#[test]
fn r6_a_refusal_is_looked_up() {
    for nothing in [absent(), all(&[]), all(&[failed(ONE)]), all(&[cancelled(ONE)])] {
        let mut scene = charging();
        let step = play(&mut scene, &[In::Body(refused()), nothing.clone(), nothing]);
        let Outcome::Declined(said) = outcome(step) else { panic!() };
        assert_eq!((&*said.code, &*said.message), ("1", "no"));
        assert_eq!(messages(&scene)[1], (Verb::Query, Method::Get, ALL));
        assert_eq!(scene.sent[1].body, "");
        assert!(scene.sent[1].headers.iter().all(|(name, _)| name != "content-type"));
    }
    for mut scene in [charging(), adopting()] {
        let step = play(&mut scene, &[In::Body(refused()), all(&[paid(ONE)]), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::FoundApproved);
    }
}

/// R6, R13b: a look-up may lag behind what was booked: until it said so after the quiet period, a refused charge is
/// open. R25: a new process waits as long again.
#[test]
fn r13_a_refusal_is_no_decline_before_a_look_up_cannot_lag() {
    for nothing in [absent(), all(&[]), all(&[failed(TWO)]), all(&[cancelled(TWO)])] {
        let mut scene = charging();
        let wait = waiting(play(&mut scene, &[In::Body(refused()), nothing.clone()]));
        assert_eq!((wait.reason(), wait.record().stage), (WaitReason::Quiet, Stage::Settling), "{nothing:?}");
        assert_eq!(wait.provisional(), None);
        let step = scene.play(Step::Wait(wait), &[all(&[paid(ONE), failed(TWO)]), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::FoundApproved, "{nothing:?}");
        assert!(scene.sent[2].at.0 - scene.sent[0].at.0 >= 90_000);
    }
    let mut scene = charging();
    drop(waiting(play(&mut scene, &[In::Body(refused()), absent()])));
    scene.later(89_000);
    let wait = waiting(scene.resume());
    assert_eq!(wait.reason(), WaitReason::Quiet);
    let resumed = scene.now.mono;
    assert!(matches!(outcome(scene.play(Step::Wait(wait), &[absent()])), Outcome::Declined(_)));
    assert!(scene.sent[2].at.0 - resumed.0 >= 90_000);
}

/// R6: where *absent* may not be believed, a person must look in the end.
#[test]
fn r6_a_refusal_that_nothing_settles_is_for_a_person() {
    let mut scene = of(charge(), Settings::test());
    let mut inputs: Vec<In> = (0..20).map(|_| absent()).collect();
    inputs.insert(0, In::Body(refused()));
    assert!(matches!(outcome(play(&mut scene, &inputs)), Outcome::NeedsOperator { .. }));
}

/// R8: another amount is cancelled, with what it was as amount and checksum.
#[test]
fn r8_another_amount_is_cancelled() {
    let other = paid(ONE).replace("10000", "10010");
    let gone = cancelled(ONE).replace("10000", "10010");
    for mut scene in [charging(), in_window()] {
        let step = play(&mut scene, &[one(&other), one(&gone)]);
        assert_eq!(reversed(step), Why::AmountDiffers);
        assert_eq!(scene.record().approval.unwrap().amount, AmountStated::Differs(Won(10_010)));
        let body = format!(
            r#"{{"imp_uid":"{ONE}","amount":10010,"checksum":10010,"reason":"not taken by the shop"}}"#
        );
        assert_eq!(bodies(&scene, Verb::Cancel), [body]);
        assert_eq!(scene.sent[1].path, "/payments/cancel");
    }
    // Of what went back in part only the rest stands, and a test pays nothing.
    let partly = payment(ONE, "paid", 4_000, "");
    let test = paid(ONE).replace(r#""sandbox":false"#, r#""sandbox":true"#);
    for (stated, amount) in [(partly, AmountStated::Differs(Won(6_000))), (test, AmountStated::Missing)] {
        let mut scene = charging();
        let step = play(&mut scene, &[one(&stated), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::AmountDiffers);
        assert_eq!(scene.record().approval.unwrap().amount, amount);
    }
}

/// R8: real money where a test was to be is found money: it is cancelled, and never put to the accept step.
#[test]
fn r8_real_money_at_a_test_channel_is_cancelled() {
    let adopt = Settings { on_found_paid: OnFoundPaid::Adopt, ..Settings::test() };
    for mut scene in [of(charge(), adopt.clone()), of(window(), Settings::test())] {
        let step = play(&mut scene, &[one(&paid(ONE)), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::AmountDiffers);
        assert_eq!(scene.record().approval.unwrap().amount, AmountStated::Missing);
    }
    let found = [(of(charge(), adopt), all(&[paid(ONE)])), (of(window(), Settings::test()), one(&paid(ONE)))];
    for (mut scene, found) in found {
        let step = play(&mut scene, &[In::Timeout, found, one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::FoundApproved);
    }
}

/// R7, R12: whatever is no proof of an approval is looked up, and what stands is cancelled by its own number.
#[test]
fn r12_what_a_look_up_finds_paid_is_cancelled() {
    let elsewhere = paid(ONE).replace(NUMBER, "ORD-2");
    let with_approval = failed(ONE).replace("}", r#","apply_num":"00017177"}"#);
    let unclear = [
        In::Timeout,
        In::Status(502),
        In::Other(401, refused()),
        absent(),
        one(&ready(ONE)),
        one(&cancelled(ONE)),
        one(&payment(ONE, "cancelled", 0, "")),
        one(&elsewhere),
        one(&with_approval),
        one(&paid(ONE).replace("paid\"", "odd\"")),
        one(&paid(ONE).replace("KRW", "USD")),
        one(&paid(ONE).replace("}", r#","customer_uid":"customer-2"}"#)),
        one(&paid(ONE).replace("}", r#","customer_uid_usage":"issue"}"#)),
        one("null"),
        In::Body(success(&paid(ONE)).replace(r#""code":0"#, r#""code":"0""#)),
        In::Body(success(&paid(ONE)).replace(r#""code":0"#, r#""code":1"#)),
        In::Body(success(&paid(ONE)).replace(r#""code":0,"#, "")),
    ];
    for unclear in unclear {
        let mut scene = charging();
        let step = play(&mut scene, &[unclear.clone(), all(&[paid(ONE)])]);
        let record = scene.record();
        assert_eq!((record.stage, record.why), (Stage::Voiding, Some(Why::FoundApproved)), "{unclear:?}");
        assert_eq!(reversed(scene.play(step, &[one(&cancelled(ONE))])), Why::FoundApproved);
        let rescue = [(Verb::Query, Method::Get, ALL), (Verb::Cancel, Method::Post, "/payments/cancel")];
        assert_eq!(messages(&scene)[1..], rescue);
        assert!(
            scene.sent[2]
                .body
                .starts_with(&format!(r#"{{"imp_uid":"{ONE}","amount":10000,"checksum":10000"#))
        );
    }
}

/// R12, R13b: absent counts after 90 s, and so does a payment that is not known to be this charge's.
#[test]
fn r13_nothing_counts_before_the_quiet_period() {
    for nothing in [absent(), all(&[]), all(&[failed(ONE)]), all(&[cancelled(ONE), failed(TWO)])] {
        let mut scene = charging();
        let wait = waiting(play(&mut scene, &[In::Timeout, nothing.clone()]));
        assert_eq!(wait.reason(), WaitReason::Quiet, "{nothing:?}");
        let step = scene.play(Step::Wait(wait), &[nothing]);
        assert!(matches!(reversed(step), Why::Unclear(_)));
        assert!(scene.sent[2].at.0 - scene.sent[1].at.0 >= 89_000);
        assert!(scene.sent[1].at.0 - scene.sent[0].at.0 >= 60_000);
    }
    // A 404 of somebody else's, a page that is not whole, and a payment of which nothing went back, are none.
    let odd = all(&[payment(ONE, "cancelled", 0, "")]);
    let part = In::Body(success(r#"{"total":2,"previous":0,"next":2,"list":[]}"#));
    for none in [In::Status(404), In::Other(404, success("null")), part, odd, In::Body(refused())] {
        let mut scene = charging();
        let wait = waiting(play(&mut scene, &[In::Timeout, absent(), none]));
        assert_eq!(wait.reason(), WaitReason::Backoff);
    }
}

/// R13b: a charge that is booked late is found.
#[test]
fn r13_a_late_charge_is_found_after_the_quiet_period() {
    let mut scene = charging();
    let step = play(&mut scene, &[In::Timeout, absent(), all(&[paid(ONE)]), one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::FoundApproved);
}

/// R12: a client that cannot see a test channel's payments does not believe that there are none.
#[test]
fn r12_who_cannot_see_does_not_close_on_absent() {
    for (sees_sandbox, reason) in [(false, WaitReason::Backoff), (true, WaitReason::Quiet)] {
        let mut scene = of(charge(), Settings { sees_sandbox, ..Settings::test() });
        let wait = waiting(play(&mut scene, &[In::Timeout, absent()]));
        assert_eq!(wait.reason(), reason);
        assert_eq!(scene.sent[1].path, format!("{ALL}?include_sandbox=true"));
    }
    let mut scene = of(charge(), Settings::test());
    let mut inputs: Vec<In> = (0..20).map(|_| absent()).collect();
    inputs.insert(0, In::Timeout);
    let Outcome::NeedsOperator { why, charged, .. } = outcome(play(&mut scene, &inputs)) else { panic!() };
    assert!(matches!(why, OperatorReason::ProvesNothing(_)) && charged == Charged::Unknown);
}

/// R12: `ready` is asked again.
#[test]
fn r12_what_may_yet_be_paid_is_asked_again() {
    let mut scene = charging();
    let wait = waiting(play(&mut scene, &[In::Timeout, all(&[ready(ONE)])]));
    assert_eq!(wait.reason(), WaitReason::Backoff);
    let step = scene.play(Step::Wait(wait), &[all(&[ready(ONE), paid(TWO)]), one(&cancelled(TWO))]);
    // The other one may be paid yet.
    let step = scene.play(step, &[all(&[ready(ONE), cancelled(TWO)]), all(&[failed(ONE), cancelled(TWO)])]);
    assert_eq!(reversed(step), Why::FoundApproved);
    assert!(scene.sent.iter().filter(|sent| sent.verb == Verb::Query).all(|sent| sent.path == ALL));
}

/// R12: where more than one is paid, each is cancelled, and all are looked up after each.
#[test]
fn r12_every_payment_of_the_number_is_cancelled() {
    let mut scene = charging();
    let step = play(&mut scene, &[In::Timeout, all(&[paid(ONE), paid(TWO)]), one(&cancelled(ONE))]);
    let half = all(&[cancelled(ONE), paid(TWO)]);
    let step = scene.play(step, &[half, one(&paid(TWO)), one(&cancelled(TWO))]);
    assert_eq!(reversed(step), Why::FoundApproved);
    let uids: Vec<_> = bodies(&scene, Verb::Cancel).iter().map(|body| body[12..28].to_owned()).collect();
    assert_eq!(uids, [ONE, TWO]);
}

/// R6: a payment of our number that another billing key or the window made is neither ours to cancel nor a proof.
#[test]
fn r6_somebody_elses_payment_is_left_alone() {
    for more in [r#","customer_uid":"customer-2""#, r#","channel":"pc""#, r#","channel":"mobile""#] {
        let others = payment(TWO, "paid", 0, more);
        let mut first = charging();
        let wait = waiting(play(&mut first, &[In::Timeout, all(core::slice::from_ref(&others))]));
        assert_eq!(wait.reason(), WaitReason::Backoff, "{more}");
        assert_eq!(first.verbs(), [Verb::Approve, Verb::Query]);
        let mut scene = charging();
        let step = play(&mut scene, &[In::Timeout, all(&[others, paid(ONE)]), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::FoundApproved);
        let visited = all(&[payment(TWO, "ready", 0, more)]);
        let step = play(&mut charging(), &[In::Timeout, visited]);
        assert_eq!(waiting(step).reason(), WaitReason::Quiet, "an abandoned window");
    }
}

/// R12: a look-up whose token was refused is made once more at once, and then is as unclear as any other; neither the
/// charge nor the cancel is.
#[test]
fn r12_a_look_up_is_made_once_more_with_another_token() {
    let no_token = In::Other(401, refused());
    let mut scene = charging();
    let step =
        play(&mut scene, &[no_token.clone(), no_token.clone(), all(&[paid(ONE)]), one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::FoundApproved);
    let verbs: Vec<Verb> = scene.sent.iter().map(|sent| sent.verb).collect();
    assert_eq!(verbs, [Verb::Approve, Verb::Query, Verb::Query, Verb::Cancel]);
    assert_eq!(scene.record().rescue.unclear, 0);
    let mut scene = charging();
    let step = play(&mut scene, &[In::Timeout, no_token.clone(), no_token]);
    assert_eq!(waiting(step).reason(), WaitReason::Backoff);
    assert_eq!((scene.sent.len(), scene.record().rescue.unclear), (3, 1));
}

/// R14: both are told, and are one try: what was refused was not carried out. There are never more than two of it.
#[test]
fn r14_a_look_up_that_is_made_once_more_is_told() {
    let no_token = In::Other(401, refused());
    let mut scene = charging();
    drop(play(&mut scene, &[In::Timeout, no_token.clone(), absent()]));
    let record = scene.record();
    let of_query = |entry: &Entry| match &entry.what {
        Happening::Sending(Verb::Query, count) => Some(*count),
        Happening::Unclear(Verb::Query, Unclear::Status(401)) => Some(0),
        _ => None,
    };
    assert_eq!(record.history.iter().filter_map(of_query).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!((record.rescue.sent, record.rescue.unclear), (1, 0));
    let two = Policy { rescue_attempts: 2, ..policy(Settings::live()) };
    let mut scene = Scene::of(iamport(None), Box::new(charge()), two);
    let mut inputs: Vec<In> = (0..4).map(|_| no_token.clone()).collect();
    inputs.insert(0, In::Timeout);
    assert!(matches!(outcome(play(&mut scene, &inputs)), Outcome::NeedsOperator { .. }));
    assert_eq!(scene.verbs()[1..], [Verb::Query; 4]);
}

/// R15: a cancel that was refused or not answered is looked up by the payment's own number.
#[test]
fn r15_a_refused_cancel_is_looked_up() {
    for unclear in [In::Body(refused()), In::Timeout, In::Other(401, refused()), one(&paid(ONE))] {
        let mut first = charging();
        let step = play(&mut first, &[one(&paid(ONE)), In::NotHeld, unclear.clone(), one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::NotHeld, "{unclear:?}");
        let path = format!("/payments/{ONE}");
        assert_eq!(messages(&first)[2], (Verb::Query, Method::Get, path.as_str()));
        // What stands a quiet period later is cancelled again, as it stands then.
        let mut scene = charging();
        let partly = one(&payment(ONE, "cancelled", 4_000, ""));
        let step = play(&mut scene, &[one(&paid(ONE)), In::NotHeld, unclear, partly.clone(), partly]);
        let step = scene.play(step, &[one(&cancelled(ONE))]);
        assert_eq!(reversed(step), Why::NotHeld);
        assert!(bodies(&scene, Verb::Cancel)[1].contains(r#""amount":6000,"checksum":6000"#));
    }
    // What was approved is not absent.
    let mut scene = charging();
    let step = play(&mut scene, &[one(&paid(ONE)), In::NotHeld, In::Timeout, absent()]);
    assert_eq!(waiting(step).reason(), WaitReason::Backoff);
}

/// R12: by policy, what a look-up finds paid with the right amount is put to the accept step.
#[test]
fn r12_a_found_payment_is_adopted_by_policy() {
    let mut scene = adopting();
    let step = play(&mut scene, &[In::Timeout, all(&[paid(ONE)])]);
    assert_eq!(asking(step).approval().unwrap().amount, AmountStated::Matched);
    assert_eq!(scene.record().stage, Stage::Undecided);
    // A new process asks, too.
    let step = scene.resume();
    assert!(matches!(outcome(scene.play(step, &[In::Held])), Outcome::Approved(_)));
    let mut scene = adopting();
    let step =
        play(&mut scene, &[In::Timeout, absent(), all(&[paid(ONE)]), In::NotHeld, one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::NotHeld);
}

/// R8, R9, R12, R18: what is not adopted: another amount, one of several, one of which some went back, one whose
/// success was read late or could not be stored.
#[test]
fn r12_only_the_very_sale_is_adopted() {
    let other = paid(ONE).replace("10000", "10010");
    for found in [all(&[other]), all(&[paid(ONE), paid(TWO)]), all(&[payment(ONE, "paid", 1, "")])] {
        let mut scene = adopting();
        let step = play(&mut scene, &[In::Timeout, found]);
        assert_eq!(scene.record().stage, Stage::Voiding);
        assert!(matches!(step, Step::InFlight(_)));
    }
    let mut scene = adopting();
    let step = play(&mut scene, &[In::Late(success(&paid(ONE))), one(&paid(ONE)), one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::FoundApproved);
    let mut scene = adopting();
    scene.faults.extend([None, Some(Fault::Full)]);
    let step = play(&mut scene, &[one(&paid(ONE)), one(&paid(ONE)), one(&cancelled(ONE))]);
    assert_eq!(reversed(step), Why::FoundApproved);
}

/// An adoption whose row is not taken is written until it is: nobody is told before (R18).
#[test]
fn r18_an_adoption_is_stored_before_the_merchant_is_told() {
    for fault in [Fault::Full, Fault::WriteLost, Fault::AnswerLost] {
        let mut scene = adopting();
        // The charge's row, the look-up's, and the adoption's.
        scene.faults.extend([None, None, Some(fault)]);
        let step = play(&mut scene, &[In::Timeout, all(&[paid(ONE)])]);
        assert_eq!(waiting(step).reason(), WaitReason::Journal);
        let step = scene.resume();
        assert!(matches!(step, Step::Settle(_) | Step::Wait(_) | Step::Persist(_)), "{step:?}");
    }
}

/// Without a token nothing is sent: a charge ends never sent, a rescue tries again and spends no budget (R14).
#[test]
fn without_a_token_nothing_is_sent() {
    let mut scene = charging();
    let Step::Persist(persist) = scene.begin() else { panic!() };
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    let step = transmit.no_token(scene.now);
    assert_eq!(outcome(scene.play(step, &[])), Outcome::NeverSent(NotSent::Token));
    let mut scene = charging();
    let Step::InFlight(sent) = play(&mut scene, &[]) else { panic!() };
    let Step::Persist(persist) = scene.answer(sent, &In::Timeout) else { panic!() };
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    let step = transmit.no_token(scene.now);
    let wait = waiting(scene.play(step, &[]));
    assert_eq!((wait.reason(), wait.record().rescue.sent), (WaitReason::Backoff, 0));
    // Credentials of another product are none.
    let mut scene = charging();
    let Step::Persist(persist) = scene.begin() else { panic!() };
    let Step::Transmit(transmit) = scene.write(persist) else { panic!() };
    let mut buffer = crate::wire::RequestBuffer::new();
    let nonce = crate::wire::sign::Nonce([0; 16]);
    let encoded = transmit.encode(crate::product::Credentials::None, nonce, scene.now, &mut buffer);
    let step = encoded.err().unwrap();
    assert_eq!(outcome(scene.play(step, &[])), Outcome::NeverSent(NotSent::Signing));
}

/// R23: neither the billing key's name nor the token is in a record or shown by one.
#[test]
fn r23_no_record_holds_a_secret() {
    let mut scene = charging();
    drop(play(&mut scene, &[one(&paid(ONE).replace("}", r#","customer_uid":"customer-1"}"#)), In::Held]));
    for row in scene.rows.values() {
        for secret in [CUSTOMER, TOKEN] {
            assert!(!row.record.0.contains(secret) && !format!("{row:?}").contains(secret));
        }
    }
    assert!(scene.sent[0].body.contains(CUSTOMER), "or this test proves nothing");
    assert!(!format!("{:?} {:?}", charge(), scene.merchant).contains(CUSTOMER));
}
