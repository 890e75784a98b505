//! The same again and again, at other instants, until everything was met.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{random::Random, shop::Shop};

/// How many records are in which stage.
pub type Stages = BTreeMap<String, u64>;

pub fn stages(shop: &Shop) -> Stages {
    let mut stages = Stages::new();
    for row in shop.rows().values() {
        *stages.entry(row.stage_name()).or_default() += 1;
    }
    stages
}

/// How long after a load began: while all are in the thick of it, while the gateway is silent, or while it is asked what
/// became of them.
pub fn instant(random: &mut Random) -> Duration {
    let [from, to] = [[5, 250], [250, 1_000], [1_000, 3_500]][random.below(3) as usize];
    random.millis(from, to)
}

/// Does it so many times, four at a time, and three times as many at most if chance will have it that one of these
/// stages was not met. Prints each round's stages, and how many rounds met which. Fails unless all were met.
pub fn until_met(what: &str, times: u64, all: &[&str], once: impl Fn(u64, &mut Random) -> Stages + Sync) {
    let (next, met) = (AtomicU64::new(0), Mutex::new(Stages::new()));
    let all_met = || all.iter().all(|stage| met.lock().unwrap().contains_key(*stage));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let which = next.fetch_add(1, Ordering::SeqCst);
                    if which >= times && (which >= 3 * times || all_met()) {
                        return;
                    }
                    let stages = once(which, &mut Random::new(which));
                    eprintln!("{what} {which} met {stages:?}");
                    let mut met = met.lock().unwrap();
                    stages.into_keys().for_each(|stage| *met.entry(stage).or_default() += 1);
                }
            });
        }
    });
    let rounds = next.load(Ordering::SeqCst) - 4;
    assert!(all_met(), "{what}: not every stage was met: {met:?}");
    eprintln!("{what}: of {rounds} rounds so many met a record in the stage {:?}", met.into_inner().unwrap());
}
