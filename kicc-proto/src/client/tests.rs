use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{progress::*, terminals::*, *};
use crate::{
    easytalk,
    flow::{
        Charged, Driver, Opening, Outcome, Policy, RefundError, RefundOutcome, Verdict,
        outcome::Ending,
        said::Said,
        table::{Stage, Verb},
    },
    journal::{
        Admission, Expect, Key, ReadError, Row, Written,
        record::{Pending, Record, RecordError},
    },
    product::{Credentials, Merchant, Order as _, Product},
    simple,
    time::{Mono, Now, UnixMillis},
    values::{
        Amount, BusinessNumber, ChannelId, Environment, KstDateTime, Parts, Secret, ServiceId, TerminalId,
        TokenKey, TransactionNumber, VanTerminalId, Won,
    },
    wire::{NotSent, message::CallError, sign::HmacSha256},
};

fn now() -> Now {
    Now { mono: Mono(0), wall: KstDateTime::new("20261121120000").unwrap().to_unix() }
}

fn simple(environment: &str, terminal: &str) -> Merchant {
    Merchant::Simple(simple::Merchant {
        environment: Environment::new(environment).unwrap(),
        terminal_id: TerminalId::new(terminal).unwrap(),
        service_id: ServiceId::new("SVC").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    })
}

fn easytalk(terminal: &str) -> Merchant {
    Merchant::EasyTalk(easytalk::Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new(terminal).unwrap(),
    })
}

fn signing() -> Keys {
    let signer = Arc::new(HmacSha256::new(&Secret::from_utf8("key")));
    Keys::Signing(Signing { channel_id: ChannelId::new("CH_A1B2C3D4").unwrap(), signer })
}

fn number() -> TransactionNumber {
    TransactionNumber::new("ORD-1").unwrap()
}

fn row() -> Row {
    let driver = Driver { policy: Arc::default(), holder: "one".into(), accept_step: true };
    let merchant = simple("test", "T1");
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [1; 16] };
    let amount = Amount::new(Won(10_000), Parts::default()).unwrap();
    let order = simple::Order::new(number(), amount, TokenKey::new("TOKEN").unwrap());
    order.open(&opening, now()).unwrap().row()
}

fn with(row: &Row, change: impl FnOnce(&mut Record)) -> Row {
    let mut record = Record::of_row(row).unwrap();
    change(&mut record);
    Row { record: record.encode(), ..row.clone() }
}

fn ended(row: &Row, repeat: bool) -> End {
    match Found::of_row(row, repeat, UnixMillis(0)) {
        Ok(Found::Ended(end)) => end,
        other => panic!("{other:?}"),
    }
}

/// R22: an end names what is to be noted as told, and whose it is.
#[test]
fn r22_an_end_is_of_one_kind_and_says_what_to_tell() {
    let row = Row { revision: 7, ..row() };
    let closed = |ending: Ending| {
        with(&row, |record| {
            record.stage = Stage::Closed;
            record.ending = Some(ending);
        })
    };
    let end = ended(&closed(Ending::Approved), true);
    assert!(matches!(end.outcome(), Some(Outcome::Approved(_))) && end.refund_outcome().is_none());
    assert!(matches!(end.verdict(), Verdict::Approval(Outcome::Approved(_))));
    assert_eq!(end.to_tell(), Some((&row.key, 7)));
    assert_eq!(end.record().map(|record| &record.key), Some(&row.key));
    assert!(end.repeat() && !end.repeated(false).repeat());
    let end = ended(&closed(Ending::Refunded), false);
    assert_eq!((end.outcome(), end.refund_outcome()), (None, Some(&RefundOutcome::Refunded)));
    let shown = format!("{end:?}");
    assert!(
        shown.contains("Refunded") && shown.contains("repeat: false") && !shown.contains("TOKEN"),
        "{shown}"
    );
    assert!(!end.repeat() && end.repeated(true).repeat());
}

