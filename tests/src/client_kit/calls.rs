//! The calls that a shop embeds.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kicc_proto::{
    client::{Answer, BuildError, Error, Keys, OpenReason, Question, Terminal, Told},
    easytalk,
    flow::{Charged, Outcome, RefundOutcome, policy::ReportReversal},
    journal::{Journal, Listing},
    product::{self, Product},
    simple::Original,
    time::Millis,
    values::*,
};

use super::{
    AcceptStep, Adapter, Begun, Case, Order, Setup, Shop, easytalk_terminal, iamport_terminal, number,
    outcome, refunded, settled, simple_terminal, still_open,
};
use crate::{
    memory::{Fault, MemoryJournal},
    van::{Kind, Van, VanConfig},
};

pub(super) fn cases() -> Vec<Case> {
    let of_simple = cases![&[Product::Simple];
        r3_a_known_number_gives_what_is_known,
        r3_threads_with_one_number_send_it_once,
        r19_begin_hands_the_decision_to_the_caller,
        r19_what_was_begun_waits_for_an_accept_step,
        r19_a_panic_is_cannot_tell,
        r24_after_a_restore_the_books_are_asked_and_not_written,
        r13d_patience_ends_before_the_quiet_period,
        r13d_the_first_success_may_be_told,
        r16_a_refund_is_done_once,
        r16_an_approval_made_elsewhere_is_refunded_by_its_data,
        r2_what_cannot_be_recorded_is_never_sent,
        r2_while_the_journal_does_not_say_whether_it_was_recorded_it_is_open,
        r3_what_this_call_could_not_record_is_never_sent_only_if_nobody_recorded_it,
        r22_an_untold_end_is_told_again,
        terminals_have_numbers_of_their_own,
        r17_a_stopping_client_leaves_its_rescues_to_recovery,
        r14_no_more_rescues_are_in_flight_than_this_process_has_a_share_of,
    ];
    let of_easytalk = cases![&[Product::EasyTalk]; r11_without_a_status_query_unknown_is_for_a_person];
    let of_all = cases![&Product::ALL; r11_a_terminal_that_could_not_sell_is_refused];
    [of_simple, of_easytalk, of_all].concat()
}

fn order(text: &str) -> Order {
    Order::new(Product::Simple, text, 10_000)
}

/// R3: a known number sends nothing and gives what is known; other data under it is refused.
fn r3_a_known_number_gives_what_is_known(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    let first = settled(client.approve(&order("ORD-1")));
    let again = settled(client.approve(&order("ORD-1")));
    assert_eq!((first.end().repeat(), again.end().repeat()), (false, true));
    assert_eq!(first.end().verdict(), again.end().verdict());
    assert_eq!(shop.approvals("ORD-1"), 1);
    let other = Order::new(Product::Simple, "ORD-1", 10_001);
    assert_eq!(client.approve(&other).unwrap_err(), Error::OtherData);
    assert_eq!(outcome(client.outcome(&number("ORD-1")).map(|known| known.unwrap())).name(), "approved");
    assert!(client.outcome(&number("ORD-2")).unwrap().is_none());
}

/// R3: of many threads with one number, one sends, and all are told the same.
fn r3_threads_with_one_number_send_it_once(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    let barrier = Barrier::new(8);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let approve = || {
            barrier.wait();
            outcome(client.approve(&order("ORD-1")))
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(approve)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0] && outcome.charged() == Charged::Yes));
    assert_eq!(shop.approvals("ORD-1"), 1);
}

/// R18, R19: the caller decides over what `begin` hands back.
fn r19_begin_hands_the_decision_to_the_caller(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    for (text, accept) in [("ORD-1", true), ("ORD-2", false)] {
        let Begun::Undecided(undecided) = client.begin(&order(text)).unwrap() else { panic!("{text}") };
        assert_eq!(undecided.amount(), Won(10_000));
        assert!(undecided.approval_number().is_some());
        let progress = if accept { undecided.accept() } else { undecided.refuse() };
        let expected = if accept { "approved" } else { "reversed" };
        assert_eq!(outcome(progress).name(), expected);
        assert_eq!(shop.standing(text), accept);
    }
    let Begun::Progress(declined) = client.begin(&order("Xdec-1")).unwrap() else { panic!("Xdec-1") };
    assert_eq!(outcome(Ok(declined)).name(), "declined");
}

