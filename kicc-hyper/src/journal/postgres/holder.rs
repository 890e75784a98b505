//! Who works with the journal, and whether it still lives (R20), by the database's clock alone.
//!
//! A holder is a random name and a row of that name, which says until when it lives. Its process lengthens that from time
//! to time, and with every group of writes to beyond each lease in it: so a holder whose time is over holds no lease that
//! is not over as well, however wrong its own clock. The row goes when the journal is closed; a holder without one is
//! dead. A replica that was stopped, or cut off, for longer than that is taken for dead, and finds out by its tokens.
//!
//! Those who live share a cap on rescues in flight evenly ([`Share`]).

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use super::{
    Shared,
    connect::connection,
    group::Group,
    millis,
    statement::{error_text, present, query},
};

/// Makes its table.
pub(super) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS kicc_holders \
    (holder TEXT PRIMARY KEY NOT NULL, alive_until BIGINT NOT NULL, sequence BIGINT NOT NULL)";

/// A new one, or one that a restored database does not know: `$1` holder, `$2` for how long, `$3` its last write.
pub(super) const REGISTER: &str = concat!(
    "INSERT INTO kicc_holders (holder, alive_until, sequence) VALUES ($1, ",
    present!(),
    " + CAST($2 AS BIGINT), $3) ON CONFLICT (holder) DO UPDATE \
     SET alive_until = EXCLUDED.alive_until, sequence = EXCLUDED.sequence"
);

/// Lengthens a life: `$1` for how long, `$2` holder → its last write, as the database knows it; how many others live.
pub(super) const LIVES: &str = concat!(
    "UPDATE kicc_holders SET alive_until = GREATEST(alive_until, ",
    present!(),
    " + CAST($1 AS BIGINT)) WHERE holder = $2 RETURNING sequence, \
     (SELECT count(*) FROM kicc_holders AS o WHERE o.holder <> $2 AND o.alive_until > ",
    present!(),
    ")"
);

/// The same with a group of writes: `$1` for how long, `$2` the group's sequence, `$3` holder.
pub(super) const WRITES: &str = concat!(
    "UPDATE kicc_holders SET alive_until = GREATEST(alive_until, ",
    present!(),
    " + CAST($1 AS BIGINT)), sequence = $2 WHERE holder = $3"
);

/// `$1` holder → whether its time still runs.
pub(super) const IS_ALIVE: &str =
    concat!("SELECT alive_until > ", present!(), " FROM kicc_holders WHERE holder = $1");

/// `$1` holder → whether any other lives. Who does not live holds no lease.
pub(super) const HAS_COMPANY: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM kicc_holders WHERE alive_until > ",
    present!(),
    " AND holder <> $1)"
);

/// `$1` holder.
pub(super) const GONE: &str = "DELETE FROM kicc_holders WHERE holder = $1";

/// Those who went without a word, a month after (our choice).
pub(super) const FORGET: &str =
    concat!("DELETE FROM kicc_holders WHERE alive_until < ", present!(), " - 2592000000");

/// This process's share of the fleet's cap on rescues in flight (R14): an even one of those who live, one at least. A
/// share is as old as the last beat, so whoever comes to others, or back to them, has none until each of them has had
/// one; and whoever could not say that it lives has none until it has.
pub(super) struct Share {
    cap: Option<NonZeroU32>,
    now: AtomicU32,
}

impl Share {
    pub fn new(cap: Option<NonZeroU32>) -> Self {
        Share { cap, now: AtomicU32::new(0) }
    }

    /// `None` where there is no cap.
    pub fn now(&self) -> Option<u32> {
        self.cap.map(|_| self.now.load(Ordering::SeqCst))
    }

    /// After a beat that found so many others.
    fn set(&self, others: u32, is_new: bool) {
        let Some(cap) = self.cap else { return };
        let share = match (others, is_new) {
            (1.., true) => 0,
            _ => (cap.get() / others.saturating_add(1)).max(1),
        };
        self.now.store(share, Ordering::SeqCst);
    }

    fn none(&self) {
        self.now.store(0, Ordering::SeqCst);
    }
}

/// Says from time to time that this process lives. A database that does not know its last write was restored: that is
/// declared at once, though there may be nothing to write (R24).
pub(super) async fn keep_alive(shared: Arc<Shared>) {
    let lease = shared.settings.lease;
    let mut beat = interval((lease / 5).max(Duration::from_millis(1)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None::<Instant>;
    loop {
        beat.tick().await;
        match lives(&shared).await {
            Ok(others) => {
                let is_new = last.is_none_or(|last| last.elapsed() >= lease);
                shared.share.set(others, is_new);
                last = Some(Instant::now());
            }
            Err(why) => {
                warn!(%why, "the journal could not say that this process lives");
                shared.share.none();
            }
        }
    }
}

/// How many others live.
async fn lives(shared: &Shared) -> Result<u32, Box<str>> {
    let own = shared.own.load(Ordering::SeqCst);
    let row = {
        let client = connection(&shared.pools.rows).await?;
        let values = vec![millis(shared.settings.lease).into(), (&*shared.holder).into()];
        query(&client, LIVES, values).await.map_err(|error| error_text(&error))?.into_iter().next()
    };
    let number = |column| row.as_ref().and_then(|row| row.try_get::<_, i64>(column).ok());
    if number(0).and_then(|known| u64::try_from(known).ok()).is_none_or(|known| known < own) {
        let group = Group::begin(shared).await.map_err(|error| error.to_string())?;
        group.cancel().await;
    }
    let others = number(1).ok_or("the journal does not know this process")?;
    Ok(u32::try_from(others).unwrap_or(u32::MAX))
}
