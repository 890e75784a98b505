//! The `kicc` command against the simulated VAN, process against process.
//!
//! `KICC_LONG=1` runs the long form: every byte of an answer cut, two hundred kills, the default times over a lost
//! link. A test that needs a program which is not there is reported as ignored; with `KICC_NO_SKIP=1` it fails.

mod books;
mod both;
mod clock;
mod cut;
mod faults;
mod gate;
mod iamport;
mod kill;
mod link;
mod message;
mod midnight;
mod postgres;
mod process;
mod random;
mod reconcile;
mod refund;
mod shop;
mod stop;
mod trials;
mod two;
mod unasked;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(role) = link::role() {
        return role;
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    // The processes wait for most of their time.
    arguments.test_threads.get_or_insert(8);
    let trials = [
        faults::trials(),
        unasked::trials(),
        two::trials(),
        both::trials(),
        reconcile::trials(),
        kill::trials(),
        refund::trials(),
        iamport::trials(),
        stop::trials(),
        midnight::trials(),
        link::trials(),
        postgres::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}
