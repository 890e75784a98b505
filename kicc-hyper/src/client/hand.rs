//! An attempt in hand. Whatever is awaited, what is owed lies in a guard, so that a future that is dropped at any await
//! leaves it behind instead of losing it (R17).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use kicc_proto::{flow::Step, journal::Key, time::Now};
use tokio::sync::Notify;

use super::{Inner, Terminal, background, shutdown::lock};

/// The keys that this client drives.
#[derive(Debug, Default)]
pub(super) struct Hands {
    keys: Mutex<HashMap<Key, usize>>,
    /// Whenever one is put down.
    put_down: Notify,
}

/// Owned by the future that drives the attempt.
pub(super) struct Hand {
    pub inner: Arc<Inner>,
    pub terminal: Terminal,
    pub key: Key,
    /// Its first future was dropped.
    pub is_abandoned: bool,
}

/// What is owed while something is awaited. Dropped, it is abandoned.
pub(super) struct Guard<'h, T, F: FnOnce(T, Now) -> Step> {
    hand: &'h Hand,
    owed: Option<(T, F)>,
}

impl Hands {
    pub fn keys(&self) -> Vec<Key> {
        lock(&self.keys).keys().cloned().collect()
    }

    pub fn count(&self) -> usize {
        lock(&self.keys).values().sum()
    }

    /// Waits until there are none.
    pub async fn empty(&self) {
        loop {
            let put_down = self.put_down.notified();
            tokio::pin!(put_down);
            put_down.as_mut().enable();
            if lock(&self.keys).is_empty() {
                return;
            }
            put_down.await;
        }
    }

    fn put_down(&self, key: &Key) {
        let mut keys = lock(&self.keys);
        if let Some(count) = keys.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                keys.remove(key);
            }
        }
        drop(keys);
        self.put_down.notify_waiters();
    }
}

impl Hand {
    /// Takes it up, also where another hand has it: the journal decides who goes on.
    pub fn new(inner: &Arc<Inner>, terminal: &Terminal, key: &Key) -> Self {
        *lock(&inner.hands.keys).entry(key.clone()).or_default() += 1;
        Self::taken_up(inner, terminal, key)
    }

    /// Takes it up if no other hand has it. Whoever would go on with it in spite of that would only begin its waits
    /// anew, each time its lease lapses.
    pub fn of_free(inner: &Arc<Inner>, terminal: &Terminal, key: &Key) -> Option<Self> {
        {
            let mut keys = lock(&inner.hands.keys);
            if keys.contains_key(key) {
                return None;
            }
            keys.insert(key.clone(), 1);
        }
        Some(Self::taken_up(inner, terminal, key))
    }

    fn taken_up(inner: &Arc<Inner>, terminal: &Terminal, key: &Key) -> Self {
        let (inner, terminal, key) = (Arc::clone(inner), terminal.clone(), key.clone());
        Hand { inner, terminal, key, is_abandoned: false }
    }

    /// Lays it down for the time of an await; `abandoned` says what follows when whoever awaited is gone.
    pub fn guard<T, F: FnOnce(T, Now) -> Step>(&self, value: T, abandoned: F) -> Guard<'_, T, F> {
        Guard { hand: self, owed: Some((value, abandoned)) }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.inner.hands.put_down(&self.key);
    }
}

impl<T, F: FnOnce(T, Now) -> Step> Guard<'_, T, F> {
    /// Takes it up again.
    pub fn take(mut self) -> T {
        self.owed.take().expect("it is taken up once").0
    }
}

impl<T, F: FnOnce(T, Now) -> Step> Drop for Guard<'_, T, F> {
    fn drop(&mut self) {
        if let Some((value, abandoned)) = self.owed.take() {
            background::take_on(self.hand, abandoned(value, self.hand.inner.clock.now()));
        }
    }
}
