//! What must hold: when the caller is told, at the end of a run, and on the way there. And what makes two states the
//! same.

use std::hash::{DefaultHasher, Hash, Hasher};

use kicc_proto::{
    flow::{
        Charged, OperatorReason, Outcome, Persist, RefundOutcome, Step, Verdict, WaitReason, table::Stage,
    },
    journal::{Expect, Kind, Row, Standing, record::Record},
    product::Product,
    time::UnixMillis,
    wire::NotSent,
};

use super::{
    glance,
    van::{Ledger, day},
    world::{Doing, Worker, World},
};

/// After this long nothing is on its way any more, as the assumption behind the quiet period has it.
const AFTERWARDS: u64 = 3_600_000;

impl World<'_> {
    /// R22 and the outcomes' meaning, in the moment in which the caller is told.
    pub fn judge_telling(&mut self, verdict: &Verdict) {
        let (charged, books) = (self.van.ledger == Ledger::Standing, self.books);
        match verdict {
            Verdict::Approval(Outcome::Approved(_)) => {
                self.must(charged, || "told approved, and the customer is not charged".into());
                let asked_for = !self.van.other_amount;
                self.must(asked_for, || "R8: told approved, over another amount".into());
                self.must(books == Some(true), || "told approved, and the merchant does not hold it".into());
            }
            Verdict::Approval(Outcome::NeedsOperator { charged: Charged::Yes, .. }) => {
                self.must(charged, || "told charged, and the customer is not".into());
            }
            Verdict::Refund(outcome) if charge(verdict) == Charged::Yes => {
                self.must(charged, || format!("told {}, and the money has gone back", outcome.name()));
            }
            Verdict::Approval(outcome) if outcome.charged() == Charged::No => {
                self.must(!charged, || format!("told {}, and the customer is charged", outcome.name()));
            }
            Verdict::Refund(RefundOutcome::Refunded) => {
                self.must(!charged, || "told refunded, and the customer is still charged".into());
            }
            _ => {}
        }
        let (before, after) = (self.told.as_ref().map(charge), charge(verdict));
        let contradicts =
            matches!((before, after), (Some(Charged::Yes), Charged::No) | (Some(Charged::No), Charged::Yes));
        self.must(!contradicts, || format!("R22: told first {before:?}, then {after:?}"));
        if let Verdict::Approval(Outcome::NeedsOperator { why, resolution: None, .. })
        | Verdict::Refund(RefundOutcome::NeedsOperator { why, resolution: None, .. }) = verdict
        {
            let justified = self.justifies(why);
            self.must(justified, || format!("a person must look without need: {why}"));
        }
    }

    /// A person is only called where a budget, a horizon or a window was used up, or an authority is missing.
    fn justifies(&self, why: &OperatorReason) -> bool {
        let Some(record) = self.row().map(World::record_of) else { return false };
        let habits = &self.place.habits;
        let no_query = habits.product == Product::EasyTalk && !habits.query;
        let refund = record.kind == Kind::Refund;
        let used_up = self.overslept || record.rescue.sent >= habits.tries;
        match why {
            OperatorReason::OutsideProofWindow | OperatorReason::AcceptCannotTell => self.overslept,
            OperatorReason::CancelRefused(_) => {
                used_up || no_query || refund && habits.product == Product::Simple
            }
            OperatorReason::RefundUnknown => {
                used_up || no_query || habits.refund_after.is_some_and(|after| after.0 > AFTERWARDS)
            }
            OperatorReason::NoStatusQuery => no_query,
            OperatorReason::JournalBehindBooks => self.restored,
            OperatorReason::LateSuccessAfterResolution => self.resolved,
            _ => used_up || no_query,
        }
    }

    /// Whether nothing goes on any more by itself.
    pub fn is_at_rest(&self) -> bool {
        let open = |row: &Row| row.standing == Standing::Open || !row.told;
        self.workers.is_empty() && !self.rows.values().any(open)
    }

    /// What must hold at rest, once everything late has arrived.
    pub fn judge_end(&mut self) {
        self.later(AFTERWARDS);
        let (charged, books) = (self.van.ledger == Ledger::Standing, self.books);
        let verdict = self
            .row()
            .map(World::record_of)
            .and_then(|record| record.verdict())
            .or_else(|| self.told.clone());
        match &verdict {
            None => {
                let silent = !charged && self.wire.approvals == 0;
                self.must(silent, || "it was sent, and nobody knows of it".into());
            }
            Some(verdict) => {
                let known = charge(verdict);
                let agrees = match known {
                    Charged::Yes => charged,
                    Charged::No => !charged,
                    Charged::Unknown => true,
                };
                self.must(agrees, || {
                    format!("ended as charged: {known:?}; the gateway's books say {charged}")
                });
                let kept = books != Some(true)
                    || !matches!(verdict, Verdict::Approval(outcome) if outcome.charged() == Charged::No);
                self.must(kept, || "the merchant holds it, and it was undone".into());
            }
        }
        let told = self.told.as_ref().map(charge);
        let agrees = match told {
            Some(Charged::Yes) => charged,
            Some(Charged::No) => !charged,
            _ => true,
        };
        self.must(agrees, || {
            format!("the caller was told charged: {told:?}; the gateway's books say {charged}")
        });
    }

    /// What falls with every act that is no departure: messages that may still be sent, and steps to the next one.
    pub fn measure(&self) -> (u8, u64) {
        let tries = u64::from(self.place.habits.tries) + 4;
        let restart = (tries + 4) * 40;
        let mut left = 0;
        for worker in &self.workers {
            left += worker.measure(tries, self);
            left += if worker.approving { 2 * restart } else { 0 };
            let row = self.rows.get(&worker.key);
            let stale = row.is_some_and(|row| {
                row.token == worker.token
                    && worker.row.as_ref().is_some_and(|seen| seen.revision != row.revision)
            });
            left += if stale { 120 } else { 0 };
        }
        for row in self.rows.values() {
            if row.standing == Standing::Open && !self.has_worker(row) {
                left += (tries + 1).saturating_sub(glance::sent(row)) * 40 + 30;
            } else if row.standing != Standing::Open && !row.told {
                left += if self.workers.is_empty() { 4 } else { 2 };
            }
        }
        left += if self.late_commit.is_some() { 2 * restart } else { 0 };
        (self.departures_left, left)
    }

    /// Everything that decides what can still happen, without history text and tick counters.
    pub fn digest(&self) -> u64 {
        let mut state = DefaultHasher::new();
        let now = self.now;
        self.departures_left.hash(&mut state);
        (self.books, self.restored, self.overslept, self.resolved, self.asked_again, self.backup.is_some())
            .hash(&mut state);
        (self.wire.approvals, self.wire.stood_since).hash(&mut state);
        format!("{:?}", self.told.as_ref().map(charge)).hash(&mut state);
        self.van.digest(now, &mut state);
        for row in self.rows.values() {
            glance::essence(row).hash(&mut state);
            (row.told, row.suspect, row.holder.is_empty()).hash(&mut state);
        }
        if let Some((row, expect)) = &self.late_commit {
            glance::essence(row).hash(&mut state);
            let current = self.rows.get(&row.key);
            let lands = match expect {
                Expect::Absent => current.is_none(),
                Expect::Revision(revision) => current.is_some_and(|row| row.revision == *revision),
            };
            lands.hash(&mut state);
        }
        for worker in &self.workers {
            worker.digest(self, &mut state);
        }
        // Time decides by what has passed: a Korean midnight, the horizon.
        day(now).as_str().hash(&mut state);
        let midnight = day(now).next_day().map_or(UnixMillis(0), |day| day.starts_at());
        (midnight.0 - now.wall.0).min(120_000).hash(&mut state);
        state.finish()
    }
}