/// R19: an approval nobody decided over waits for a client that has an accept step, and is left alone by one
/// that has none.
fn r19_what_was_begun_waits_for_an_accept_step(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    {
        let dying = shop.client();
        drop(dying.begin(&order("ORD-1")).unwrap());
    }
    let without = shop.client();
    let report = without.recover(&mut |_| panic!("nothing has ended")).unwrap();
    assert_eq!(report.still_open.len(), 1);
    assert_eq!(report.still_open[0].reason, OpenReason::NobodyDecides);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let with = shop.client_with(|setup| {
        setup.accept = Some(Arc::new(move |question: &Question<'_>| {
            count.fetch_add(1, Ordering::SeqCst);
            assert_eq!(question.key.number.as_str(), "ORD-1");
            Answer::Held
        }));
    });
    let mut told = 0;
    let report = with.recover(&mut |_| {
        told += 1;
        Told::Yes
    });
    let report = report.unwrap();
    assert_eq!((report.settled, told, asked.load(Ordering::SeqCst)), (1, 1, 1));
    assert!(shop.standing("ORD-1"));
}

/// R19: a panic in the accept step is *cannot tell*, and is asked again.
fn r19_a_panic_is_cannot_tell(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let asked = AtomicUsize::new(0);
    let client = shop.client_with(|setup| {
        setup.accept = Some(Arc::new(move |_: &Question<'_>| {
            assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the books are locked");
            Answer::Held
        }));
    });
    assert_eq!(outcome(client.approve(&order("ORD-1"))).name(), "approved");
}

/// R24: after a restore nobody's accept step is asked to write a sale down, whatever it would say: the books say what
/// they hold, and where they are not asked, a person must look.
fn r24_after_a_restore_the_books_are_asked_and_not_written(adapter: &dyn Adapter) {
    for (says, expected) in [
        (Some(Answer::Held), "needs_operator"),
        (Some(Answer::NotHeld), "reversed"),
        (None, "needs_operator"),
    ] {
        let shop = Shop::new(adapter);
        {
            let dying = shop.client_with(|setup| setup.patience = Some(Duration::from_millis(10)));
            still_open(dying.approve(&order("Xhanga-1")));
        }
        shop.journal.restored("B-").expect("no number began so");
        let (written, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let client = shop.client_with(|setup| {
            let (written, asked) = (Arc::clone(&written), Arc::clone(&asked));
            setup.accept = Some(Arc::new(move |_: &Question<'_>| {
                written.fetch_add(1, Ordering::SeqCst);
                Answer::Held
            }));
            setup.holds = says.map(|says| -> AcceptStep {
                Arc::new(move |question: &Question<'_>| {
                    asked.fetch_add(1, Ordering::SeqCst);
                    assert_eq!((question.key.number.as_str(), question.approval), ("Xhanga-1", None));
                    says
                })
            });
        });
        client.recover(&mut |_| Told::Yes).expect("the journal is read");
        let ended = client.outcome(&number("Xhanga-1")).map(|progress| progress.expect("it is known"));
        assert_eq!(outcome(ended).name(), expected, "{says:?}");
        let counted = (written.load(Ordering::SeqCst), asked.load(Ordering::SeqCst));
        assert_eq!(counted, (0, usize::from(says.is_some())), "{says:?}");
    }
}

/// R13: who does not stand by is told *still open*, with the reason, and may wait later.
fn r13d_patience_ends_before_the_quiet_period(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client_with(|setup| setup.patience = Some(Duration::from_millis(10)));
    let open = still_open(client.approve(&order("Xhanga-1")));
    assert_eq!(open.reason, OpenReason::Quiet);
    assert_eq!(open.provisional, None);
    let still = still_open(client.wait(&open.key.number, Some(Duration::from_millis(1))));
    assert_eq!(still.key, open.key);
    assert_eq!(outcome(client.wait(&open.key.number, None)).name(), "reversed");
    assert!(!shop.standing("Xhanga-1"));
}

