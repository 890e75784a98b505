//! What this client drives itself. Whoever waits for such a row leaves it alone also when its lease lapses in a pause:
//! to take it over would only begin its pauses anew (R25).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kicc_proto::journal::Key;

#[derive(Default)]
pub(super) struct Hands(Mutex<HashMap<Key, usize>>);

/// A row in hand, until it is dropped.
pub(super) struct Hand<'h> {
    hands: &'h Hands,
    key: Box<Key>,
}

impl Hands {
    /// Takes it up, also where another thread has it: the journal decides who goes on.
    pub fn take_up(&self, key: &Key) -> Hand<'_> {
        *self.keys().entry(key.clone()).or_default() += 1;
        Hand { hands: self, key: Box::new(key.clone()) }
    }

    /// Takes it up if no other thread has it.
    pub fn take_up_free(&self, key: &Key) -> Option<Hand<'_>> {
        let mut keys = self.keys();
        if keys.contains_key(key) {
            return None;
        }
        keys.insert(key.clone(), 1);
        drop(keys);
        Some(Hand { hands: self, key: Box::new(key.clone()) })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        let mut keys = self.hands.keys();
        if let Some(count) = keys.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.key);
            }
        }
    }
}
