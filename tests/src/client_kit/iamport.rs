//! What only i'mport's clients do: tokens, payments made in the window, calls that move no money, and its refunds.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{
    client::Error,
    flow::{
        Charged, OperatorReason, Outcome, RefundOutcome, approval::AmountStated, said::Unclear, table::Verb,
    },
    iamport::{CustomerUid, ImpUid, OnFoundPaid, Verdict, WindowPayment, payment::Status},
    journal::record::{Happening, Why},
    product::Product,
    time::Millis,
    values::*,
    wire::{NotSent, message::CallError},
};

use super::{
    Adapter, Case, Client, Order, Setup, Shop, Verified, iamport_terminal, iamport_terminal_with, number,
    outcome, refunded, settled,
};
use crate::van::{Van, VanConfig};

pub(super) fn cases() -> Vec<Case> {
    cases![&[Product::Iamport];
        a_token_is_asked_for_once_and_shared,
        r2_a_charge_without_a_token_is_never_sent,
        r12_a_charge_is_not_repeated_with_another_token,
        r12_a_look_up_is_repeated_with_another_token,
        r12_a_rescue_without_a_token_goes_on_when_there_is_one,
        r12_what_is_found_paid_is_adopted_where_that_was_chosen,
        r13_what_a_client_cannot_see_is_not_absent,
        r8_a_window_payment_is_recorded_once_money_moved,
        r8_a_window_payment_of_another_amount_is_cancelled,
        r16_a_refund_ends_as_its_look_up_says,
        calls_that_move_no_money,
    ]
}

pub(super) const PRICE: u64 = 51_004;

pub(super) fn order(text: &str) -> Order {
    Order::new(Product::Iamport, text, PRICE)
}

fn amount(won: u64) -> Amount {
    Amount::new(Won(won), Parts::default()).expect("a sum")
}

/// A client that sells by i'mport alone.
pub(super) fn client(shop: &Shop<'_>, change: impl FnOnce(&mut Setup)) -> Box<dyn Client> {
    shop.client_with(|setup| {
        setup.terminals = vec![iamport_terminal()];
        setup.policy.rescue_attempts = 12;
        change(setup);
    })
}

pub(super) fn assert_correct(shop: &Shop<'_>) {
    assert_eq!(shop.van.ledger().violations, Vec::<String>::new());
}

/// Many threads want a token, and one of them asks.
fn a_token_is_asked_for_once_and_shared(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for at in 0..8 {
            let (client, barrier) = (&client, &barrier);
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(outcome(client.approve(&order(&format!("ORD-{at}")))).name(), "approved");
            });
        }
    });
    assert_eq!(shop.van.counts().tokens, 1);
    assert_correct(&shop);
}

/// R2: with no token to be had not one byte of the charge is sent, and that is recorded.
fn r2_a_charge_without_a_token_is_never_sent(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    for key in ["down", "hang", "html"] {
        let client = client(&shop, |setup| {
            setup.terminals = vec![iamport_terminal_with(key)];
            setup.policy.send_by = Millis(600);
        });
        let text = format!("ORD-{key}");
        let began = Instant::now();
        let end = settled(client.approve(&order(&text)));
        let Some(Outcome::NeverSent(NotSent::Token)) = end.end().outcome() else { panic!("{key}: {end:?}") };
        assert!(end.end().record().is_some() && began.elapsed() < Duration::from_secs(5), "{key}");
        assert_eq!(shop.approvals(&text), 0);
    }
}

/// R12: a 401 to the charge is unknown, and its rescue has another token.
fn r12_a_charge_is_not_repeated_with_another_token(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    assert_eq!(outcome(client.approve(&order("ORD-1"))).name(), "approved");
    shop.van.end_token();
    assert_eq!(outcome(client.approve(&order("ORD-2"))).name(), "reversed");
    assert_eq!((shop.van.counts().unauthorized, shop.van.counts().tokens), (1, 2));
    assert_eq!(outcome(client.approve(&order("ORD-3"))).name(), "approved");
    assert_correct(&shop);
}