impl Worker {
    /// What it may still send, and how many steps it is from its next message.
    fn measure(&self, tries: u64, world: &World<'_>) -> u64 {
        // Whoever was taken over sends nothing any more.
        let sends = world.rows.get(&self.key).is_none_or(|row| row.token == self.token);
        let left = |sent: u64| if sends { (tries + 1).saturating_sub(sent) * 40 } else { 0 };
        // What may not go any more does not count as a try.
        let unsent = |may_go: bool| if may_go || !sends { 0 } else { 50 };
        let stale = if sends { 0 } else { 16 };
        let of = |record: &Record| left(record.rescue.sent.into());
        let stored = || self.row.as_ref().map_or(0, |row| left(glance::sent(row)));
        match &self.doing {
            Some(Doing::Step(Step::Persist(persist))) => {
                let row = persist.row();
                let again = 2 * u64::from(self.tries.min(1));
                let left = left(glance::sent(&row)) + again;
                match row.standing {
                    // A success, told to whoever has the row now.
                    _ if row.token != self.token => {
                        again + if self.is_behind(persist, world) { 5 } else { 4 }
                    }
                    Standing::Closed | Standing::Parked => left + 6,
                    Standing::Open if glance::is_sending(&row) => {
                        let begun = row.lease_until.0 - world.place.policy.lease.0;
                        left + 20 + unsent(world.now.wall.0 < begun + world.place.policy.send_by.0)
                    }
                    Standing::Open => left + 12,
                }
            }
            Some(Doing::Step(Step::Wait(wait))) => {
                let steps = match wait.reason() {
                    WaitReason::Journal => 83,
                    WaitReason::Merchant if wait.record().stage != Stage::Undecided => 28,
                    _ => 10,
                };
                // While one that was taken over sleeps, the permission of the one that has it may pass.
                of(wait.record()) + 8 * stale + steps
            }
            Some(Doing::Step(Step::Settle(settle))) => of(settle.record()) + stale + 8,
            Some(Doing::Step(Step::AskBooks(ask))) => of(ask.record()) + stale + 25,
            Some(Doing::Step(Step::Done(done))) if done.record().is_some() => 1,
            Some(Doing::Step(_)) | None => 3,
            Some(Doing::Ready(ready)) => stored() + stale + 18 + unsent(ready.may_still_go(world.now)),
            Some(Doing::Sent { .. }) => stored() + stale + 16,
        }
    }

