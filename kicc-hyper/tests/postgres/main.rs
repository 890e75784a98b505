//! The journal in a real PostgreSQL, which the tests start in a temporary folder.
//!
//! A test whose programs are not there is reported as ignored; with `KICC_NO_SKIP=1` it fails.

mod client;
mod contract;
mod crashes;
mod leases;
mod restores;
mod retention;
mod rows;
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../client/shop.rs"]
mod shop;
mod throughput;
mod tls;
mod transfer;
#[allow(dead_code, reason = "not all of them are needed here")]
#[path = "../server/trials.rs"]
mod trials;
#[allow(dead_code, reason = "the shop needs it")]
#[path = "../client/watched.rs"]
mod watched;
mod writes;

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use kicc_testkit::cluster::{Cluster, Programs};
use libtest_mimic::Trial;
use tokio::runtime::Runtime;

/// A cluster that trials share, each with a database of its own; started by the first that needs it.
#[derive(Clone)]
pub struct Shared {
    programs: Result<Programs, String>,
    cluster: Arc<OnceLock<Cluster>>,
}

impl Shared {
    fn cluster(&self) -> &Cluster {
        self.cluster.get_or_init(|| Cluster::start(self.programs.as_ref().unwrap()))
    }

    /// A trial that is run where PostgreSQL is.
    fn trial(&self, name: &str, run: impl AsyncFnOnce(&Shared) + Send + 'static) -> Trial {
        let (possible, shared) = (self.programs.clone().map(drop), self.clone());
        trials::trial_if(possible, name, move || Runtime::new().unwrap().block_on(run(&shared)))
    }
}

fn main() -> ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    arguments.test_threads.get_or_insert(4);
    let shared = Shared { programs: Programs::find(), cluster: Arc::default() };
    let trials = [
        contract::trials(&shared),
        writes::trials(&shared),
        leases::trials(&shared),
        crashes::trials(&shared),
        restores::trials(&shared),
        retention::trials(&shared),
        throughput::trials(&shared),
        client::trials(&shared),
        tls::trials(&shared),
        transfer::trials(&shared),
    ];
    // The cluster is dropped before the exit.
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    drop(shared);
    conclusion.exit_code()
}
