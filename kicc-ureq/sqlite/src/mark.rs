//! The highest sequence that a journal ever reached, in a file beside it (R24): how a restored backup shows.
//!
//! The file is one line of fixed width, overwritten in place after each commit, so it needs no room on a full disk and
//! is never ahead of what is durable. It may lag: a crash between commit and mark, or a process that is stopped while
//! it holds the file's lock, leaves it behind until the next write. A lagging mark can miss a restore of exactly those
//! last writes; it can never see one that was not.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::private;

/// How long a commit waits for another process's hold on the mark before it leaves the mark to the next (our choice).
const PATIENCE: Duration = Duration::from_millis(200);

/// Digits of the highest `u64`.
const WIDTH: usize = 20;

/// The mark's file.
#[derive(Debug)]
pub struct Mark {
    file: File,
    /// Why the last [`Mark::raise`] failed, if it did.
    pub trouble: Option<String>,
}

impl Mark {
    /// Opens the file, empty if there is none, and locks it until [`Mark::unlock`].
    ///
    /// # Errors
    /// When it cannot be opened, or another process keeps it locked for longer than `patience`.
    pub fn open_locked(path: &Path, patience: Duration) -> io::Result<Self> {
        let file = private::file().read(true).write(true).create(true).truncate(false).open(path)?;
        lock(&file, patience)?;
        Ok(Mark { file, trouble: None })
    }

    /// Lets others have it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    /// The mark; `None` when the file is empty or not a mark.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<u64>> {
        self.file.rewind()?;
        let mut text = String::new();
        // A torn or foreign file need not be UTF-8: that is no mark, not an error.
        match (&self.file).take(64).read_to_string(&mut text) {
            Ok(_) => Ok(text
                .strip_suffix('\n')
                .filter(|digits| digits.len() == WIDTH)
                .and_then(|d| d.parse().ok())),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the mark as it is given, and to the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&mut self, sequence: u64) -> io::Result<()> {
        self.overwrite(sequence)?;
        self.file.set_len(WIDTH as u64 + 1)?;
        self.file.sync_all()
    }

    /// Lifts the mark to a sequence that is durable. A failure is kept in `trouble`: the write itself was done.
    pub fn raise(&mut self, sequence: u64) {
        let raised = lock(&self.file, PATIENCE).and_then(|()| {
            let lifted = match self.read() {
                Ok(Some(mark)) if mark >= sequence => Ok(()),
                Ok(_) => self.overwrite(sequence),
                Err(error) => Err(error),
            };
            lifted.and(self.unlock())
        });
        self.trouble = raised.err().map(|error| error.to_string());
    }

    fn overwrite(&mut self, sequence: u64) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(format!("{sequence:0WIDTH$}\n").as_bytes())
    }
}

/// Waits for the lock, but not for ever: its holder may be stopped.
fn lock(file: &File, patience: Duration) -> io::Result<()> {
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
            Err(std::fs::TryLockError::WouldBlock) if Instant::now() >= until => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the mark is locked by another process"));
            }
            Err(std::fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(path: &Path) -> Mark {
        let mark = Mark::open_locked(path, PATIENCE).unwrap();
        mark.unlock().unwrap();
        mark
    }

    #[test]
    fn r24_the_mark_only_rises() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let (mut one, mut two) = (mark(&path), mark(&path));
        assert_eq!(one.read().unwrap(), None);
        one.raise(7);
        two.raise(5);
        assert_eq!((one.read().unwrap(), one.trouble), (Some(7), None));
    }

    #[test]
    fn a_torn_mark_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        for torn in [&b"0000"[..], b"\xff\xfe", b"00000000000000000007", b"0000000000000000000x\n"] {
            std::fs::write(&path, torn).unwrap();
            assert_eq!(mark(&path).read().unwrap(), None);
        }
        let mut mark = mark(&path);
        mark.set(3).unwrap();
        assert_eq!(mark.read().unwrap(), Some(3));
    }

    #[test]
    fn a_stopped_process_does_not_block_a_commit_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let mut one = mark(&path);
        let stopped = Mark::open_locked(&path, PATIENCE).unwrap();
        one.raise(1);
        assert!(one.trouble.is_some());
        stopped.unlock().unwrap();
        one.raise(2);
        assert_eq!((one.read().unwrap(), one.trouble), (Some(2), None));
    }

    #[test]
    fn a_commit_waits_for_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let mut one = mark(&path);
        let other = Mark::open_locked(&path, PATIENCE).unwrap();
        let released = thread::spawn(move || {
            thread::sleep(PATIENCE / 10);
            other.unlock().unwrap();
        });
        one.raise(1);
        assert_eq!((one.read().unwrap(), one.trouble), (Some(1), None));
        released.join().unwrap();
    }

    #[test]
    fn a_mark_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("mark")).unwrap();
        assert!(Mark { file, trouble: None }.read().is_err());
    }
}
