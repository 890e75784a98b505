//! EasyTalkPay through the client, over real HTTP against the simulated VAN: every fault of its table, alone and with
//! every rescue fault, at its only acceptable end.

use std::{sync::Arc, thread, time::Duration};

use kicc_proto::{
    codes::{CodeSets, Codes, ResultCode},
    easytalk,
    flow::{Outcome, Policy},
    product::Merchant,
    time::Millis,
    values::*,
};
use kicc_testkit::{
    memory::MemoryJournal,
    van::{
        Van, VanConfig,
        faults::{End, Fault, Plan, Product, Rescue},
    },
};
use kicc_ureq::{
    Client, Progress,
    client::{Keys, Terminal},
    http::{Http, HttpSettings},
};

const DUPLICATE: &str = "7011";

struct Shop {
    van: Van,
    client: Client,
}

impl Shop {
    fn new(settings: easytalk::Settings) -> Self {
        let config = VanConfig {
            hang: Duration::from_secs(4),
            late: Duration::from_millis(50),
            duplicate_code: DUPLICATE.into(),
            ..VanConfig::default()
        };
        let van = Van::start(config).unwrap();
        let mut policy = Policy::default();
        policy.answer_timeout = Millis(1_500);
        policy.quiet_period = Millis(800);
        policy.backoff_first = Millis(20);
        policy.backoff_cap = Millis(100);
        policy.rescue_attempts = 8;
        let duplicate = vec![ResultCode::new(DUPLICATE).unwrap()];
        policy.codes = Codes::new(CodeSets { duplicate, ..CodeSets::default() }).unwrap();
        policy.products.easytalk = Some(settings);
        let merchant = Merchant::EasyTalk(easytalk::Merchant {
            environment: Environment::new("test").unwrap(),
            van_terminal_id: VanTerminalId::new("T5102001").unwrap(),
        });
        let http = Http::new(HttpSettings::new(van.base_url())).unwrap();
        let client = Client::builder(http, Arc::new(MemoryJournal::new()))
            .policy(policy)
            .terminal(Terminal { merchant, keys: Keys::None })
            .build()
            .unwrap();
        Shop { van, client }
    }

    fn approve(&self, number: &str) -> Outcome {
        let order = easytalk::Order::new(
            TransactionNumber::new(number).unwrap(),
            OrderNumber::new(&format!("GDS-{number}")).unwrap(),
            Amount::new(Won(51_004), Parts::default()).unwrap(),
            CertControlNumber::new(&format!("W51004-GDS-{number}")).unwrap(),
        );
        match self.client.approve(&order).unwrap() {
            Progress::Settled(settled) => {
                settled.told().unwrap();
                settled.outcome().unwrap().clone()
            }
            Progress::Open(open) => panic!("{number} is still open: {open:?}"),
        }
    }
}

fn with_status_query() -> easytalk::Settings {
    let not_found = [ResultCode::new("7010").unwrap()];
    let status =
        easytalk::StatusQuery::new("/appcardpay/v1/tradeStatus.do", "transactionDate", &not_found).unwrap();
    easytalk::Settings::with_status_query(status)
}

fn name(end: End) -> &'static str {
    match end {
        End::Approved => "approved",
        End::Declined => "declined",
        End::NeverSent => "never_sent",
        End::Reversed => "reversed",
        End::NeedsOperator => "needs_operator",
    }
}

/// R11: every fault, and every rescue fault behind an answer that was lost, ends as the table says; each approval
/// is sent once, and the books agree.
#[test]
fn r11_every_fault_ends_as_the_table_says() {
    let shop = Shop::new(with_status_query());
    let faults = Fault::of(Product::EasyTalk).map(Plan::from);
    // What a query forgets is found out only at the end of a proof window of two days.
    let rescues = Rescue::of(Product::EasyTalk)
        .filter(|rescue| *rescue != Rescue::QueryForgets)
        .map(|rescue| Plan { fault: Fault::HangAfter, rescue: Some(rescue) });
    let plans: Vec<Plan> = faults.chain(rescues).collect();
    thread::scope(|scope| {
        let threads: Vec<_> = (1..)
            .zip(&plans)
            .map(|(serial, plan)| {
                let (shop, number) = (&shop, plan.number(serial));
                let thread = scope.spawn(move || (shop.approve(&number), number));
                (plan, thread)
            })
            .collect();
        for (plan, thread) in threads {
            let (outcome, number) = thread.join().unwrap();
            let ledger = shop.van.ledger();
            assert_eq!(outcome.name(), name(plan.end()), "{plan}: {outcome:?}");
            assert_eq!(ledger.approvals(&number), 1, "{plan}");
            if plan.end() != End::NeedsOperator {
                assert_eq!(ledger.standing(&number), plan.end() == End::Approved, "{plan}");
            }
        }
    });
    assert_eq!(shop.van.ledger().violations, Vec::<String>::new());
}

/// R11: without a status query an approval of unknown outcome is for a person at once, never a guess.
#[test]
fn r11_without_a_status_query_unknown_is_for_a_person() {
    let shop = Shop::new(easytalk::Settings::without_status_query());
    assert_eq!(shop.approve("ORD-1").name(), "approved");
    let outcome = shop.approve("Xhtml-1");
    assert_eq!((outcome.name(), outcome.safe_to_retry()), ("needs_operator", false));
}
