//! Who works with a journal file, and whether it still lives (R20).
//!
//! A holder is a random name and a file of that name, which its process keeps locked until its end. The system drops
//! the lock when the process ends in whatever way, and keeps it while the process is merely stopped: so a lock tells
//! life from death where a lease only guesses. The files must be left where they are; a holder without one is dead.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use kicc_proto::journal::Life;

use crate::private;

/// This journal handle's name and its lock.
#[derive(Debug)]
pub(super) struct Holder {
    id: String,
    folder: PathBuf,
    /// Locked for life.
    _lock: File,
}

impl Holder {
    /// Takes a new name in `folder`, which is made if need be. Call it before the name is written anywhere.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let id = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        private::folder(&folder)?;
        let lock = private::file().write(true).create_new(true).open(folder.join(&id))?;
        lock.try_lock()?;
        Ok(Holder { id, folder, _lock: lock })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a holder of this journal lives. The file of a dead one is removed.
    pub fn life(&self, id: &str) -> Life {
        if id == self.id {
            return Life::Alive;
        }
        if !is_id(id) {
            return Life::Unknown;
        }
        match probe(&self.folder.join(id)) {
            Ok(life) => life,
            Err(_) => Life::Unknown,
        }
    }

    /// Whether any other holder lives, or may.
    pub fn has_company(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().filter(|id| *id != self.id) else { continue };
            if is_id(id) && self.life(id) != Life::Dead {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl Drop for Holder {
    fn drop(&mut self) {
        // What stays behind is only an unlocked file, that is, a dead holder.
        let _ = fs::remove_file(self.folder.join(&self.id));
    }
}

fn probe(path: &Path) -> io::Result<Life> {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Life::Dead),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {
            // A name is never taken twice, so nobody can have it now.
            let _ = fs::remove_file(path);
            Ok(Life::Dead)
        }
        Err(TryLockError::WouldBlock) => Ok(Life::Alive),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r20_a_lock_tells_life_from_death() {
        let folder = tempfile::tempdir().unwrap();
        let one = Holder::new(folder.path().join("holders")).unwrap();
        let two = Holder::new(folder.path().join("holders")).unwrap();
        assert_eq!(one.life(one.id()), Life::Alive);
        assert_eq!(one.life(two.id()), Life::Alive);
        assert!(one.has_company().unwrap());
        let gone = two.id().to_owned();
        drop(two);
        assert!(!folder.path().join("holders").join(&gone).exists());
        assert_eq!(one.life(&gone), Life::Dead);
        assert!(!one.has_company().unwrap());
    }

    #[test]
    fn r20_an_unlocked_file_is_a_dead_holder_and_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let one = Holder::new(folder.path().to_owned()).unwrap();
        let id = "0".repeat(32);
        File::create(folder.path().join(&id)).unwrap();
        assert!(!one.has_company().unwrap());
        assert_eq!(one.life(&id), Life::Dead);
        assert!(!folder.path().join(&id).exists());
    }

    #[test]
    fn a_name_of_another_kind_is_not_looked_up_as_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let one = Holder::new(folder.path().to_owned()).unwrap();
        let (short, other) = ("0".repeat(31), "g".repeat(32));
        for name in ["x", &short, &other] {
            File::create(folder.path().join(name)).unwrap();
            assert_eq!(one.life(name), Life::Unknown, "{name}");
            assert!(folder.path().join(name).exists(), "{name}");
        }
        assert_eq!(one.life("../x"), Life::Unknown);
    }

    #[test]
    fn r20_what_cannot_be_probed_is_neither_alive_nor_dead() {
        let folder = tempfile::tempdir().unwrap();
        let one = Holder::new(folder.path().to_owned()).unwrap();
        let id = "0".repeat(32);
        fs::create_dir(folder.path().join(&id)).unwrap();
        assert_eq!(one.life(&id), Life::Unknown);
    }
}
