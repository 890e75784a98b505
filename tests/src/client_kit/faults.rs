//! Every fault of every product, taken to its end through a client.

use std::{thread, time::Duration};

use kicc_proto::{
    client::{Answer, Question},
    flow::Outcome,
    journal::record::{Happening, Record},
    product::Product,
};

use super::{Client, Order, Progress};
use crate::van::{
    Ledger, Van, VanConfig,
    faults::{self, End, Fault, Plan, Rescue},
};

/// What a client needs for [`orders`]: how long an answer may take, and the quiet period, in milliseconds. An answer may
/// take its time on a busy machine.
pub const TIMES: (u64, u64) = (1_500, 800);

/// In won.
pub const PRICE: u64 = 51_004;

/// An order with a fault.
#[derive(Debug, Clone)]
pub struct Faulty {
    /// Whose fault it is.
    pub product: Product,
    /// What goes wrong.
    pub plan: Plan,
    /// The number that asks for it.
    pub number: String,
    /// The only acceptable end.
    pub end: End,
}

/// How one of them ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// Every step that was taken, without its time.
    pub steps: Vec<String>,
}

/// The VAN for them.
#[must_use]
pub fn van() -> VanConfig {
    VanConfig {
        hang: Duration::from_secs(4),
        late: Duration::from_millis(50),
        // i'mport's answers are long.
        drip: Duration::from_micros(200),
        ..VanConfig::default()
    }
}

/// Every fault of a product's approvals, and every fault of its rescues behind an answer that was lost or, where it is
/// one of a cancel, behind an approval that [`accept`] refuses.
#[must_use]
pub fn orders(product: Product) -> Vec<Faulty> {
    let of = match product {
        Product::Simple => faults::Product::Simple,
        Product::EasyTalk => faults::Product::EasyTalk,
        Product::Iamport => faults::Product::Iamport,
    };
    let approvals = Fault::of(of).map(|fault| (Plan::from(fault), fault.row().end, ""));
    // What a query forgets is found out only at the end of a proof window of two days.
    let rescues = Rescue::of(of).filter(|rescue| *rescue != Rescue::QueryForgets).map(|rescue| {
        let refused = rescue.row().name.starts_with("cancel_");
        let fault = match rescue {
            _ if refused => Fault::Ok,
            // Which is over by the time at which a charge is given up.
            Rescue::QueryLags => Fault::ResetAfter,
            _ => Fault::HangAfter,
        };
        let plan = Plan { fault, rescue: Some(rescue) };
        if refused { (plan, End::Reversed, "N") } else { (plan, plan.end(), "") }
    });
    (1..)
        .zip(approvals.chain(rescues))
        .map(|(serial, (plan, end, refused))| {
            let number = plan.number(serial).replace('-', &format!("-{refused}"));
            Faulty { product, plan, number, end }
        })
        .collect()
}

/// The accept step that they are meant for: it does not hold what has `-N` in its number.
#[must_use]
pub fn accept(question: &Question<'_>) -> Answer {
    if question.key.number.as_str().contains("-N") { Answer::NotHeld } else { Answer::Held }
}

impl Faulty {
    /// Whether how often it is asked about depends on the machine: something happens to it by itself after a while.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        matches!(self.plan.fault, Fault::Ready | Fault::ReadyFails)
            || self.plan.rescue == Some(Rescue::QueryLags)
    }

    /// The order.
    #[must_use]
    pub fn order(&self) -> Order {
        Order::new(self.product, &self.number, PRICE)
    }

    /// Fails unless it ended as it must, was sent once, and the VAN's books say the same.
    ///
    /// # Panics
    /// Then.
    pub fn check(&self, outcome: &Outcome, ledger: &Ledger) {
        let Faulty { plan, number, end, .. } = self;
        assert_eq!(outcome.name(), end.as_str(), "{plan}: {outcome:?}");
        assert_eq!(ledger.approvals(number), 1, "{plan}");
        if *end != End::NeedsOperator {
            assert_eq!(ledger.standing(number), *end == End::Approved, "{plan}");
        }
    }
}

/// Takes every fault of a product to its end, each on a thread of its own. `pay` takes an order to its outcome, with the
/// times of [`TIMES`], on a [`van`], and with [`accept`] for the shop's books.
///
/// # Panics
/// When one of them does not end as it must, or the VAN saw what it must never see.
pub fn every(product: Product, van: &Van, pay: impl Fn(&Order) -> Outcome + Sync) {
    let orders = orders(product);
    thread::scope(|scope| {
        for faulty in &orders {
            let pay = &pay;
            scope.spawn(move || faulty.check(&pay(&faulty.order()), &van.ledger()));
        }
    });
    assert_eq!(van.ledger().violations, [""; 0]);
}

/// Takes all of them to their ends at once.
///
/// # Panics
/// When one of them does not end.
pub fn run(client: &dyn Client, orders: &[Faulty]) -> Vec<Ended> {
    let ended = |faulty: &Faulty| match client.approve(&faulty.order()) {
        Ok(Progress::Settled(settled)) => {
            settled.told().expect("the journal takes it");
            let outcome = settled.end().outcome().expect("an approval's end").clone();
            Ended { outcome, steps: settled.end().record().map(steps).unwrap_or_default() }
        }
        other => panic!("{}: {other:?}", faulty.plan),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = orders.iter().map(|faulty| scope.spawn(move || ended(faulty))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it has ended")).collect()
    })
}

/// The steps of a record's history, without times and names of holders.
#[must_use]
pub fn steps(record: &Record) -> Vec<String> {
    let step = |what: &Happening| match what {
        Happening::Resumed(_) => "Resumed".to_owned(),
        other => format!("{other:?}"),
    };
    record.history.iter().map(|entry| step(&entry.what)).collect()
}
