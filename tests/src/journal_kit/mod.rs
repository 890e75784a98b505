//! What every journal must do, as cases that an author runs against an own [`Journal`].
//!
//! Each case gets a fresh [`Store`] and panics where the journal breaks a rule; [`run`] runs them all, so that an
//! author's test is one line: `run(|| Box::new(MyStore::empty()))`. An [`AsyncJournal`] runs the same cases, as a
//! [`Driven`] one.
//!
//! [`AsyncJournal`]: kicc_proto::journal::AsyncJournal
//!
//! What only a process can show (a power cut, `kill -9`) and how a journal fails is outside the kit.

mod ends;
mod leases;
mod rows;
mod writes;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kicc_proto::{journal::Journal, time::UnixMillis};

pub use self::rows::row;
pub use kicc_proto::journal::Driven;

/// A fresh journal, and what the contract does not say of it.
pub trait Store: Sync {
    /// Another handle on the same rows, as another process would open it. Dropping the handle is that process's death.
    fn open(&self) -> Box<dyn Journal>;

    /// Whether the journal can tell a live holder from a dead one, or only reads leases (R20).
    fn knows_life(&self) -> bool;

    /// Prunes closed and told rows made before a moment, one batch (R22): how many. The kit calls until there are none.
    ///
    /// An approval is kept while a refund of it is open, parked or untold; a refund, however old, as long as its approval.
    /// Of what is pruned stay the number, the authorisation of a live approval and the slot of a live refund, which keep
    /// on being refused ([`Written`](kicc_proto::journal::Written)).
    fn prune(&self, before: UnixMillis) -> u64;

    /// Declares the journal restored, with a prefix for new numbers (R24): whether it agreed.
    fn restored(&self, prefix: &str) -> bool;
}

/// One thing that every journal must do.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The rule of payment safety that it stands for.
    pub rule: &'static str,
    /// Shows it, or panics.
    pub run: fn(&dyn Store),
}

/// Runs every case on a store of its own.
///
/// # Panics
/// When a case fails, after all have run, with the name of each that failed and what it found.
pub fn run(make: impl Fn() -> Box<dyn Store>) {
    let failed: Vec<String> = cases()
        .into_iter()
        .filter_map(|case| {
            let panic = catch_unwind(AssertUnwindSafe(|| (case.run)(&*make()))).err()?;
            Some(format!("\n{} ({}): {}", case.name, case.rule, said(&*panic)))
        })
        .collect();
    assert!(failed.is_empty(), "the journal fails {} cases:{}", failed.len(), failed.concat());
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |rule, name, run| Case { name, rule, run };
    vec![
        case("R1", "a row comes back as it was written", writes::comes_back),
        case("R3", "a number is taken once, and the second gets the first's row", writes::number_once),
        case("R3", "keys differ by environment, terminal and number", writes::keys_differ),
        case("R3", "of eight threads on one number one is first", writes::insert_race),
        case("R3", "an authorisation is spent by one live row", writes::authorisation_once),
        case("R3", "of eight threads on one authorisation one is first", writes::authorisation_race),
        case("R9", "a closed row is opened again though its authorisation is spent anew", writes::reopened),
        case("R16", "one refund of an approval is open or done", writes::refund_once),
        case("R2", "a write from the revision before settles what became of a write", writes::settles),
        case("R18", "of eight writers at one revision one is done", writes::revision_race),
        case("R20", "a write under an old token is refused", leases::fenced),
        case("R20", "of eight claims of a dead holder's row one is granted", leases::claim_race),
        case("R20", "a lease that runs is not taken", leases::live_not_robbed),
        case("R20", "a lapsed lease is taken from a live holder only where that is asked", leases::lapsed),
        case("R20", "a dead holder is not waited for", leases::dead_holder),
        case("R20", "a row that moved on is not claimed", leases::moved),
        case("R20", "a lease is renewed, never shortened, and lost with the token", leases::renewed),
        case("R20", "a lease given back is free at once, and its token is void", leases::released),
        case("R22", "lists are complete, in order and in pages", ends::lists),
        case("R22", "an end stays untold until it was told at that revision", ends::told),
        case("R22", "whether it was told is stored as it is written", ends::told_as_given),
        case("R22", "pruning keeps numbers, authorisations and refunds refused", ends::pruned),
        case("R22", "what is open, parked or untold is never pruned", ends::not_pruned),
        case(
            "R22",
            "an approval stays while its refund is open, parked or untold",
            ends::not_pruned_under_a_refund,
        ),
        case(
            "R24",
            "a restored journal asks for a new prefix, and its rows are suspect until written",
            ends::suspect,
        ),
    ]
}