/// A look-up that was answered 401 is made once more at once, also within a rescue.
fn r12_a_look_up_is_repeated_with_another_token(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let end = thread::scope(|scope| {
        let approving = scope.spawn(|| settled(client.approve(&order("Xhanga-1"))));
        while !shop.standing("Xhanga-1") {
            thread::sleep(Duration::from_millis(5));
        }
        shop.van.end_token();
        approving.join().expect("it has ended")
    });
    assert_eq!(end.end().outcome().map(Outcome::name), Some("reversed"));
    let history = &end.end().record().expect("it was recorded").history;
    let unclear = |what: &Happening| matches!(what, Happening::Unclear(verb, _) if *verb != Verb::Approve);
    let refused = Happening::Unclear(Verb::Query, Unclear::Status(401));
    let mut unclear = history.iter().filter(|entry| unclear(&entry.what));
    assert!(unclear.next().is_some_and(|entry| entry.what == refused), "{history:?}");
    assert!(unclear.next().is_none(), "{history:?}");
    assert_eq!(shop.van.counts().tokens, 2);
    shop.van.end_token();
    let none = client.payment(&ImpUid::new("imp_000000000099").expect("an id"));
    assert_eq!(none, Ok(None));
    assert_eq!(shop.van.counts().tokens, 3);
    assert_correct(&shop);
}

/// R14: a rescue that gets no token was not sent; it goes on when there is one.
fn r12_a_rescue_without_a_token_goes_on_when_there_is_one(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    thread::scope(|scope| {
        let approving = scope.spawn(|| outcome(client.approve(&order("Xhanga-1"))));
        while !shop.standing("Xhanga-1") {
            thread::sleep(Duration::from_millis(5));
        }
        shop.van.serve_tokens(false);
        shop.van.end_token();
        let failed = client.payment(&ImpUid::new("imp_000000000001").expect("an id"));
        assert_eq!(failed, Err(Error::Call(CallError::NotSent(NotSent::Token))));
        thread::sleep(Duration::from_millis(700));
        assert!(!approving.is_finished());
        shop.van.serve_tokens(true);
        assert_eq!(approving.join().expect("it has ended").name(), "reversed");
    });
    assert!(!shop.standing("Xhanga-1"));
    assert_correct(&shop);
}

fn r12_what_is_found_paid_is_adopted_where_that_was_chosen(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |setup| {
        let iamport = setup.policy.products.iamport.as_mut().expect("the kit's policy has it");
        iamport.on_found_paid = OnFoundPaid::Adopt;
    });
    assert_eq!(outcome(client.approve(&order("Xhanga-1"))).name(), "approved");
    assert!(shop.standing("Xhanga-1"));
    assert_eq!(outcome(client.approve(&order("Xtwop-2"))).name(), "reversed");
    assert!(!shop.standing("Xtwop-2"));
    assert_correct(&shop);
}

/// R13: for a client that cannot see test payments, or does not know that it can, *absent* closes nothing.
fn r13_what_a_client_cannot_see_is_not_absent(adapter: &dyn Adapter) {
    let mut config = VanConfig { hang: Duration::from_secs(2), ..VanConfig::default() };
    config.iamport.lists_show_sandbox = false;
    let shop = Shop { van: Van::start(config).expect("loopback"), ..Shop::new(adapter) };
    let client = client(&shop, |setup| {
        let iamport = setup.policy.products.iamport.as_mut().expect("the kit's policy has it");
        iamport.sees_sandbox = false;
    });
    for text in ["Xhanga-1", "Xhangb-2"] {
        let end = outcome(client.approve(&order(text)));
        let Outcome::NeedsOperator { why: OperatorReason::ProvesNothing(_), charged, .. } = end else {
            panic!("{text}: {end:?}")
        };
        assert_eq!(charged, Charged::Unknown);
    }
}

fn paid(shop: &Shop<'_>, text: &str, won: u64) -> ImpUid {
    ImpUid::new(&shop.van.pay_in_window(text, won)).expect("an id")
}

fn window(text: &str, imp_uid: &ImpUid) -> WindowPayment {
    WindowPayment::new(number(text), imp_uid.clone(), amount(PRICE)).expect("a payment")
}

