//! The library's own face, over real HTTP against the simulated VAN: every call that a shop embeds.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kicc_proto::{
    flow::{Charged, Outcome, Policy, RefundOutcome, policy::ReportReversal},
    journal::{Journal, Listing},
    product::Merchant,
    simple::{self, Original},
    time::Millis,
    values::*,
    wire::sign::HmacSha256,
};
use kicc_testkit::{
    memory::{Fault, MemoryJournal},
    van::{Van, VanConfig},
};
use kicc_ureq::{
    Client, Error, Progress, Settled,
    client::{
        Answer, Begun, BuildError, Builder, Keys, OpenReason, Question, Recovery, Signing, Terminal, Told,
    },
    http::{Http, HttpSettings},
};

struct Shop {
    van: Van,
    journal: MemoryJournal,
}

impl Shop {
    fn new() -> Self {
        let config = VanConfig {
            hang: Duration::from_secs(2),
            late: Duration::from_millis(50),
            ..VanConfig::default()
        };
        Shop { van: Van::start(config).unwrap(), journal: MemoryJournal::new() }
    }

    /// A client in a process of its own, as far as the journal can tell.
    fn client(&self, with: impl FnOnce(Builder) -> Builder) -> Client {
        self.client_with(|_| {}, with)
    }

    fn client_with(&self, policy: impl FnOnce(&mut Policy), with: impl FnOnce(Builder) -> Builder) -> Client {
        let mut fast = Policy::default();
        fast.answer_timeout = Millis(400);
        fast.quiet_period = Millis(300);
        fast.backoff_first = Millis(20);
        fast.backoff_cap = Millis(100);
        fast.rescue_attempts = 4;
        policy(&mut fast);
        let http = Http::new(HttpSettings::new(self.van.base_url())).unwrap();
        let builder = Client::builder(http, Arc::new(self.journal.another())).policy(fast);
        with(builder.terminal(terminal("T123456789"))).build().unwrap()
    }

    fn approvals(&self, number: &str) -> u32 {
        self.van.ledger().approvals(number)
    }

    fn standing(&self, number: &str) -> bool {
        self.van.ledger().standing(number)
    }
}

fn terminal(id: &str) -> Terminal {
    Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: Environment::new("test").unwrap(),
            terminal_id: TerminalId::new(id).unwrap(),
            service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
            business_number: BusinessNumber::new("1234567890").unwrap(),
        }),
        keys: Keys::Signing(Signing {
            channel_id: ChannelId::new("CH_A1B2C3D4").unwrap(),
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    }
}

fn number(text: &str) -> TransactionNumber {
    TransactionNumber::new(text).unwrap()
}

fn order(text: &str) -> simple::Order {
    let amount = Amount::new(Won(10_000), Parts::default()).unwrap();
    simple::Order::new(number(text), amount, TokenKey::new("TOKEN").unwrap())
}

fn settled(progress: Progress) -> Settled {
    match progress {
        Progress::Settled(settled) => {
            settled.told().unwrap();
            *settled
        }
        Progress::Open(open) => panic!("still open: {open:?}"),
    }
}

fn outcome(progress: Progress) -> Outcome {
    settled(progress).outcome().expect("an approval's end").clone()
}

fn refunded(progress: Progress) -> RefundOutcome {
    settled(progress).refund_outcome().expect("a refund's end").clone()
}

/// R3: a known number sends nothing and gives what is known; other data under it is refused.
#[test]
fn r3_a_known_number_gives_what_is_known() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    let first = settled(client.approve(&order("ORD-1")).unwrap());
    let again = settled(client.approve(&order("ORD-1")).unwrap());
    assert_eq!((first.repeat(), again.repeat()), (false, true));
    assert_eq!(first.verdict(), again.verdict());
    assert_eq!(shop.approvals("ORD-1"), 1);
    let other = order("ORD-1").instalment(Instalment::of_months(3).unwrap());
    assert_eq!(client.approve(&other).unwrap_err(), Error::OtherData);
    assert!(matches!(client.outcome(&number("ORD-1")), Ok(Some(Progress::Settled(_)))));
    assert!(client.outcome(&number("ORD-2")).unwrap().is_none());
}

