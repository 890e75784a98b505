//! What becomes of an approval request once its product has found nothing against it: the same in every product.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::faults::{Fault, Plan};
use super::http::Answer;
use super::ledger::{Books, Charge, Key, Kind};

/// How a product answers an approval request.
pub(super) trait Teller {
    /// The answer where nothing is booked.
    fn not_booked(&self, fault: Fault) -> Answer;
    /// The answer where this is booked.
    fn booked(&self, books: &Books, fault: Fault, charge: &Charge) -> Answer;
}

pub(super) fn count(shared: &Shared, plan: Plan) {
    let mut counts = shared.counts();
    counts.approvals += 1;
    for name in
        [Some(plan.fault.row().name), plan.rescue.map(|rescue| rescue.row().name)].into_iter().flatten()
    {
        *counts.by_fault.entry(name.to_owned()).or_default() += 1;
    }
}

/// Books or not, as the fault says.
pub(super) fn act(
    shared: &Arc<Shared>,
    books: &mut Books,
    key: &Key,
    amount: u64,
    fault: Fault,
    teller: &impl Teller,
) -> Answer {
    let Some(entry) = books.entry(key) else { return Answer::Reset };
    match fault {
        Fault::Decline | Fault::DeclineBare | Fault::DeclineUnlisted => {
            entry.decline();
            entry.did("declined");
            teller.not_booked(fault)
        }
        Fault::DuplicateBefore => {
            entry.did("ignored: answered as a duplicate");
            teller.not_booked(fault)
        }
        Fault::HangBefore => {
            entry.did("ignored");
            Answer::Hang(None)
        }
        Fault::ResetBefore => {
            entry.did("ignored");
            Answer::Reset
        }
        Fault::LateAfterGiveUp | Fault::LateAfterNetCancel | Fault::LateForgetful => {
            entry.booking_pending = true;
            entry.did("to be booked late");
            let (shared, key) = (Arc::clone(shared), key.clone());
            Answer::Hang(Some(Box::new(move || book_late(&shared, &key, amount, fault))))
        }
        fault => {
            entry.did("booked");
            let amount = if fault == Fault::AmountDiffers { amount + 10 } else { amount };
            match books.book(key, amount, shared.clock.now()) {
                Some(charge) => teller.booked(books, fault, &charge),
                None => Answer::Reset,
            }
        }
    }
}

/// Runs when the client has given up the approval.
pub(super) fn book_late(shared: &Shared, key: &Key, amount: u64, fault: Fault) {
    let delay = if fault == Fault::LateAfterGiveUp { Duration::ZERO } else { shared.config.late };
    if !shared.stop.wait(delay) {
        return;
    }
    let mut books = shared.books();
    let Some(entry) = books.entry(key) else { return };
    if !entry.booking_pending {
        return;
    }
    if entry.net_cancel_remembered {
        entry.booking_pending = false;
        entry.did_later(Kind::Approval, "not booked: net-cancelled meanwhile");
    } else {
        entry.did_later(Kind::Approval, "booked late");
        books.book(key, amount, shared.clock.now());
    }
}

/// A rescue message came: the client has given up, though its closed connection may not have been noticed yet.
pub(super) fn given_up(shared: &Shared, books: &mut Books, key: &Key, fault: Fault) {
    let Some(entry) = books.entry(key) else { return };
    if entry.booking_pending && fault == Fault::LateAfterGiveUp {
        let amount = entry.amount;
        entry.did_later(Kind::Approval, "booked late");
        books.book(key, amount, shared.clock.now());
    }
}
