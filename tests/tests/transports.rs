//! Both adapters keep the contract of a transport, case by case, and `docs/transports.md` says what each did. With
//! `KICC_WRITE_DOCS` set that file is written instead of compared.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::{env, fs, path::Path};

use kicc_testkit::transport_kit::{Adapter, Case, Report, cases, markdown};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

mod adapters;

use adapters::{Hyper, Ureq};

/// An adapter, and of each case what it did, once that was tried.
struct Tried {
    adapter: Box<dyn Adapter + Send>,
    found: Vec<(Case, OnceLock<Option<String>>)>,
}

impl Tried {
    fn new(adapter: impl Adapter + Send + 'static) -> Arc<Tried> {
        let found = cases().into_iter().map(|case| (case, OnceLock::new())).collect();
        Arc::new(Tried { adapter: Box::new(adapter), found })
    }

    fn try_out(&self, at: usize) -> Option<String> {
        let (case, found) = &self.found[at];
        found.get_or_init(|| case.run(&*self.adapter)).clone()
    }

    fn report(&self) -> Report {
        let rows = (0..self.found.len()).map(|at| (self.found[at].0, Ok(self.try_out(at)))).collect();
        Report { adapter: self.adapter.name().to_owned(), rows }
    }
}

fn main() -> ExitCode {
    let runtime = Arc::new(Runtime::new().unwrap());
    let adapters = [Tried::new(Ureq), Tried::new(Hyper(runtime))];
    let mut trials = Vec::new();
    for tried in &adapters {
        for (at, (case, _)) in tried.found.iter().enumerate() {
            let (name, tried) = (format!("{}::{}", tried.adapter.name(), case.name), tried.clone());
            trials.push(Trial::test(name, move || {
                tried.try_out(at);
                Ok(())
            }));
        }
    }
    trials.push(Trial::test("the_table_in_the_docs_is_what_the_kit_found", move || {
        table(&adapters.each_ref().map(|tried| tried.report()));
        Ok(())
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn table(reports: &[Report]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/transports.md");
    let text = format!("{ABOUT}{}", markdown(reports));
    if env::var_os("KICC_WRITE_DOCS").is_some() {
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(fs::read_to_string(path).unwrap(), text, "KICC_WRITE_DOCS=1 writes it");
    }
}

const ABOUT: &str = "# What the transports do

Each line is a case of `kicc_testkit::transport_kit`, run over real sockets against a server that misbehaves on purpose and
counts the whole requests that it got: how the exchange ended, and how many came. A case that tries several ways shows the
last one. *Never sent* means that not one byte of the request was handed to the transport; everything else is *maybe sent*
(R4). An author of another transport runs the same cases.

This page is written by the test `transports`, which fails when it does not say what was found.

";