/// R3: of many threads with one number, one sends, and all are told the same.
#[test]
fn r3_threads_with_one_number_send_it_once() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    let barrier = Barrier::new(8);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    outcome(client.approve(&order("ORD-1")).unwrap())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0] && outcome.charged() == Charged::Yes));
    assert_eq!(shop.approvals("ORD-1"), 1);
}

/// R18, R19: the caller decides over what `begin` hands back.
#[test]
fn r19_begin_hands_the_decision_to_the_caller() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    for (text, accept) in [("ORD-1", true), ("ORD-2", false)] {
        let Begun::Undecided(undecided) = client.begin(&order(text)).unwrap() else { panic!() };
        assert_eq!(undecided.record().unwrap().amount.total(), Won(10_000));
        assert!(undecided.approval().unwrap().approval_number().is_some());
        let progress = if accept { undecided.accept() } else { undecided.refuse() };
        let expected = if accept { "approved" } else { "reversed" };
        assert_eq!(outcome(progress.unwrap()).name(), expected);
        assert_eq!(shop.standing(text), accept);
    }
    let Begun::Progress(declined) = client.begin(&order("Xdec-1")).unwrap() else { panic!() };
    assert_eq!(outcome(declined).name(), "declined");
}

/// R19: an approval nobody decided over waits for a client that has an accept step, and is left alone by one
/// that has none.
#[test]
fn r19_what_was_begun_waits_for_an_accept_step() {
    let shop = Shop::new();
    let dying = shop.client(|builder| builder);
    drop(dying.begin(&order("ORD-1")).unwrap());
    let without = shop.client(|builder| builder);
    let report = without.recover(Recovery::default(), |_| panic!("nothing has ended")).unwrap();
    assert_eq!(report.still_open.len(), 1);
    assert_eq!(report.still_open[0].reason, OpenReason::NobodyDecides);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let with = shop.client(|builder| {
        builder.accept_step(move |question: &Question<'_>| {
            count.fetch_add(1, Ordering::SeqCst);
            assert_eq!(question.key.number.as_str(), "ORD-1");
            Answer::Held
        })
    });
    let mut told = Vec::new();
    let report = with
        .recover(Recovery::default(), |end| {
            told.push(end.verdict().clone());
            Told::Yes
        })
        .unwrap();
    assert_eq!((report.settled, told.len(), asked.load(Ordering::SeqCst)), (1, 1, 1));
    assert!(shop.standing("ORD-1"));
}

/// R19: a panic in the accept step is *cannot tell*, and is asked again.
#[test]
fn r19_a_panic_is_cannot_tell() {
    let shop = Shop::new();
    let asked = AtomicUsize::new(0);
    let client = shop.client(|builder| {
        builder.accept_step(move |_: &Question<'_>| {
            assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the books are locked");
            Answer::Held
        })
    });
    assert_eq!(outcome(client.approve(&order("ORD-1")).unwrap()).name(), "approved");
}

/// R13: who does not stand by is told *still open*, with the reason, and may wait later.
#[test]
fn r13d_patience_ends_before_the_quiet_period() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder.patience(Duration::from_millis(10)));
    let Progress::Open(open) = client.approve(&order("Xhanga-1")).unwrap() else { panic!() };
    assert_eq!(open.reason, OpenReason::Quiet);
    assert_eq!(open.provisional, None);
    let Progress::Open(still) = client.wait(&open.key.number, Some(Duration::from_millis(1))).unwrap() else {
        panic!()
    };
    assert_eq!(still.key, open.key);
    assert_eq!(outcome(client.wait(&open.key.number, None).unwrap()).name(), "reversed");
    assert!(!shop.standing("Xhanga-1"));
}

/// R13: an attended shop may be told at the first success; the confirmation follows.
#[test]
fn r13d_the_first_success_may_be_told() {
    let shop = Shop::new();
    let early = |policy: &mut Policy| policy.report_reversal = ReportReversal::FirstSuccess;
    let client = shop.client_with(early, |builder| builder);
    let Progress::Open(open) = client.approve(&order("Xhanga-1")).unwrap() else { panic!() };
    assert_eq!(open.provisional.unwrap().name(), "reversed");
    assert!(!shop.standing("Xhanga-1"));
    assert_eq!(outcome(client.wait(&open.key.number, None).unwrap()).name(), "reversed");
}

