//! A clock that is ahead of the machine's, for a process that has no option for one: Debian's libfaketime.

use std::{fs, path::PathBuf, process::Command, sync::LazyLock, time::Duration};

/// The library that shows a process another time, or why there is none.
pub static FAKETIME: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let folders = fs::read_dir("/usr/lib").map_err(|error| format!("/usr/lib: {error}"))?;
    let places = folders.flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places.into_iter().find(|path| path.exists()).ok_or_else(|| "libfaketime is not installed".to_owned())
});

/// The process sees a time that much later. Its monotonic clock is the machine's (R25).
pub fn set_ahead(command: &mut Command, ahead: Duration) {
    if ahead.is_zero() {
        return;
    }
    command
        .env("LD_PRELOAD", FAKETIME.as_ref().unwrap())
        .env("FAKETIME", format!("+{}", ahead.as_secs_f64()))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        // A process that is killed would leave it behind.
        .env("FAKETIME_DISABLE_SHM", "1");
}
