//! A month's subscriptions, charged by billing keys through i'mport: one is paid, one is declined, and the answer to one
//! is lost: it is looked up and, since nobody waits for it, kept. At the end one customer gets a part back.
//!
//! ```text
//! cargo run -p kicc-ureq --example iamport_billing
//! ```
//!
//! runs it against a simulated i'mport of its own, which plays the fault that an order's number asks for.

use std::{error::Error, sync::Arc, time::Duration};

use kicc_proto::{
    flow::{PartialRefund, Policy, RefundOutcome},
    iamport::{ApiKeys, Charge, CustomerUid, Merchant as Iamport, OnFoundPaid, Settings, StoreCode},
    product::Merchant,
    time::Millis,
    values::{Amount, Environment, Parts, RefundId, TransactionNumber, Won},
};
use kicc_testkit::van::{Van, VanConfig};
use kicc_ureq::{
    client::{Answer, Client, Keys, Progress, Question, Terminal},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

const SUBSCRIPTIONS: [(&str, u64); 3] =
    [("2026-11-GILDONG", 9_900), ("Xdec-2026-11", 9_900), ("Xhanga-2026-11", 19_900)];

fn main() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig { late: Duration::from_millis(300), ..VanConfig::default() })?;
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal.db"))?);
    let client = Client::builder(Http::new(HttpSettings::new(van.base_url()))?, journal)
        .policy(policy())
        .terminal(Terminal {
            merchant: Merchant::Iamport(Iamport {
                environment: Environment::new("test")?,
                store: StoreCode::new("imp12345678")?,
                tier: None,
            }),
            keys: Keys::Api(ApiKeys::new("sandbox-imp-key", "sandbox-imp-secret")?),
        })
        // Here the month is written into the customer's account, once however often it is asked.
        .accept_step(|_: &Question<'_>| Answer::Held)
        .build()?;

    let expected = ["approved", "declined", "approved"];
    for ((number, won), expected) in SUBSCRIPTIONS.into_iter().zip(expected) {
        // A number is for one charge: the month and the customer, so that a second run finds the first.
        let number = TransactionNumber::new(number)?;
        let amount = Amount::new(Won(won), Parts::default())?;
        // The window issued the key under this name.
        let charge = Charge::new(number.clone(), CustomerUid::new("gildong-1234")?, amount, "11월 구독")?;
        let Progress::Settled(settled) = client.approve(&charge)? else {
            return Err("still open: `Client::recover` goes on with it".into());
        };
        let outcome = settled.outcome().ok_or("not an approval")?;
        let (name, again) = (outcome.name(), outcome.safe_to_retry());
        println!("{number:<16} {won:>6} won  {name}, may be tried again: {again}");
        assert_eq!(outcome.name(), expected);
        settled.told()?;
    }

    // Under an id of the shop's: the same once more is the same refund.
    let sale = TransactionNumber::new(SUBSCRIPTIONS[0].0)?;
    let amount = Amount::new(Won(3_000), Parts::default())?;
    let part = PartialRefund { id: RefundId::new("GOODWILL-1")?, amount };
    for _ in 0..2 {
        let Progress::Settled(settled) = client.refund_part(&sale, &part)? else {
            return Err("still open: `Client::recover` goes on with it".into());
        };
        println!("{sale:<16} {:>6} won  given back, known before: {}", 3_000, settled.repeat());
        assert_eq!(settled.refund_outcome(), Some(&RefundOutcome::Refunded));
        settled.told()?;
    }
    Ok(())
}

/// So short as only a simulated gateway may have it.
fn policy() -> Policy {
    let mut settings = Settings::test();
    settings.sees_sandbox = true;
    settings.on_found_paid = OnFoundPaid::Adopt;
    (settings.answer_timeout, settings.quiet_period) = (Millis(500), Millis(1_000));
    Policy::default().with_iamport(settings)
}

/// It runs.
#[test]
fn the_month_is_charged() {
    main().unwrap();
}
