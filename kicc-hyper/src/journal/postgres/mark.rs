//! The highest sequence that the journal ever reached, outside the database (R24): how a restored backup shows.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::journal::thread::lock;

/// A mark that is kept wherever the database is not: a file on this machine ([`MarkFile`]), or a place of the caller's
/// own. Several replicas may share one or have one each.
///
/// It may lag behind what was written; it must never be ahead of it.
pub trait Mark: Send + Sync + 'static {
    /// The mark, if there is one.
    ///
    /// # Errors
    /// When it cannot be read: then the journal is not opened.
    fn read(&self) -> io::Result<Option<u64>>;

    /// Lifts the mark to a sequence that is durable, unless it is there already. It may block for a while.
    ///
    /// # Errors
    /// When it cannot be written; the write itself was done.
    fn raise(&self, sequence: u64) -> io::Result<()>;
}

/// A mark in a file, of the same form as the one beside an SQLite journal. It must not be part of the database's backup.
#[derive(Debug)]
pub struct MarkFile(Mutex<kicc_sqlite::Mark>);

impl MarkFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    /// When it cannot be made, or another process keeps it locked.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = kicc_sqlite::Mark::open_locked(path.as_ref(), Duration::from_secs(5))?;
        file.unlock()?;
        Ok(MarkFile(Mutex::new(file)))
    }
}

impl Mark for MarkFile {
    fn read(&self) -> io::Result<Option<u64>> {
        lock(&self.0).read()
    }

    fn raise(&self, sequence: u64) -> io::Result<()> {
        let mut file = lock(&self.0);
        if file.read()?.is_none() {
            return file.set(sequence);
        }
        file.raise(sequence);
        file.trouble.take().map_or(Ok(()), |why| Err(io::Error::other(why)))
    }
}

/// Lifts the mark behind the writes.
pub(super) struct Follower {
    /// Taken at the end.
    highest: Mutex<Option<watch::Sender<u64>>>,
    trouble: Arc<Mutex<Option<String>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    pub fn start(mark: Option<Arc<dyn Mark>>) -> Self {
        let (highest, mut raised) = watch::channel(0);
        let trouble = Arc::<Mutex<Option<String>>>::default();
        let task = mark.map(|mark| {
            let trouble = Arc::clone(&trouble);
            tokio::spawn(async move {
                while raised.changed().await.is_ok() {
                    let sequence = *raised.borrow_and_update();
                    let mark = Arc::clone(&mark);
                    let done = spawn_blocking(move || mark.raise(sequence)).await;
                    let failed = done.map_err(io::Error::other).and_then(|done| done).err();
                    *lock(&trouble) = failed.map(|error| error.to_string());
                }
            })
        });
        Follower { highest: Mutex::new(Some(highest)), trouble, task: Mutex::new(task) }
    }

    pub fn raise(&self, sequence: u64) {
        if let Some(highest) = &*lock(&self.highest) {
            highest.send_replace(sequence);
        }
    }

    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// Comes back when the mark has followed, and does so no more.
    pub async fn ended(&self) {
        lock(&self.highest).take();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}
