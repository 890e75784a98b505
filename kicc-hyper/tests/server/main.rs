//! The example server and the client under load, process against process; replicas of it on one PostgreSQL.
//!
//! `KICC_LONG=1` runs the long form: ten thousand payments at once, ten thousand closed connections, a hundred kills
//! and a hundred stops; twenty thousand orders of replicas. A test that needs what is not there is reported as ignored;
//! with `KICC_NO_SKIP=1` it fails.

mod books;
#[path = "../../examples/server/main.rs"]
mod checkout;
mod fleet;
mod flight;
mod http;
mod kill;
mod load;
mod merchant;
mod process;
#[path = "../../../kicc-ureq/tests/e2e/random.rs"]
mod random;
mod reuse;
mod rounds;
mod shop;
mod stop;
mod trials;
mod windows;

use std::process::ExitCode;

fn main() -> ExitCode {
    match process::role().as_deref() {
        Some("checkout") => return ended(checkout::main()),
        Some("gateway") => flight::gateway(),
        Some("payer") => return ended(flight::payer()),
        Some(role) => panic!("no such role: {role}"),
        None => {}
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    // The processes wait for most of their time; but ten thousand payments at once want the machine for themselves.
    arguments.test_threads.get_or_insert(if trials::long() { 1 } else { 4 });
    let trials = [
        windows::trials(),
        reuse::trials(),
        kill::trials(),
        stop::trials(),
        flight::trials(),
        fleet::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

fn ended(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
