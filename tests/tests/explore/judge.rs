//! What must hold when the caller is told, and at the end of a run.

use kicc_proto::{
    flow::{Charged, OperatorReason, Outcome, RefundOutcome, Verdict},
    journal::{Standing, record::Record},
};

use super::{
    glance::Noted,
    place::Sale,
    van::Ledger,
    world::{World, named},
};

/// After this long nothing is on its way any more, as the assumption behind the quiet period has it.
const AFTERWARDS: u64 = 3_600_000;

impl World<'_> {
    /// R22 and the outcomes' meaning, in the moment in which the caller is told.
    pub fn judge_telling(&mut self, verdict: &Verdict, record: Option<&Record>) {
        let (charged, books) = (self.van.ledger == Ledger::Standing, self.books);
        let (before, known) = (self.told.as_ref().map(known), known(verdict));
        self.must(agrees(known, charged), || {
            format!(
                "told {}, and the customer is {}charged",
                named(verdict),
                if charged { "" } else { "not " }
            )
        });
        if let Verdict::Approval(Outcome::Approved(_)) = verdict {
            let asked_for = !self.van.other_amount;
            self.must(asked_for, || "R8: told approved, over another amount".into());
            self.must(books == Some(true), || "told approved, and the merchant does not hold it".into());
        }
        let contradicts =
            matches!((before, known), (Some(Charged::Yes), Charged::No) | (Some(Charged::No), Charged::Yes));
        self.must(!contradicts, || format!("R22: told first {before:?}, then {known:?}"));
        if let Verdict::Approval(Outcome::NeedsOperator { why, resolution: None, .. })
        | Verdict::Refund(RefundOutcome::NeedsOperator { why, resolution: None, .. }) = verdict
        {
            let unrecorded = *why == OperatorReason::PaidNotRecorded;
            let justified = match record {
                Some(record) => self.justifies(why, record),
                None => unrecorded && self.place.habits.sale == Sale::Window,
            };
            self.must(justified, || format!("a person must look without need: {why}"));
        }
    }

    /// A person is only called where a budget, a horizon or a window was used up, or an authority is missing.
    fn justifies(&self, why: &OperatorReason, record: &Record) -> bool {
        let habits = &self.place.habits;
        let no_rescue = !self.place.sample.has_rescue(habits);
        let used_up = self.overslept || record.rescue.sent >= habits.tries;
        match why {
            OperatorReason::OutsideProofWindow | OperatorReason::AcceptCannotTell => self.overslept,
            OperatorReason::CancelRefused(_) => used_up || !habits.query,
            OperatorReason::RefundUnknown => {
                used_up || no_rescue || habits.refund_after.is_some_and(|after| after.0 > AFTERWARDS)
            }
            OperatorReason::NoStatusQuery => no_rescue,
            OperatorReason::JournalBehindBooks => self.restored,
            OperatorReason::LateSuccessAfterResolution => self.resolved,
            _ => used_up || no_rescue,
        }
    }

    /// Whether nothing goes on any more by itself.
    pub fn is_at_rest(&self) -> bool {
        let open = |row: &Noted| row.standing == Standing::Open || !row.told;
        self.workers.is_empty() && !self.rows.values().any(|row| open(row))
    }

    /// What must hold at rest, once everything late has arrived.
    pub fn judge_end(&mut self) {
        // A person, or a restored journal, may go on from here at once.
        let (now, real, van) = (self.now, self.real, self.van.clone());
        self.later(AFTERWARDS);
        self.judge_books();
        (self.now, self.real, self.van) = (now, real, van);
    }

    fn judge_books(&mut self) {
        let (charged, books) = (self.van.ledger == Ledger::Standing, self.books);
        let verdict = self
            .row()
            .map(|row| row.record())
            .and_then(|record| record.verdict())
            .or_else(|| self.told.clone());
        match &verdict {
            None => {
                // What was paid before is found again by whoever asks the next time.
                let paid_before = self.place.habits.sale == Sale::Window;
                let silent = (!charged || paid_before) && self.wire.approvals == 0;
                self.must(silent, || "it was sent, and nobody knows of it".into());
            }
            Some(verdict) => {
                let known = known(verdict);
                self.must(agrees(known, charged), || {
                    format!("ended as charged: {known:?}; the gateway's books say {charged}")
                });
                let kept = books != Some(true)
                    || !matches!(verdict, Verdict::Approval(outcome) if outcome.charged() == Charged::No);
                self.must(kept, || "the merchant holds it, and it was undone".into());
            }
        }
        let told = self.told.as_ref().map_or(Charged::Unknown, known);
        self.must(agrees(told, charged), || {
            format!("the caller was told charged: {told:?}; the gateway's books say {charged}")
        });
    }
}

/// What is known by it of the customer's money, once and for all.
pub fn known(verdict: &Verdict) -> Charged {
    match verdict {
        Verdict::Approval(outcome) => outcome.charged(),
        Verdict::Refund(outcome) => outcome.charged(),
    }
}

fn agrees(known: Charged, charged: bool) -> bool {
    match known {
        Charged::Yes => charged,
        Charged::No => !charged,
        Charged::Unknown => true,
    }
}
