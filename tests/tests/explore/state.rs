//! What makes two states the same, and what falls on the way to the end.

use std::hash::{DefaultHasher, Hash, Hasher};

use kicc_proto::{
    flow::{Persist, Step, WaitReason, table::Stage},
    journal::{Expect, Standing, record::Record},
    time::{Mono, UnixMillis},
};

use super::{
    glance::Noted,
    judge::known,
    van::day,
    world::{Doing, Wire, Worker, World},
};

impl World<'_> {
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
                left += (tries + 1).saturating_sub(row.sent()) * 40 + 30;
            } else if row.standing != Standing::Open && !row.told {
                left += if self.workers.iter().any(|worker| worker.tells(row)) { 2 } else { 4 };
            }
        }
        left += if self.late_commit.is_some() { 2 * restart } else { 0 };
        (self.left.total(), left)
    }

    /// Everything that decides what can still happen, without history text and tick counters.
    pub fn digest(&self, place: u8) -> u64 {
        let mut state = DefaultHasher::new();
        let now = self.now;
        (place, self.left).hash(&mut state);
        (self.books, self.restored, self.overslept, self.parked, self.resolved, self.asked_again)
            .hash(&mut state);
        (self.backup.is_some(), self.clock_was_put, self.real.wall.0.wrapping_sub(now.wall.0))
            .hash(&mut state);
        let Wire { approvals, net_cancel, cancel, stood_since, .. } = &self.wire;
        (approvals, net_cancel.is_some(), cancel, stood_since).hash(&mut state);
        self.told.as_ref().map(known).hash(&mut state);
        self.van.digest(self.real, &mut state);
        for row in self.rows.values() {
            row.essence().hash(&mut state);
            let horizon_passed = now.wall.0.saturating_sub(row.since()) >= self.place.policy.horizon.0;
            (row.told, row.suspect, row.holder.is_empty(), horizon_passed).hash(&mut state);
        }
        if let Some((row, expect)) = &self.late_commit {
            row.essence().hash(&mut state);
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
        // Time decides by what has passed: a Korean midnight, ten minutes before it, a window counted from the request.
        day(now).as_str().hash(&mut state);
        let midnight = day(now).next_day().map_or(UnixMillis(0), |day| day.starts_at());
        let left = midnight.0 - now.wall.0;
        let window_passed =
            now.wall.0.saturating_sub(self.place.begins.wall.0) >= self.place.policy.horizon.0;
        (left.min(120_000), left <= 600_000, window_passed).hash(&mut state);
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
        let stored = || self.row.as_ref().map_or(0, |row| left(row.sent()));
        match &self.doing {
            Some(Doing::Write(persist, row)) => {
                let again = 2 * u64::from(self.tries.min(1));
                let left = left(row.sent()) + again;
                match row.standing {
                    // A success, told to whoever has the row now.
                    _ if row.token != self.token => {
                        again + if self.is_behind(persist, row, world) { 5 } else { 4 }
                    }
                    Standing::Closed | Standing::Parked => left + 6,
                    Standing::Open if row.is_sending() => {
                        let begun = row.lease_until.0 - world.place.policy.lease.0;
                        left + 20 + unsent(world.now.wall.0 < begun + world.place.policy.send_by.0)
                    }
                    Standing::Open if row.asks_books() => left + 27,
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

    /// Whether it is about to tell the end that is written there.
    fn tells(&self, row: &Noted) -> bool {
        let done = match &self.doing {
            Some(Doing::Step(Step::Done(done))) => done.revision(),
            _ => None,
        };
        self.key == row.key && done == Some(row.revision)
    }

    /// Its next write will find another row than it expects.
    fn is_behind(&self, persist: &Persist, row: &Noted, world: &World<'_>) -> bool {
        let stands = world.rows.get(&self.key).map(|row| (Expect::Revision(row.revision), row.token));
        stands.is_some_and(|stands| stands != (persist.expect(), row.token))
    }

    fn digest(&self, world: &World<'_>, state: &mut impl Hasher) {
        let now = world.now;
        let quiet = world.place.quiet_period();
        let quiet_left = |since: Mono| quiet.saturating_sub(now.mono.0 - since.0);
        let row = world.rows.get(&self.key);
        (row.map(|row| row.token == self.token), row.map(|row| row.standing == Standing::Open)).hash(state);
        row.map(|row| self.row.as_ref().is_some_and(|seen| seen.revision == row.revision)).hash(state);
        (self.unsettled, self.tries, self.approving, self.late, self.repeats).hash(state);
        (quiet_left(self.begun), quiet_left(self.gave_up)).hash(state);
        if let Some(row) = &self.row {
            row.essence().hash(state);
        }
        let lease_left = |row: &Noted| row.lease_until.0.saturating_sub(now.wall.0);
        match &self.doing {
            Some(Doing::Write(persist, row)) => {
                (row.essence(), lease_left(row)).hash(state);
                (1, matches!(persist.expect(), Expect::Absent), row.holder.is_empty()).hash(state);
                self.is_behind(persist, row, world).hash(state);
            }
            Some(Doing::Step(Step::Wait(wait))) => {
                if let (WaitReason::Journal, Some(row)) = (wait.reason(), &self.again) {
                    (row.essence(), lease_left(row)).hash(state);
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
                (6, ready.verb, quiet_left(self.sent_at), ready.permit.left(now)).hash(state);
            }
            Some(Doing::Sent { in_flight, answer }) => {
                let left = in_flight.deadline().left(now);
                (7, in_flight.verb(), answer, left, self.sent_at.0.saturating_sub(self.gave_up.0).min(quiet))
                    .hash(state);
            }
            _ => 8.hash(state),
        }
    }
}
