//! SIGINT and SIGTERM: the first stops in good order, the second at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
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
#[must_use = "no signal is heard once it is dropped"]
pub struct OnStop {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl OnStop {
    pub fn call(stop: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down, and only then sets it.
            flag::register_conditional_shutdown(signal, i32::from(Exit::LEFT_OPEN.0), Arc::clone(&stopped))?;
            flag::register(signal, Arc::clone(&stopped))?;
        }
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::Builder::new().name("kicc-signals".into()).spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                thread::park_timeout(CHECK);
            }
            stop();
        })?;
        Ok(OnStop { over, thread: Some(thread) })
    }
}

impl Drop for OnStop {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // What `stop` holds of the journal must not outlive it: its holder would still count as alive (R20).
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