/// Nothing is recorded of what was not paid; what was paid is put to the accept step, once.
fn r8_a_window_payment_is_recorded_once_money_moved(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let imp_uid = paid(&shop, "ORD-1", PRICE);
    for repeat in [false, true] {
        let Ok(Verified::Recorded(progress)) = client.verify(&window("ORD-1", &imp_uid)) else { panic!() };
        let end = settled(Ok(progress));
        assert_eq!((end.end().outcome().map(Outcome::name), end.end().repeat()), (Some("approved"), repeat));
    }
    let found = client.payment(&imp_uid).expect("an answer").expect("a payment");
    assert_eq!((found.status, found.amount), (Status::Paid, Won(PRICE)));
    // The page named somebody else's payment, one that is not there, one that failed.
    let spent = client.verify(&window("ORD-2", &imp_uid));
    assert!(matches!(spent, Ok(Verified::Nothing(Verdict::AnotherOrder))), "{spent:?}");
    let none = client.verify(&window("ORD-2", &ImpUid::new("imp_000000000099").expect("an id")));
    assert!(matches!(none, Ok(Verified::NoPayment)), "{none:?}");
    let failed = paid(&shop, "Xdec-3", PRICE);
    let failed = client.verify(&window("Xdec-3", &failed));
    assert!(matches!(failed, Ok(Verified::Nothing(Verdict::NotPaid))), "{failed:?}");
    for text in ["ORD-2", "Xdec-3"] {
        assert!(client.outcome(&number(text)).expect("the journal is read").is_none());
    }
    assert_eq!(refunded(client.refund(&number("ORD-1"))), RefundOutcome::Refunded);
    assert!(!shop.standing("ORD-1"));
    let after = settled(client.verify(&window("ORD-1", &imp_uid)).map(|verified| match verified {
        Verified::Recorded(progress) => progress,
        other => panic!("{other:?}"),
    }));
    assert_eq!(after.end().outcome().map(Outcome::name), Some("approved"), "the sale, not its refund");
    assert_correct(&shop);
}

/// R8: the page was changed, or the window charged something else.
fn r8_a_window_payment_of_another_amount_is_cancelled(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    for (text, won) in [("ORD-1", 100), ("Xamt-2", PRICE)] {
        let imp_uid = paid(&shop, text, won);
        let Ok(Verified::Recorded(progress)) = client.verify(&window(text, &imp_uid)) else {
            panic!("{text}")
        };
        let end = settled(Ok(progress));
        let Some(Outcome::Reversed(Why::AmountDiffers)) = end.end().outcome() else { panic!("{end:?}") };
        let approval = end.end().record().and_then(|record| record.approval.as_ref());
        assert!(matches!(approval.expect("it was seen").amount, AmountStated::Differs(_)));
        assert!(!shop.standing(text));
    }
    assert_correct(&shop);
}

/// R16: a cancel without an answer, or with one that is no proof, is looked up; what was plainly refused is.
fn r16_a_refund_ends_as_its_look_up_says(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let ends = [
        ("ok_chang", RefundOutcome::Refunded),
        ("ok_cnone", RefundOutcome::Refunded),
        ("ok_cdup", RefundOutcome::Refunded),
        ("ok_cpart", RefundOutcome::Refunded),
        ("ok_reset", RefundOutcome::Refunded),
        ("ok_5xx", RefundOutcome::Refunded),
        ("ok_u401", RefundOutcome::Refunded),
    ];
    for (at, (code, end)) in ends.iter().enumerate() {
        let text = format!("X{code}-{at}");
        assert_eq!(outcome(client.approve(&order(&text))).name(), "approved");
        assert_eq!(refunded(client.refund(&number(&text))), *end, "{code}");
        assert!(!shop.standing(&text), "{code}");
        assert!(settled(client.refund(&number(&text))).end().repeat());
    }
    for text in ["Xok_cref-8", "Xok_cdupb-9"] {
        assert_eq!(outcome(client.approve(&order(text))).name(), "approved");
        let refused = refunded(client.refund(&number(text)));
        assert!(matches!(refused, RefundOutcome::Refused(_)), "{text}: {refused:?}");
        assert!(shop.standing(text));
    }
    assert_correct(&shop);
}

fn calls_that_move_no_money(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let order = number("ORD-1");
    assert_eq!(client.prepare_again(&order, &amount(100)), Ok(None));
    assert_eq!(client.prepare(&order, &amount(PRICE)).map(|prepared| prepared.amount), Ok(Won(PRICE)));
    let again = client.prepare(&order, &amount(PRICE));
    assert!(matches!(again, Err(Error::Call(CallError::Refused(_)))), "{again:?}");
    let changed = client.prepare_again(&order, &amount(100));
    assert_eq!(changed.map(|prepared| prepared.map(|prepared| prepared.amount)), Ok(Some(Won(100))));
    let customer = CustomerUid::new("customer+1?&#").expect("a customer's name");
    let deleted = client.delete_billing_key(&customer).expect("an answer").expect("a key");
    assert_eq!(deleted.customer_uid, customer);
    assert_eq!(client.delete_billing_key(&customer), Ok(None));
    assert_eq!(shop.van.counts().tokens, 1);
    assert_correct(&shop);
}