/// R21, R20: a row without an end is open, and says why and until when, unless that is over; one that cannot be read is an
/// error.
#[test]
fn r20_an_open_row_says_why_and_until_when() {
    let row = Row { lease_until: UnixMillis(99), ..row() };
    for (pending, reason) in [
        (Pending::Message(Verb::NetCancel), OpenReason::InHand),
        (Pending::Nothing, OpenReason::InHand),
        (Pending::Backoff(Verb::NetCancel), OpenReason::Backoff),
        (Pending::Quiet(Verb::NetCancel), OpenReason::Quiet),
    ] {
        let pending_row = with(&row, |record| record.pending = pending);
        for (now, until) in [(98, Some(UnixMillis(99))), (99, None)] {
            let Ok(Found::Open(open)) = Found::of_row(&pending_row, false, UnixMillis(now)) else {
                panic!("{pending:?}")
            };
            assert_eq!((open.key, open.reason, open.until), (row.key.clone(), reason, until));
            assert_eq!((open.record.pending, open.provisional), (pending, None));
        }
    }
    let other =
        Row { key: Key { number: TransactionNumber::new("ORD-2").unwrap(), ..row.key.clone() }, ..row };
    assert_eq!(Found::of_row(&other, false, UnixMillis(0)).map(|_| ()), Err(RecordError::OtherRow));
}

/// R3: what a drive's end means to its caller.
#[test]
fn r3_what_is_known_elsewhere_is_looked_up_there() {
    let driver = Driver { policy: Arc::default(), holder: "one".into(), accept_step: true };
    let merchant = simple("test", "T1");
    let amount = Amount::new(Won(10_000), Parts::default()).unwrap();
    let conclude = |token_key: &str, written: Written| {
        let opening = Opening { merchant: &merchant, driver: &driver, attempt: [2; 16] };
        let order = simple::Order::new(number(), amount, TokenKey::new(token_key).unwrap());
        let persist = order.open(&opening, now()).unwrap();
        assert_eq!(persist.expect(), Expect::Absent);
        match persist.written(Ok(written), now()) {
            crate::flow::Step::Done(done) => Concluded::of(done),
            other => panic!("{other:?}"),
        }
    };
    let known = || Written::Conflict(row().into());
    assert!(
        matches!(conclude("TOKEN", known()), Concluded::Elsewhere { key, repeat: true } if key == row().key)
    );
    assert!(matches!(conclude("TOKEN-2", known()), Concluded::Refused(Error::OtherData)));
    assert!(matches!(conclude("TOKEN", Written::UsedBefore), Concluded::Refused(Error::UsedBefore)));
    let spent = conclude("TOKEN", Written::AuthorisationInUse(row().key.into()));
    assert!(matches!(spent, Concluded::Refused(Error::AuthorisationInUse { number }) if &*number == "ORD-1"));
}

/// Only what was sent and is out of sight may have charged the customer.
#[test]
fn an_error_says_whether_it_may_have_charged() {
    let unread = Error::Read(ReadError("disk".into()));
    assert_eq!(unread.charged(), Charged::No);
    let gone = Error::out_of_sight(&row().key, &unread);
    assert_eq!(gone.charged(), Charged::Unknown);
    let text = gone.to_string();
    assert!(text.contains("ORD-1") && text.contains("disk"), "{text}");
    assert_eq!(Error::unknown(&number()).to_string(), "nothing is known of ORD-1");
    let prefix = Error::not_admitted(Admission::Prefix("B-".into()));
    assert_eq!(prefix, Error::NumberNeedsPrefix { prefix: "B-".into() });
    assert_eq!(Error::not_admitted(Admission::None), Error::JournalRestored);
}