/// R13: an attended shop may be told at the first success; the confirmation follows.
fn r13d_the_first_success_may_be_told(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client_with(|setup| setup.policy.report_reversal = ReportReversal::FirstSuccess);
    let open = still_open(client.approve(&order("Xhanga-1")));
    assert_eq!(open.provisional.unwrap().name(), "reversed");
    assert!(!shop.standing("Xhanga-1"));
    assert_eq!(outcome(client.wait(&open.key.number, None)).name(), "reversed");
}

/// R16: one refund, whoever asks; and not of what was never approved.
fn r16_a_refund_is_done_once(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    assert_eq!(outcome(client.approve(&order("ORD-1"))).name(), "approved");
    let first = settled(client.refund(&number("ORD-1")));
    let again = settled(client.refund(&number("ORD-1")));
    assert_eq!(first.end().refund_outcome(), Some(&RefundOutcome::Refunded));
    assert_eq!((first.end().repeat(), again.end().repeat()), (false, true));
    assert_eq!(again.end().refund_outcome(), Some(&RefundOutcome::Refunded));
    assert!(!shop.standing("ORD-1"));
    assert_eq!(shop.van.ledger().entry("ORD-1").unwrap().cancels, 1);
    assert_eq!(outcome(client.approve(&order("Xdec-1"))).name(), "declined");
    assert!(matches!(client.refund(&number("Xdec-1")), Err(Error::Refund(_))));
    assert!(matches!(client.refund(&number("ORD-9")), Err(Error::Unknown { .. })));
}

/// R16: a refund of an approval that only the shop's own books know.
fn r16_an_approval_made_elsewhere_is_refunded_by_its_data(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let Outcome::Approved(approval) = outcome(shop.client().approve(&order("ORD-1"))) else {
        panic!("not approved")
    };
    let elsewhere = Shop { journal: MemoryJournal::new(), ..shop };
    let client = elsewhere.client();
    let original = Original {
        number: number("ORD-1"),
        amount: Amount::new(Won(10_000), Parts::default()).unwrap(),
        instalment: Instalment::lump_sum(),
        approval_number: approval.approval_number().unwrap().into(),
        approval_date: KstDate::new(approval.approval_date().unwrap()).unwrap(),
        van_number: None,
    };
    assert_eq!(refunded(client.refund_elsewhere(&original)), RefundOutcome::Refunded);
    assert!(!elsewhere.standing("ORD-1"));
    let again = settled(client.refund_elsewhere(&original));
    assert_eq!((again.end().repeat(), again.end().refund_outcome()), (true, Some(&RefundOutcome::Refunded)));
}

/// R2: a journal that does not take the record sends nothing, and says so.
fn r2_what_cannot_be_recorded_is_never_sent(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    shop.journal.fail_next(Fault::NotStored, 1);
    let never = outcome(client.approve(&order("ORD-1")));
    assert_eq!((never.name(), never.safe_to_retry()), ("never_sent", true));
    assert_eq!(shop.approvals("ORD-1"), 0);
    // A write without an answer is settled by the same write, whether it was done or not.
    for (text, fault) in [("ORD-2", Fault::NotKnownStored), ("ORD-3", Fault::NotKnownLost)] {
        shop.journal.fail_next(fault, 1);
        assert_eq!(outcome(client.approve(&order(text))).name(), "approved");
        assert_eq!(shop.approvals(text), 1);
    }
}

/// R2, R3: a shop that asks again, after a crash or at another replica, is not told that the number was never sent because
/// the journal does not take a row just then.
fn r3_what_this_call_could_not_record_is_never_sent_only_if_nobody_recorded_it(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    assert_eq!(outcome(shop.client().approve(&order("ORD-1"))).charged(), Charged::Yes);
    let client = shop.client();
    shop.journal.fail_next(Fault::NotStored, 1);
    let known = settled(client.approve(&order("ORD-1")));
    assert_eq!((known.end().outcome().unwrap().charged(), known.end().repeat()), (Charged::Yes, true));
    // Where it cannot be read either, nothing is told of the number.
    for number in ["ORD-1", "ORD-2"] {
        shop.journal.fail_next(Fault::NotStored, 1);
        shop.journal.fail_next(Fault::NotRead, 1);
        let error = client.approve(&order(number)).unwrap_err();
        assert!(matches!(error, Error::Read(_)), "{error:?}");
    }
    assert_eq!((shop.approvals("ORD-1"), shop.approvals("ORD-2")), (1, 0));
}

