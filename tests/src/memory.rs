//! A journal for tests: nothing is durable, and its faults are scripted.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kicc_proto::{
    journal::{
        Admission, Claim, Claimed, Expect, Journal, Key, Kind, Life, Listing, ReadError, Row, Standing,
        Unreadable, WriteError, Written,
        restore::{RestoredError, check_prefix},
        sql,
    },
    time::UnixMillis,
    values::{Mark, TransactionNumber},
};

/// How a journal call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write answers *known not stored*, and nothing is stored.
    NotStored,
    /// A write answers *not known*, and was done.
    NotKnownStored,
    /// A write answers *not known*, and was not done.
    NotKnownLost,
    /// A read fails.
    NotRead,
}

/// One handle on a journal in memory. Dropping it makes its holder dead (R20); the rows live as long as one handle.
#[derive(Debug)]
pub struct MemoryJournal {
    state: Arc<Mutex<State>>,
    holder: String,
}

#[derive(Debug, Default)]
struct State {
    /// With the sequence of the last write.
    rows: BTreeMap<Key, (Row, u64)>,
    /// Hashes that pruning kept, and of slots the number that had them.
    used: BTreeMap<Mark, Option<TransactionNumber>>,
    sequence: u64,
    /// Rows last written at or before this are suspect.
    restored: u64,
    admission: Admission,
    alive: BTreeSet<String>,
    handles: u64,
    faults: VecDeque<Fault>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::open(Arc::default())
    }

    /// Another handle on the same rows, as another process would have it, with a holder of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::open(Arc::clone(&self.state))
    }

    /// Whether both are handles on the same rows.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    fn open(state: Arc<Mutex<State>>) -> Self {
        let holder = {
            let mut state = lock(&state);
            state.handles += 1;
            let holder = format!("handle-{}", state.handles);
            state.alive.insert(holder.clone());
            holder
        };
        MemoryJournal { state, holder }
    }

    /// Makes the next `count` calls that this fault concerns, on any handle, fail so; after those scripted before.
    pub fn fail_next(&self, fault: Fault, count: usize) {
        lock(&self.state).faults.extend(std::iter::repeat_n(fault, count));
    }

    /// No call fails any more.
    pub fn heal(&self) {
        lock(&self.state).faults.clear();
    }

    /// Declares that the journal was restored from a backup (R24): new numbers must begin with `prefix`, which no
    /// number ever did, and all rows are suspect.
    ///
    /// # Errors
    /// When the prefix is no prefix or was used.
    pub fn restored(&self, prefix: &str) -> Result<(), RestoredError> {
        let mut state = lock(&self.state);
        let used = state.rows.keys().map(|key| key.number.as_str()).find(|number| number.starts_with(prefix));
        let earlier = if let Admission::Prefix(earlier) = &state.admission { earlier } else { "" };
        check_prefix(prefix, earlier, used)?;
        state.restored = state.sequence;
        state.sequence += 1;
        state.admission = Admission::Prefix(prefix.into());
        Ok(())
    }

    /// Removes the records of at most `limit` closed and told rows made before `before`, and keeps what refuses their
    /// numbers, authorisations and refunds (R22). Returns how many.
    ///
    /// # Errors
    /// A scripted one.
    pub fn prune(&self, before: UnixMillis, limit: u32) -> Result<u32, WriteError> {
        self.change(|state| {
            let mut rows = state.sorted(|row| state.prunable(row, before));
            rows.truncate(limit as usize);
            for row in &rows {
                state.used.insert(row.key.short_hash(), None);
                if let Some(slot) = sql::slot_hash(row).filter(|_| row.live) {
                    state.used.insert(slot, Some(row.key.number.clone()));
                }
                state.rows.remove(&row.key);
            }
            Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
        })
    }

    /// Runs a write, or what a scripted fault makes of it.
    fn change<T>(&self, write: impl FnOnce(&mut State) -> Result<T, WriteError>) -> Result<T, WriteError> {
        let mut state = lock(&self.state);
        match state.fault(|fault| fault != Fault::NotRead) {
            None => write(&mut state),
            Some(Fault::NotKnownStored) => {
                write(&mut state)?;
                Err(WriteError::NotKnown("scripted, and stored".into()))
            }
            Some(Fault::NotKnownLost) => Err(WriteError::NotKnown("scripted, and lost".into())),
            Some(_) => Err(WriteError::NotStored("scripted".into())),
        }
    }

    /// Changes the row of a key where `applies`, without a new revision; whether it did.
    fn touch(
        &self,
        key: &Key,
        applies: impl FnOnce(&Row) -> bool,
        touch: impl FnOnce(&mut Row),
    ) -> Result<bool, WriteError> {
        self.change(|state| {
            let found = state.rows.get_mut(key).map(|(row, _)| row).filter(|row| applies(row));
            let done = found.map(touch).is_some();
            state.sequence += u64::from(done);
            Ok(done)
        })
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, ReadError> {
        let mut state = lock(&self.state);
        match state.fault(|fault| fault == Fault::NotRead) {
            Some(_) => Err(ReadError("scripted".into())),
            None => Ok(read(&state)),
        }
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        lock(&self.state).alive.remove(&self.holder);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal for MemoryJournal {
    fn holder(&self) -> &str {
        &self.holder
    }

    fn write(&self, row: &Row, expect: Expect) -> Result<Written, WriteError> {
        self.change(|state| match expect {
            Expect::Absent => Ok(state.insert(row)),
            Expect::Revision(revision) => state.update(row, revision),
        })
    }

    fn find(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        self.read(|state| state.find(key))
    }

    fn refunds(&self, original: &Key) -> Result<Vec<Row>, ReadError> {
        self.read(|state| {
            state.sorted(|row| {
                row.original.as_ref() == Some(&original.number) && same_terminal(&row.key, original)
            })
        })
    }

    fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, WriteError> {
        self.change(|state| {
            let Some(mut row) = state.find(claim.key).filter(|row| row.revision == claim.revision) else {
                return Ok(Claimed::Moved);
            };
            let life = if state.alive.contains(&*row.holder) { Life::Alive } else { Life::Dead };
            if !claim.takes(&row, life) {
                return Ok(Claimed::Held { holder: row.holder, until: row.lease_until });
            }
            row.token += 1;
            row.holder = claim.holder.into();
            row.lease_until = claim.lease_until;
            state.sequence += 1;
            if let Some((stored, _)) = state.rows.get_mut(claim.key) {
                *stored = row.clone();
            }
            Ok(Claimed::Yes(Box::new(row)))
        })
    }

    fn renew(&self, key: &Key, token: u64, until: UnixMillis) -> Result<bool, WriteError> {
        self.touch(key, |row| row.token == token, |row| row.lease_until = row.lease_until.max(until))
    }

    fn release(&self, key: &Key, token: u64) -> Result<(), WriteError> {
        let free = |row: &mut Row| {
            row.token += 1;
            row.holder = "".into();
            row.lease_until = UnixMillis(0);
        };
        self.touch(key, |row| row.token == token, free).map(drop)
    }

    fn holds(&self, key: &Key, token: u64) -> Result<bool, ReadError> {
        self.read(|state| state.find(key).is_some_and(|row| row.token == token))
    }

    fn told(&self, key: &Key, revision: u64) -> Result<bool, WriteError> {
        self.touch(key, |row| row.revision == revision, |row| row.told = true)
    }

    fn list(
        &self,
        which: Listing,
        after: Option<(UnixMillis, &Key)>,
        limit: u32,
    ) -> Result<Vec<Row>, ReadError> {
        self.read(|state| {
            let listed = |row: &Row| match which {
                Listing::Open => row.standing == Standing::Open,
                Listing::Parked => row.standing == Standing::Parked,
                Listing::Untold => !row.told && row.standing != Standing::Open,
                Listing::Made { from, until } => row.created_at >= from && row.created_at < until,
            };
            let mut rows = state
                .sorted(|row| listed(row) && after.is_none_or(|after| (row.created_at, &row.key) > after));
            rows.truncate(limit as usize);
            rows
        })
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, ReadError> {
        self.read(|_| Vec::new())
    }

    fn admission(&self) -> Result<Admission, ReadError> {
        self.read(|state| state.admission.clone())
    }
}

impl State {
    /// The next scripted fault, if it concerns this call.
    fn fault(&mut self, concerns: impl FnOnce(Fault) -> bool) -> Option<Fault> {
        let next = *self.faults.front()?;
        if concerns(next) { self.faults.pop_front() } else { None }
    }

    fn find(&self, key: &Key) -> Option<Row> {
        self.rows.get(key).map(|(row, sequence)| Row { suspect: *sequence <= self.restored, ..row.clone() })
    }

    /// Rows by time made, then key.
    fn sorted(&self, wanted: impl Fn(&Row) -> bool) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .rows
            .values()
            .filter(|(row, _)| wanted(row))
            .filter_map(|(row, _)| self.find(&row.key))
            .collect();
        rows.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
        rows
    }

    fn insert(&mut self, row: &Row) -> Written {
        if let Some(written) = self.known(&row.key) {
            return written;
        }
        let slot = sql::slot(row).filter(|_| row.live);
        let taken =
            |other: &&Row| other.live && same_terminal(&other.key, &row.key) && sql::slot(other) == slot;
        if let Some(other) = self.rows.values().map(|(other, _)| other).find(taken).filter(|_| slot.is_some())
        {
            return match row.kind {
                Kind::Approval => Written::AuthorisationInUse(Box::new(other.key.clone())),
                Kind::Refund => Written::AlreadyRefunding(Box::new(other.clone())),
            };
        }
        let pruned = slot.and_then(|_| sql::slot_hash(row)).and_then(|hash| self.used.get(&hash)?.clone());
        if let Some(number) = pruned {
            return match row.kind {
                Kind::Approval => Written::AuthorisationInUse(Box::new(Key { number, ..row.key.clone() })),
                Kind::Refund => Written::UsedBefore,
            };
        }
        self.store(row.clone());
        Written::Stored
    }

    fn update(&mut self, row: &Row, revision: u64) -> Result<Written, WriteError> {
        if row.revision != revision + 1 {
            return Err(WriteError::NotStored("the revision does not follow the one expected".into()));
        }
        match self.find(&row.key) {
            Some(stored) if stored.revision == revision && stored.token == row.token => {
                // A lease that was renewed meanwhile is not shortened.
                let renewed = if row.holder.is_empty() { UnixMillis(0) } else { stored.lease_until };
                let lease_until = row.lease_until.max(renewed);
                let Row { kind, original, created_at, .. } = stored;
                self.store(Row { kind, original, created_at, lease_until, ..row.clone() });
                Ok(Written::Stored)
            }
            _ => self
                .known(&row.key)
                .ok_or_else(|| WriteError::NotStored("there is no row of this number to write".into())),
        }
    }

    fn known(&self, key: &Key) -> Option<Written> {
        let stored = self.find(key).map(|row| Written::Conflict(Box::new(row)));
        stored.or_else(|| self.used.contains_key(&key.short_hash()).then_some(Written::UsedBefore))
    }

    fn store(&mut self, row: Row) {
        self.sequence += 1;
        self.rows.insert(row.key.clone(), (row, self.sequence));
    }

    /// See [`sql::PRUNABLE`].
    fn prunable(&self, row: &Row, before: UnixMillis) -> bool {
        let done = |row: &Row| row.standing == Standing::Closed && row.told;
        let approval_stands = row
            .original
            .clone()
            .is_some_and(|number| self.rows.contains_key(&Key { number, ..row.key.clone() }));
        let refund_waits = self.rows.values().any(|(refund, _)| {
            refund.original.as_ref() == Some(&row.key.number)
                && same_terminal(&refund.key, &row.key)
                && !done(refund)
        });
        done(row) && row.created_at < before && !approval_stands && !refund_waits
    }
}

fn same_terminal(a: &Key, b: &Key) -> bool {
    a.environment == b.environment && a.product == b.product && a.terminal == b.terminal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal_kit::{Store, run};

    impl Store for MemoryJournal {
        fn open(&self) -> Box<dyn Journal> {
            Box::new(self.another())
        }
        fn knows_life(&self) -> bool {
            true
        }
        fn prune(&self, before: UnixMillis) -> u64 {
            self.prune(before, 100).expect("no fault is scripted").into()
        }
        fn restored(&self, prefix: &str) -> bool {
            self.restored(prefix).is_ok()
        }
    }

    #[test]
    fn the_memory_journal_keeps_the_contract() {
        run(|| Box::new(MemoryJournal::new()));
    }
}
