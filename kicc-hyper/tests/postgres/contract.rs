//! The contract that every journal keeps.

use kicc_hyper::journal::PostgresJournal;
use kicc_proto::{
    journal::{BoxFuture, Journal},
    time::UnixMillis,
};
use kicc_testkit::journal_kit::{Driven, Store, cases};
use libtest_mimic::Trial;
use tokio::runtime::Runtime;

use crate::Shared;

/// Journals in one database.
struct Database {
    runtime: Runtime,
    address: String,
}

impl Database {
    /// Runs on a journal that is closed before this returns.
    fn with<T>(&self, act: impl AsyncFnOnce(&PostgresJournal) -> T) -> T {
        use kicc_proto::journal::AsyncJournal as _;
        self.runtime.block_on(async {
            let journal = PostgresJournal::open(&self.address).await.unwrap();
            let done = act(&journal).await;
            journal.close().await;
            done
        })
    }
}

impl Store for Database {
    fn open(&self) -> Box<dyn Journal> {
        let journal = self.runtime.block_on(PostgresJournal::open(&self.address)).unwrap();
        let handle = self.runtime.handle().clone();
        Box::new(Driven::new(journal, move |future: BoxFuture<'_, ()>| handle.block_on(future)))
    }
    fn knows_life(&self) -> bool {
        true
    }
    fn prune(&self, before: UnixMillis) -> u64 {
        self.with(async |journal| journal.prune(before, 100).await.unwrap().into())
    }
    fn restored(&self, prefix: &str) -> bool {
        self.with(async |journal| journal.restored(prefix).await.is_ok())
    }
}

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let possible = shared.programs.clone().map(drop);
    let trial = |case: kicc_testkit::journal_kit::Case| {
        let (possible, shared) = (possible.clone(), shared.clone());
        let name = format!("contract::{}::{}", case.rule.to_lowercase(), case.name.replace([' ', ','], "_"));
        crate::trials::trial_if(possible, &name, move || {
            let cluster = shared.cluster();
            let address = cluster.address(&cluster.database());
            (case.run)(&Database { runtime: Runtime::new().unwrap(), address });
        })
    };
    cases().into_iter().map(trial).collect()
}