/// R2: whether the record was stored is not known before its permission has passed. Nothing is sent; and it is over when
/// the journal says that it holds the record, or takes it now.
fn r2_while_the_journal_does_not_say_whether_it_was_recorded_it_is_open(adapter: &dyn Adapter) {
    for fault in [Fault::NotKnownStored, Fault::NotKnownLost] {
        let shop = Shop::new(adapter);
        let client = shop.client_with(|setup| setup.policy.send_by = Millis(100));
        shop.journal.fail_next(fault, 1_000);
        let open = still_open(client.approve(&order("ORD-1")));
        assert_eq!(open.reason, OpenReason::Journal);
        shop.journal.heal();
        match fault {
            Fault::NotKnownLost => {
                assert!(client.outcome(&number("ORD-1")).unwrap().is_none());
                assert_eq!(outcome(client.approve(&order("ORD-1"))).charged(), Charged::Yes);
            }
            _ => assert_eq!(outcome(client.approve(&order("ORD-1"))).charged(), Charged::No),
        }
        assert_eq!(shop.approvals("ORD-1"), u32::from(fault == Fault::NotKnownLost), "{fault:?}");
    }
}

/// R22: what was not told is told by recovery, and what was told is not.
fn r22_an_untold_end_is_told_again(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    drop(client.approve(&order("ORD-1")).unwrap());
    drop(settled(client.approve(&order("ORD-2"))));
    let mut asked = Vec::new();
    for (answer, again, untold) in
        [(None, 0, 1), (Some(Told::NotYet), 0, 1), (Some(Told::Yes), 1, 0), (None, 0, 0)]
    {
        let report = client.recover(&mut |end| {
            asked.push(end.record().unwrap().key.number.as_str().to_owned());
            answer.expect("a panic has told nobody")
        });
        let report = report.unwrap();
        assert_eq!((report.told_again, report.untold), (again, untold));
    }
    assert_eq!(asked, ["ORD-1"; 3]);
}

/// Several terminals in one client: the number belongs to the terminal.
fn terminals_have_numbers_of_their_own(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client_with(|setup| setup.terminals.push(simple_terminal("T987654321")));
    assert_eq!(outcome(client.approve(&order("ORD-1"))).name(), "approved");
    let other = settled(client.approve_at("T987654321", &order("ORD-1")));
    assert!(!other.end().repeat());
    for terminal in ["T123456789", "T987654321"] {
        assert!(shop.van.ledger().of_terminal(terminal).standing("ORD-1"), "{terminal}");
    }
    assert_eq!(client.approve_at("T000000000", &order("ORD-2")).unwrap_err(), Error::NoTerminal);
    // Which of the two is meant? Nothing is refunded by chance.
    let ambiguous = Error::Ambiguous { number: "ORD-1".into() };
    assert_eq!(client.refund(&number("ORD-1")).unwrap_err(), ambiguous);
    assert_eq!(client.outcome(&number("ORD-1")).unwrap_err(), ambiguous);
    let one = shop.client();
    assert_eq!(refunded(one.refund(&number("ORD-1"))), RefundOutcome::Refunded);
    assert!(shop.van.ledger().of_terminal("T987654321").standing("ORD-1"));
}

