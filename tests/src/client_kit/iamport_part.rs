//! Giving back a part of a payment through i'mport (R16).

use std::{sync::Barrier, thread};

use kicc_proto::{
    client::Error,
    flow::{Charged, PartialRefund, RefundError, RefundOutcome},
    product::Product,
    values::*,
};

use super::{
    Adapter, Case, Client, Progress, Shop,
    iamport::{PRICE, assert_correct, client, order},
    number, outcome, refunded, settled,
};
use crate::memory::Fault;

pub(super) fn cases() -> Vec<Case> {
    cases![&[Product::Iamport];
        r16_parts_are_given_back_one_after_the_other,
        r16_of_parts_at_once_one_is_open,
        r16_a_part_ends_as_its_look_up_says,
        r16_what_this_call_could_not_record_is_not_attempted_only_if_nobody_else_refunded,
    ]
}

fn part(id: &str, won: u64) -> PartialRefund {
    let amount = Amount::new(Won(won), Parts::default()).expect("a sum");
    PartialRefund { id: RefundId::new(id).expect("an id"), amount }
}

fn sell(client: &dyn Client, text: &str) {
    assert_eq!(outcome(client.approve(&order(text))).name(), "approved", "{text}");
}

/// What i'mport has given back of an order, in won.
fn given_back(shop: &Shop<'_>, text: &str) -> u64 {
    let ledger = shop.van.ledger();
    let charges = &ledger.entry(text).expect("it was charged").charges;
    charges.iter().map(|charge| if charge.voided.is_some() { charge.amount } else { charge.refunded }).sum()
}

/// The rest is the whole; the same id once more is the same refund.
fn r16_parts_are_given_back_one_after_the_other(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let ord = number("ORD-1");
    let none = client.refund_part(&ord, &part("A", 1));
    assert!(matches!(none, Err(Error::Unknown { .. })), "{none:?}");
    sell(&*client, "ORD-1");
    for (id, won, back) in [("A", 3_000, 3_000), ("B", 2_000, 5_000), ("A", 3_000, 5_000)] {
        let end = settled(client.refund_part(&ord, &part(id, won)));
        assert_eq!(end.end().refund_outcome(), Some(&RefundOutcome::Refunded));
        assert_eq!(given_back(&shop, "ORD-1"), back);
    }
    assert!(settled(client.refund_part(&ord, &part("B", 2_000))).end().repeat());
    let other = client.refund_part(&ord, &part("B", 2_001)).map(|_| ());
    assert_eq!(other, Err(Error::Refund(RefundError::OtherData)));
    let left = Won(PRICE - 5_000);
    let more = client.refund_part(&ord, &part("C", PRICE)).map(|_| ());
    assert_eq!(more, Err(Error::Refund(RefundError::MoreThanLeft { asked: Won(PRICE), left })));
    assert!(shop.standing("ORD-1"));
    for repeat in [false, true] {
        let end = settled(client.refund(&ord));
        assert_eq!(
            (end.end().refund_outcome(), end.end().repeat()),
            (Some(&RefundOutcome::Refunded), repeat)
        );
        assert_eq!(end.end().record().map(|record| record.amount.total()), Some(left));
    }
    assert!(!shop.standing("ORD-1"));
    let nothing = client.refund_part(&ord, &part("D", 1)).map(|_| ());
    assert_eq!(nothing, Err(Error::Refund(RefundError::NothingLeft)));
    assert_eq!(refunded(client.refund_part(&ord, &part("A", 3_000))), RefundOutcome::Refunded);
    assert_correct(&shop);
}