/// R20: a record is driven with the terminal that it names, and no other.
#[test]
fn r20_a_terminal_is_found_by_all_that_names_it() {
    let terminal = |merchant: Merchant, keys| Terminal { merchant, keys };
    let mut policy = Policy::default();
    policy.products.easytalk = Some(easytalk::Settings::without_status_query());
    let terminals = Terminals::new(
        Vec::from([
            terminal(easytalk("T1"), Keys::None),
            terminal(simple("test", "T1"), signing()),
            terminal(simple("test", "T2"), signing()),
            terminal(simple("live", "T2"), signing()),
        ]),
        &policy,
        false,
    )
    .unwrap();
    let text = |found: Option<&Terminal>| {
        found.map(|found| {
            let merchant = &found.merchant;
            let (environment, terminal) = (merchant.environment().as_str(), merchant.terminal().as_str());
            format!("{environment}/{}/{terminal}", merchant.product().as_str())
        })
    };
    let some = |text: &str| Some(String::from(text));
    assert_eq!(terminals.iter().count(), 4);
    assert_eq!(text(terminals.of_product(Product::Simple)), some("test/simple/T1"));
    assert_eq!(text(terminals.of_product(Product::EasyTalk)), some("test/easytalk/T1"));
    assert_eq!(text(terminals.named(Product::Simple, "T2")), some("test/simple/T2"));
    assert_eq!(text(terminals.named(Product::Simple, "T1")), some("test/simple/T1"));
    assert_eq!(text(terminals.named(Product::EasyTalk, "T2")), None);
    for merchant in [easytalk("T1"), simple("test", "T1"), simple("test", "T2"), simple("live", "T2")] {
        let key = merchant.key(number());
        let expected =
            format!("{}/{}/{}", key.environment.as_str(), key.product.as_str(), key.terminal.as_str());
        assert_eq!(text(terminals.of_key(&key)), Some(expected));
    }
    for merchant in [easytalk("T2"), simple("live", "T1"), simple("test", "T3")] {
        assert_eq!(text(terminals.of_key(&merchant.key(number()))), None);
    }
    let credentials = |product| terminals.of_product(product).map(|terminal| terminal.credentials(None));
    assert!(matches!(credentials(Product::Simple), Some(Credentials::Signature { .. })));
    assert!(matches!(credentials(Product::EasyTalk), Some(Credentials::None)));
}

#[test]
fn a_client_that_could_not_sell_is_not_made() {
    let build = |merchants: &[(Merchant, bool)], settings: bool, policy: Policy| {
        let mut policy = policy;
        policy.products.easytalk = settings.then(easytalk::Settings::without_status_query);
        let terminals = merchants.iter().map(|(merchant, signs)| Terminal {
            merchant: merchant.clone(),
            keys: if *signs { signing() } else { Keys::None },
        });
        Terminals::new(terminals.collect(), &policy, false).map(|_| ()).err()
    };
    let (one, two) = (simple("test", "T1"), easytalk("T1"));
    assert_eq!(build(&[(one.clone(), true), (two.clone(), false)], true, Policy::default()), None);
    assert_eq!(build(&[], true, Policy::default()), Some(BuildError::NoTerminal));
    let unsigned = build(&[(one.clone(), false)], true, Policy::default());
    assert_eq!(unsigned, Some(BuildError::NoSigning("T1".into())));
    assert_eq!(build(&[(two, false)], false, Policy::default()), Some(BuildError::NoEasyTalkSettings));
    let twice = build(&[(one.clone(), true), (one.clone(), true)], true, Policy::default());
    assert_eq!(twice, Some(BuildError::TerminalTwice("T1".into())));
    let unsafe_policy = Policy { rescue_attempts: 0, ..Policy::default() };
    assert!(matches!(build(&[(one, true)], true, unsafe_policy), Some(BuildError::Policy(_))));
}

/// What the gateway said of a decline goes to the caller.
#[test]
fn a_decline_is_told_with_its_code() {
    let said = Said { code: "8521".into(), message: "over the limit".into() };
    let closed = with(&row(), |record| {
        record.stage = Stage::Closed;
        record.ending = Some(Ending::Declined(said.clone()));
    });
    assert_eq!(ended(&closed, false).outcome(), Some(&Outcome::Declined(said)));
}

/// Of a number that is known nobody is told that it is not paid: the customer may have paid under it.
#[test]
fn no_error_tells_a_customer_that_it_is_not_paid() {
    let unsettled = [
        Error::OtherData,
        Error::UsedBefore,
        Error::AuthorisationInUse { number: "ORD-2".into() },
        Error::Ambiguous { number: "ORD-1".into() },
        Error::OutOfSight { number: "ORD-1".into(), why: "locked".into() },
        Error::Call(CallError::NotSent(NotSent::Connect)),
    ];
    for error in unsettled {
        let text = error.text();
        assert!(text.ko.contains("다시 결제하지 마시고") && text.en.contains("not pay again"), "{text:?}");
    }
    for error in [Error::Stopping, Error::NoTerminal, Error::JournalRestored, Error::unknown(&number())] {
        assert_eq!(error.charged(), Charged::No);
        assert!(error.text().ko.contains("다시 결제하기 전에 직원에게"), "{error}");
    }
    assert!(!Error::Refund(RefundError::NothingLeft).text().ko.contains("결제"));
}