/// R11: whether there is a status query must be said; and what must be signed needs a key.
fn r11_a_terminal_that_could_not_sell_is_refused(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let build = |terminal: Terminal| {
        let mut setup = shop.setup();
        setup.terminals = vec![terminal];
        setup.policy.products = product::Settings::default();
        adapter.client(setup).err()
    };
    let id = "T123456789";
    assert_eq!(build(simple_terminal(id)), None);
    let unsigned = Terminal { keys: Keys::None, ..simple_terminal(id) };
    assert_eq!(build(unsigned), Some(BuildError::NoSigning(id.into())));
    assert_eq!(build(easytalk_terminal()), Some(BuildError::NoEasyTalkSettings));
    assert_eq!(build(iamport_terminal()), Some(BuildError::NoIamportSettings));
    let without_keys = Terminal { keys: Keys::None, ..iamport_terminal() };
    let built = adapter.client(Setup { terminals: vec![without_keys], ..shop.setup() });
    assert_eq!(built.err(), Some(BuildError::NoApiKeys("imp12345678".into())));
}

/// R11: without a status query an approval of unknown outcome is for a person at once, never a guess.
fn r11_without_a_status_query_unknown_is_for_a_person(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client_with(|setup| {
        setup.terminals = vec![easytalk_terminal()];
        setup.policy.products.easytalk = Some(easytalk::Settings::without_status_query());
    });
    let approve = |text| outcome(client.approve(&Order::new(Product::EasyTalk, text, 51_004)));
    assert_eq!(approve("ORD-1").name(), "approved");
    let unknown = approve("Xhtml-1");
    assert_eq!((unknown.name(), unknown.safe_to_retry()), ("needs_operator", false));
}

/// R17: a client that stops takes nothing new and leaves what is open to recovery.
fn r17_a_stopping_client_leaves_its_rescues_to_recovery(adapter: &dyn Adapter) {
    let shop = Shop::new(adapter);
    let client = shop.client();
    thread::scope(|scope| {
        let approving = scope.spawn(|| client.approve(&order("Xhangb-1")));
        while shop.journal.list(Listing::Open, None, 1).unwrap().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        client.stop();
        still_open(approving.join().unwrap());
    });
    assert_eq!(client.approve(&order("ORD-2")).unwrap_err(), Error::Stopping);
    drop(client);
    let mut ends = Vec::new();
    let report = shop.client().recover(&mut |end| {
        ends.push(end.outcome().unwrap().name());
        Told::Yes
    });
    assert_eq!((report.unwrap().settled, ends), (1, vec!["reversed"]));
}

/// R14: a cap that several processes have together. None are sent while there is no share at all, nor is any given up.
fn r14_no_more_rescues_are_in_flight_than_this_process_has_a_share_of(adapter: &dyn Adapter) {
    const LATENCY: Duration = Duration::from_millis(40);
    let shop = Shop::new(adapter);
    let van = Van::start(VanConfig { latency: LATENCY, ..VanConfig::default() }).expect("loopback");
    let shop = Shop { van, ..shop };
    let client = shop.client();
    shop.journal.share_rescues(Some(0));
    let numbers: Vec<String> = (0..12).map(|at| format!("Xrsta-{at}")).collect();
    thread::scope(|scope| {
        let client = &*client;
        let calls: Vec<_> = numbers
            .iter()
            .map(|number| scope.spawn(move || outcome(client.approve(&order(number)))))
            .collect();
        let booked = || numbers.iter().filter(|number| shop.standing(number)).count();
        while booked() < numbers.len() {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(300));
        assert_eq!(booked(), numbers.len(), "one was sent without a share");
        shop.journal.share_rescues(Some(2));
        for call in calls {
            assert_eq!(call.join().expect("it has ended").name(), "reversed");
        }
    });
    let ledger = shop.van.ledger();
    let seen = ledger.entries.iter().flat_map(|entry| &entry.requests);
    let rescues: Vec<u64> =
        seen.filter(|seen| seen.kind == Kind::NetCancel && seen.body.is_some()).map(|seen| seen.at).collect();
    // They arrived before the first of them could be answered.
    let beside = |first: &u64| {
        let answered = first + LATENCY.as_millis() as u64;
        rescues.iter().filter(|at| (*first..answered).contains(at)).count()
    };
    let most = rescues.iter().map(beside).max().unwrap_or(0);
    assert!((1..=2).contains(&most), "{most} at once: {rescues:?}");
}
