//! A thread that does jobs in the order in which they came.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use tokio::sync::watch;

/// The jobs' end of it. The thread ends when this is closed or dropped and everything sent before was done.
pub(super) struct Thread<J> {
    jobs: Mutex<Option<Sender<J>>>,
    ended: watch::Receiver<()>,
}

impl<J: Send + 'static> Thread<J> {
    pub fn start(name: &str, run: impl FnOnce(&Receiver<J>) + Send + 'static) -> io::Result<Self> {
        let (jobs, received) = mpsc::channel();
        let (end, ended) = watch::channel(());
        thread::Builder::new().name(name.into()).spawn(move || {
            // Dropped last, also in a panic: whoever waits for the end finds what `run` owned gone.
            let _end = end;
            run(&received);
        })?;
        Ok(Thread { jobs: Mutex::new(Some(jobs)), ended })
    }

    /// Never waits. `false`: it was closed, and the job will not be done.
    pub fn send(&self, job: J) -> bool {
        lock(&self.jobs).as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
    }

    /// Takes no more jobs.
    pub fn close(&self) {
        lock(&self.jobs).take();
    }

    /// Comes back when the thread has ended.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
