//! SIGINT and SIGTERM: the first stops in good order, the second at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::exit::Exit;

/// How soon a signal is noticed.
const CHECK: Duration = Duration::from_millis(50);

/// Calls `stop` from a thread of its own at the first signal. A second one ends the process as it stands, which
/// loses nothing: recovery goes on from the journal (R17).
pub fn on_stop(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down, and only then sets it.
        flag::register_conditional_shutdown(signal, i32::from(Exit::LEFT_OPEN.0), Arc::clone(&stopped))?;
        flag::register(signal, Arc::clone(&stopped))?;
    }
    thread::Builder::new().name("kicc-signals".into()).spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            thread::sleep(CHECK);
        }
        stop();
    })?;
    Ok(())
}
