//! Plain times of the core's cases and of their floors, by divan: `cargo bench -p kicc-perf --features divan`.

use divan::Bencher;
use kicc_perf::{core::cases, measure::Measurer};

fn main() {
    divan::main();
}

fn names() -> Vec<String> {
    cases().into_iter().map(|case| case.name).collect()
}

#[divan::bench(args = names())]
fn ours(bencher: Bencher<'_, '_>, name: &str) {
    let case = cases().into_iter().find(|case| case.name == name).expect("a case");
    (case.ours)(&mut Measurer::Divan(Some(bencher)));
}

#[divan::bench(args = names())]
fn floor(bencher: Bencher<'_, '_>, name: &str) {
    let case = cases().into_iter().find(|case| case.name == name).expect("a case");
    if let Some(floor) = &case.floor {
        floor(&mut Measurer::Divan(Some(bencher)));
    }
}