/// Of several at once each takes effect once or not at all, also under one id.
fn r16_of_parts_at_once_one_is_open(adapter: &dyn Adapter) {
    const CALLS: usize = 8;
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    for (text, same) in [("ORD-1", false), ("ORD-2", true)] {
        sell(&*client, text);
        let barrier = Barrier::new(CALLS);
        let done: usize = thread::scope(|scope| {
            let calls: Vec<_> = (0..CALLS)
                .map(|at| {
                    let (client, barrier) = (&client, &barrier);
                    let id = format!("R-{}", if same { 0 } else { at });
                    scope.spawn(move || {
                        barrier.wait();
                        match client.refund_part(&number(text), &part(&id, 3_000)) {
                            Err(Error::Refund(RefundError::AnotherOpen(_))) => 0,
                            // It did not know of one that was faster: another balance is left.
                            ended => usize::from(matches!(refunded(ended), RefundOutcome::Refunded)),
                        }
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().expect("it has ended")).sum()
        });
        assert!(if same { done == CALLS } else { done > 0 }, "{text}: {done}");
        let times = if same { 1 } else { done as u64 };
        assert_eq!(given_back(&shop, text), 3_000 * times, "{text}");
    }
    assert_correct(&shop);
}

/// R3: a shop that asks again, after a crash or at another replica, is not told that the customer stays charged because the
/// journal does not take a row just then.
fn r16_what_this_call_could_not_record_is_not_attempted_only_if_nobody_else_refunded(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    let ord = number("ORD-1");
    sell(&*client, "ORD-1");
    shop.journal.fail_next(Fault::NotStored, 1);
    let end = refunded(client.refund(&ord));
    assert!(matches!(end, RefundOutcome::NotAttempted(_)), "{end:?}");
    assert_eq!(given_back(&shop, "ORD-1"), 0);
    // Where the journal cannot be read either, nothing is told of it.
    shop.journal.fail_next(Fault::NoRefunds, 1);
    shop.journal.fail_next(Fault::NotStored, 1);
    shop.journal.fail_next(Fault::NotRead, 1);
    let unread = client.refund(&ord).map(|_| ());
    assert!(matches!(unread, Err(Error::Read(_))), "{unread:?}");

    assert_eq!(refunded(client.refund_part(&ord, &part("A", 3_000))), RefundOutcome::Refunded);
    assert_eq!(refunded(client.refund(&ord)), RefundOutcome::Refunded);
    // As if these had been recorded between this call's look and its write.
    let overtaken = || {
        shop.journal.fail_next(Fault::NoRefunds, 1);
        shop.journal.fail_next(Fault::NotStored, 1);
    };
    overtaken();
    let end = settled(client.refund(&ord));
    assert_eq!((end.end().refund_outcome(), end.end().repeat()), (Some(&RefundOutcome::Refunded), true));
    overtaken();
    let end = settled(client.refund_part(&ord, &part("A", 3_000)));
    assert_eq!((end.end().refund_outcome(), end.end().repeat()), (Some(&RefundOutcome::Refunded), true));
    overtaken();
    let nothing = client.refund_part(&ord, &part("B", 1)).map(|_| ());
    assert_eq!(nothing, Err(Error::Refund(RefundError::NothingLeft)));
    assert_correct(&shop);
}

/// A cancel without an answer, or with one that is no proof, is looked up, and sent again only as it was.
fn r16_a_part_ends_as_its_look_up_says(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = client(&shop, |_| {});
    for (at, code) in ["chang", "cnone", "cdup", "reset", "5xx", "u401"].iter().enumerate() {
        let text = format!("Xok_{code}-{at}");
        sell(&*client, &text);
        assert_eq!(
            refunded(client.refund_part(&number(&text), &part("A", 3_000))),
            RefundOutcome::Refunded,
            "{code}"
        );
        assert_eq!(given_back(&shop, &text), 3_000, "{code}");
        assert!(settled(client.refund_part(&number(&text), &part("A", 3_000))).end().repeat());
    }
    for text in ["Xok_cref-8", "Xok_cdupb-9"] {
        sell(&*client, text);
        let end = refunded(client.refund_part(&number(text), &part("A", 3_000)));
        assert!(matches!(end, RefundOutcome::Refused(_)), "{text}: {end:?}");
        assert_eq!(given_back(&shop, text), 0);
        while refunded_under_another_id(&*client, text) != RefundOutcome::Refunded {}
        assert_eq!(given_back(&shop, text), 3_000);
    }
    // It gave back something else: nobody but a person can say what that means.
    sell(&*client, "Xok_cpart-10");
    let end = refunded(client.refund_part(&number("Xok_cpart-10"), &part("A", 3_000)));
    assert!(matches!(end, RefundOutcome::NeedsOperator { charged: Charged::Unknown, .. }), "{end:?}");
    let next = client.refund(&number("Xok_cpart-10")).map(|_: Progress| ());
    assert!(matches!(next, Err(Error::Refund(RefundError::AnotherOpen(_)))), "{next:?}");
    assert_correct(&shop);
}

fn refunded_under_another_id(client: &dyn Client, text: &str) -> RefundOutcome {
    let tries = (0..).map(|at| client.refund_part(&number(text), &part(&format!("AGAIN-{at}"), 3_000)));
    let fresh = tries.map(settled).find(|end| !end.end().repeat()).expect("a new id");
    fresh.end().refund_outcome().expect("a refund's end").clone()
}
