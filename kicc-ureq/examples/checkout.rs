//! A checkout that blocks: three orders under a terminal that is written out in full. One is approved and booked, one is
//! refused by the card company, and the answer to one is lost: it is reversed before the customer is told.
//!
//! ```text
//! cargo run -p kicc-ureq --example checkout
//! ```
//!
//! runs it against a simulated VAN of its own, which plays the fault that an order's number asks for.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kicc_proto::{
    flow::Policy,
    product::Merchant,
    simple::{self, Order},
    time::Millis,
    values::*,
    wire::sign::HmacSha256,
};
use kicc_testkit::van::{Van, VanConfig};
use kicc_ureq::{
    client::{Answer, Client, Keys, Progress, Question, Recovery, Signing, Terminal, Told},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};

const ORDERS: [(&str, u64, &str); 3] =
    [("ORD-1", 10_000, "approved"), ("Xdec-2", 20_000, "declined"), ("Xhanga-3", 30_000, "reversed")];

fn main() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig { late: Duration::from_millis(300), ..VanConfig::default() })?;
    let folder = tempfile::tempdir()?;
    let terminal = Terminal {
        merchant: Merchant::Simple(simple::Merchant {
            environment: Environment::new("test")?,
            terminal_id: TerminalId::new("T123456789")?,
            service_id: ServiceId::new("SVC_SIMPLE")?,
            business_number: BusinessNumber::new("1234567890")?,
        }),
        keys: Keys::Signing(Signing {
            channel_id: ChannelId::new("CH_A1B2C3D4")?,
            // From a file or a vault; never from the source.
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("sandbox-secret-key"))),
        }),
    };

    // The shop's own books. A real shop's are in a database, with a unique key on the number.
    let books = Arc::new(Mutex::new(BTreeSet::new()));
    let accepting = Arc::clone(&books);
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal.db"))?);
    let client = Client::builder(Http::new(HttpSettings::new(van.base_url()))?, journal)
        .policy(policy())
        .terminal(terminal)
        .accept_step(move |question: &Question<'_>| {
            let mut books = accepting.lock().unwrap_or_else(PoisonError::into_inner);
            books.insert(question.key.number.clone());
            Answer::Held
        })
        .build()?;

    // What an earlier process left behind comes first; here there is nothing.
    let report = client.recover(Recovery::default(), |_end| Told::Yes)?;
    assert!(report.parked.is_empty(), "a person must look at these first");

    for (number, won, expected) in ORDERS {
        // The parts are stated to KICC as they stand here; nothing is derived.
        let amount = Amount::new(Won(won), Parts { vat: Won(won / 11), ..Parts::default() })?;
        let order = Order::new(TransactionNumber::new(number)?, amount, TokenKey::new("TOKEN_ABC123XYZ")?);
        let Progress::Settled(settled) = client.approve(&order)? else {
            return Err("still open: `Client::recover` goes on with it".into());
        };
        let outcome = settled.outcome().ok_or("not an approval")?;
        let (name, charged, again) = (outcome.name(), outcome.charged().as_str(), outcome.safe_to_retry());
        println!("{number:<10} {won:>6} won  {name:<10} charged: {charged:<4} may be tried again: {again}");
        assert_eq!(name, expected);
        settled.told()?;
    }

    let books = books.lock().unwrap_or_else(PoisonError::into_inner);
    for (number, ..) in ORDERS {
        assert_eq!(
            books.iter().any(|held| held.as_str() == number),
            van.ledger().standing(number),
            "{number}"
        );
    }
    Ok(())
}

/// So short as only a simulated gateway may have it; a real one has the defaults.
fn policy() -> Policy {
    let mut policy = Policy::default();
    (policy.answer_timeout, policy.quiet_period) = (Millis(500), Millis(1_000));
    policy
}

/// It runs.
#[test]
fn three_orders_end_as_they_must() {
    main().unwrap();
}
