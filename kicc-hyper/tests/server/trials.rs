//! Trials, and what they need of the machine.

use std::process::{Command, Stdio};

use libtest_mimic::Trial;

/// A trial that panics when it fails.
pub fn trial(name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}

/// The same, of something that is possible on some machines only: ignored here, or a failure with `KICC_NO_SKIP=1`.
pub fn trial_if(possible: Result<(), String>, name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    match possible {
        Ok(()) => trial(name, run),
        Err(why) if no_skip() => Trial::test(name, move || Err(format!("cannot run here: {why}").into())),
        Err(why) => {
            eprintln!("{name} is skipped: {why}");
            trial(name, run).with_ignored_flag(true)
        }
    }
}

/// Is everything to be done, whatever is missing?
pub fn no_skip() -> bool {
    flag("KICC_NO_SKIP")
}

/// Is the long form asked for?
pub fn long() -> bool {
    flag("KICC_LONG")
}

fn flag(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

/// Whether `program --version` ends well here.
pub fn has(program: &str) -> Result<(), String> {
    let ran = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("`{program} --version` fails")),
        Err(error) => Err(format!("`{program}`: {error}")),
    }
}