/// R16: one refund, whoever asks; and not of what was never approved.
#[test]
fn r16_a_refund_is_done_once() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    assert_eq!(outcome(client.approve(&order("ORD-1")).unwrap()).name(), "approved");
    let first = settled(client.refund(&number("ORD-1")).unwrap());
    let again = settled(client.refund(&number("ORD-1")).unwrap());
    assert_eq!(first.refund_outcome(), Some(&RefundOutcome::Refunded));
    assert_eq!((first.repeat(), again.repeat()), (false, true));
    assert_eq!(again.refund_outcome(), Some(&RefundOutcome::Refunded));
    assert!(!shop.standing("ORD-1"));
    assert_eq!(shop.van.ledger().entry("ORD-1").unwrap().cancels, 1);
    drop(settled(client.approve(&order("Xdec-1")).unwrap()));
    assert!(matches!(client.refund(&number("Xdec-1")), Err(Error::Refund(_))));
    assert!(matches!(client.refund(&number("ORD-9")), Err(Error::Unknown { .. })));
}

/// R16: a refund of an approval that only the shop's own books know.
#[test]
fn r16_an_approval_made_elsewhere_is_refunded_by_its_data() {
    let shop = Shop::new();
    let approved = shop.client(|builder| builder).approve(&order("ORD-1")).unwrap();
    let Outcome::Approved(approval) = outcome(approved) else { panic!() };
    let elsewhere = Shop { journal: MemoryJournal::new(), van: shop.van };
    let client = elsewhere.client(|builder| builder);
    let original = Original {
        number: number("ORD-1"),
        amount: Amount::new(Won(10_000), Parts::default()).unwrap(),
        instalment: Instalment::lump_sum(),
        approval_number: approval.approval_number().unwrap().into(),
        approval_date: KstDate::new(approval.approval_date().unwrap()).unwrap(),
        van_number: None,
    };
    assert_eq!(refunded(client.refund_elsewhere(&original).unwrap()), RefundOutcome::Refunded);
    assert!(!elsewhere.standing("ORD-1"));
    let again = settled(client.refund_elsewhere(&original).unwrap());
    assert_eq!((again.repeat(), again.refund_outcome()), (true, Some(&RefundOutcome::Refunded)));
}

/// R2: a journal that does not take the record sends nothing, and says so.
#[test]
fn r2_what_cannot_be_recorded_is_never_sent() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    shop.journal.fail_next(Fault::NotStored, 1);
    let never = outcome(client.approve(&order("ORD-1")).unwrap());
    assert_eq!((never.name(), never.safe_to_retry()), ("never_sent", true));
    assert_eq!(shop.approvals("ORD-1"), 0);
    // A write without an answer is settled by the same write, whether it was done or not.
    for (text, fault) in [("ORD-2", Fault::NotKnownStored), ("ORD-3", Fault::NotKnownLost)] {
        shop.journal.fail_next(fault, 1);
        assert_eq!(outcome(client.approve(&order(text)).unwrap()).name(), "approved");
        assert_eq!(shop.approvals(text), 1);
    }
}

/// R22: what was not told is told by recovery, and what was told is not.
#[test]
fn r22_an_untold_end_is_told_again() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    let Progress::Settled(untold) = client.approve(&order("ORD-1")).unwrap() else { panic!() };
    drop(untold);
    drop(settled(client.approve(&order("ORD-2")).unwrap()));
    let mut told = Vec::new();
    for again in [1, 0] {
        let report = client
            .recover(Recovery::default(), |end| {
                told.push(end.record().unwrap().key.number.as_str().to_owned());
                Told::Yes
            })
            .unwrap();
        assert_eq!(report.told_again, again);
    }
    assert_eq!(told, ["ORD-1"]);
}

