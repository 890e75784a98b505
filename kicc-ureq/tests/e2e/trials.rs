//! Trials, and what they need of the machine.

use std::process::{Command, Stdio};

use kicc_testkit::van::faults::Product;
use libtest_mimic::Trial;

use crate::shop::{PRODUCTS, name};

/// A trial that panics when it fails.
pub fn trial(name: impl Into<String>, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}

/// One for each product: `subject::product::what`.
pub fn each_product(
    subject: &'static str,
    what: &'static str,
    run: fn(Product),
) -> impl Iterator<Item = Trial> {
    PRODUCTS
        .into_iter()
        .map(move |product| trial(format!("{subject}::{}::{what}", name(product)), move || run(product)))
}

/// The same, of something that is possible on some machines only: ignored here, or a failure with `KICC_NO_SKIP=1`.
pub fn trial_if(possible: Result<(), String>, name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    match possible {
        Ok(()) => trial(name, run),
        Err(why) if flag("KICC_NO_SKIP") => {
            Trial::test(name, move || Err(format!("cannot run here: {why}").into()))
        }
        Err(why) => {
            eprintln!("{name} is skipped: {why}");
            trial(name, run).with_ignored_flag(true)
        }
    }
}

/// Is the long form asked for?
pub fn long() -> bool {
    flag("KICC_LONG")
}

fn flag(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

/// Whether a command ends well here.
pub fn possible(program: &str, arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("`{program} {}` fails", arguments.join(" "))),
        Err(error) => Err(format!("`{program}`: {error}")),
    }
}