    /// Its next write will find another row than it expects.
    fn is_behind(&self, persist: &Persist, world: &World<'_>) -> bool {
        let stands = world.rows.get(&self.key).map(|row| (Expect::Revision(row.revision), row.token));
        stands.is_some_and(|stands| stands != (persist.expect(), persist.row().token))
    }

    fn digest(&self, world: &World<'_>, state: &mut impl Hasher) {
        let now = world.now;
        let quiet = world.place.policy.quiet_period.0;
        let quiet_left = |since: kicc_proto::time::Mono| quiet.saturating_sub(now.mono.0 - since.0);
        let row = world.rows.get(&self.key);
        (row.map(|row| row.token == self.token), row.map(|row| row.standing == Standing::Open)).hash(state);
        row.map(|row| self.row.as_ref().is_some_and(|seen| seen.revision == row.revision)).hash(state);
        (self.unsettled, self.tries, self.approving).hash(state);
        (quiet_left(self.begun), quiet_left(self.gave_up)).hash(state);
        if let Some(row) = &self.row {
            glance::essence(row).hash(state);
        }
        match &self.doing {
            Some(Doing::Step(Step::Persist(persist))) => {
                let row = persist.row();
                glance::essence(&row).hash(state);
                (1, matches!(persist.expect(), Expect::Absent), row.holder.is_empty()).hash(state);
                self.is_behind(persist, world).hash(state);
            }
            Some(Doing::Step(Step::Wait(wait))) => {
                if wait.reason() == WaitReason::Journal {
                    glance::essence_of(wait.record()).hash(state);
                }
                wait.record().rescue.asked.hash(state);
                let left = wait.until(0, now).0.saturating_sub(now.mono.0);
                (2, wait.reason(), left).hash(state);
            }
            Some(Doing::Step(Step::Settle(_))) => 3.hash(state),
            Some(Doing::Step(Step::AskBooks(ask))) => {
                (4, ask.record().rescue.asked).hash(state);
            }
            Some(Doing::Step(Step::Done(done))) => (5, format!("{:?}", done.ended())).hash(state),
            Some(Doing::Ready(ready)) => {
                (6, ready.verb, quiet_left(self.sent_at), ready.may_still_go(now)).hash(state);
            }
            Some(Doing::Sent { in_flight, answer }) => {
                let late = in_flight.deadline().passed(now);
                (7, in_flight.verb(), answer, late, self.sent_at.0.saturating_sub(self.gave_up.0).min(quiet))
                    .hash(state);
            }
            _ => 8.hash(state),
        }
    }
}

/// What the caller knows by it of the customer's money, once and for all.
fn charge(verdict: &Verdict) -> Charged {
    match verdict {
        // Its row, whose write was not known, may turn up; recovery then goes on with the refund.
        Verdict::Refund(RefundOutcome::NotAttempted(NotSent::NotRecorded)) => Charged::Unknown,
        Verdict::Approval(outcome) => outcome.charged(),
        Verdict::Refund(outcome) => outcome.charged(),
    }
}