/// Several terminals in one client: the number belongs to the terminal.
#[test]
fn terminals_have_numbers_of_their_own() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder.terminal(terminal("T987654321")));
    assert_eq!(outcome(client.approve(&order("ORD-1")).unwrap()).name(), "approved");
    let other = settled(client.approve_at("T987654321", &order("ORD-1")).unwrap());
    assert!(!other.repeat());
    for terminal in ["T123456789", "T987654321"] {
        assert!(shop.van.ledger().of_terminal(terminal).standing("ORD-1"), "{terminal}");
    }
    assert_eq!(client.approve_at("T000000000", &order("ORD-2")).unwrap_err(), Error::NoTerminal);
    // Which of the two is meant? Nothing is refunded by chance.
    let ambiguous = Error::Ambiguous { number: "ORD-1".into() };
    assert_eq!(client.refund(&number("ORD-1")).unwrap_err(), ambiguous);
    assert_eq!(client.outcome(&number("ORD-1")).unwrap_err(), ambiguous);
    let one = shop.client(|builder| builder);
    assert_eq!(refunded(one.refund(&number("ORD-1")).unwrap()), RefundOutcome::Refunded);
    assert!(shop.van.ledger().of_terminal("T987654321").standing("ORD-1"));
}

/// R11: whether there is a status query must be said; and what must be signed needs a key.
#[test]
fn r11_a_terminal_that_could_not_sell_is_refused() {
    let shop = Shop::new();
    let build = |terminal: Terminal| {
        let http = Http::new(HttpSettings::new(shop.van.base_url())).unwrap();
        Client::builder(http, Arc::new(shop.journal.another())).terminal(terminal).build().err()
    };
    let id = "T123456789";
    assert_eq!(build(terminal(id)), None);
    assert_eq!(build(Terminal { keys: Keys::None, ..terminal(id) }), Some(BuildError::NoSigning(id.into())));
    let easytalk = Merchant::EasyTalk(kicc_proto::easytalk::Merchant {
        environment: Environment::new("test").unwrap(),
        van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
    });
    let without = Terminal { merchant: easytalk, keys: Keys::None };
    assert_eq!(build(without), Some(BuildError::NoEasyTalkSettings));
}

/// R25: whoever waits for a row that this client itself drives leaves it alone, though its lease lapses in a pause; to
/// take it over would begin the pause anew, each time.
#[test]
fn r25_waiting_for_it_does_not_begin_its_pauses_anew() {
    let shop = Shop::new();
    let slow = |policy: &mut Policy| {
        policy.quiet_period = Millis(3_500);
        policy.send_by = Millis(500);
        policy.lease = Millis(1_000);
    };
    let client = shop.client_with(slow, |builder| builder);
    thread::scope(|scope| {
        let approving = scope.spawn(|| outcome(client.approve(&order("Xhangb-1")).unwrap()));
        while shop.journal.list(Listing::Open, None, 1).unwrap().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        let waited = outcome(client.wait(&number("Xhangb-1"), Some(Duration::from_secs(20))).unwrap());
        assert_eq!(waited, approving.join().unwrap());
    });
    let Some(Progress::Settled(settled)) = client.outcome(&number("Xhangb-1")).unwrap() else { panic!() };
    let resumed = |what: &_| matches!(what, kicc_proto::journal::record::Happening::Resumed(_));
    assert!(!settled.record().unwrap().history.iter().any(|entry| resumed(&entry.what)));
}

/// R17: a client that stops takes nothing new and leaves what is open to recovery.
#[test]
fn r17_a_stopping_client_leaves_its_rescues_to_recovery() {
    let shop = Shop::new();
    let client = shop.client(|builder| builder);
    thread::scope(|scope| {
        let approving = scope.spawn(|| client.approve(&order("Xhangb-1")).unwrap());
        while shop.journal.list(Listing::Open, None, 1).unwrap().is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        client.stop();
        assert!(matches!(approving.join().unwrap(), Progress::Open(_)));
    });
    assert_eq!(client.approve(&order("ORD-2")).unwrap_err(), Error::Stopping);
    drop(client);
    let mut ends = Vec::new();
    let report = shop.client(|builder| builder).recover(Recovery::default(), |end| {
        ends.push(end.outcome().unwrap().name());
        Told::Yes
    });
    assert_eq!((report.unwrap().settled, ends), (1, vec!["reversed"]));
}
