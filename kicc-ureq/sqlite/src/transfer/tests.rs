//! Moves and copies of real files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kicc_proto::{
    journal::{
        Admission, Listing, Row, Standing, WriteError, Written,
        sql::Value,
        transfer::{Purpose, TABLES},
    },
    time::UnixMillis,
    values::Mark,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    Parts,
    file::connect,
    open,
    statement::execute,
    tests::{insert, row},
};

struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        Scene(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> Parts {
        open(&self.path(name)).unwrap()
    }

    fn export(&self, journal: &str, purpose: Purpose) -> Result<Exported, TransferError> {
        export(&self.path(journal), &self.path("file"), purpose)
    }

    fn import(&self, journal: &str) -> Result<Imported, TransferError> {
        import(&self.path("file"), &self.path(journal))
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path("file")).unwrap()
    }

    /// An open, a parked, an untold and a pruned attempt.
    fn fill(&self, journal: &str) {
        let mut parts = self.open(journal);
        insert(&mut parts, &row("OPEN")).unwrap();
        for (number, standing, told) in [
            ("PARKED", Standing::Parked, true),
            ("UNTOLD", Standing::Closed, false),
            ("PRUNED", Standing::Closed, true),
        ] {
            let mark = Mark::new(number).ok();
            insert(&mut parts, &Row { standing, told, authorisation_mark: mark, ..row(number) }).unwrap();
        }
        assert_eq!(parts.writer.alone(|work| work.prune(UnixMillis(9), 9)), Ok(1));
    }
}

#[test]
fn r3_a_moved_journal_goes_on_at_its_new_place_and_nowhere_else() {
    let scene = Scene::new();
    scene.fill("old");
    assert_eq!(scene.export("old", Purpose::Move).unwrap().rows, [3, 3, 2]);
    let moved = open(&scene.path("old")).unwrap_err();
    assert!(matches!(&moved, OpenError::Moved { to, .. } if to.ends_with("file")), "{moved}");
    assert!(matches!(scene.export("old", Purpose::Move), Err(TransferError::Open(OpenError::Moved { .. }))));

    let imported = scene.import("new").unwrap();
    assert_eq!((imported.purpose, imported.rows, imported.removed), (Purpose::Move, [3, 3, 2], Ok(())));
    assert!(!scene.path("file").exists(), "it could be imported once more");
    let mut new = scene.open("new");
    assert_eq!(new.opened, crate::Opened::default());
    assert_eq!(new.reader.admission(), Ok(Admission::Any));
    let numbers = |which| {
        let rows = new.reader.list(which, None, 9).unwrap();
        rows.iter().map(|row| row.key.number.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Listing::Open), ["OPEN"]);
    assert_eq!(numbers(Listing::Parked), ["PARKED"]);
    assert_eq!(numbers(Listing::Untold), ["UNTOLD"]);
    assert!(!new.reader.list(Listing::Open, None, 1).unwrap()[0].suspect);
    // R22: the pruned one refuses its number and its authorisation still.
    assert_eq!(insert(&mut new, &row("PRUNED")), Ok(Written::UsedBefore));
    let other = Row { authorisation_mark: Mark::new("PRUNED").ok(), ..row("OTHER") };
    assert!(matches!(insert(&mut new, &other), Ok(Written::AuthorisationInUse(_))));
    assert_eq!(insert(&mut new, &row("NEW")), Ok(Written::Stored));
}

/// R3: two journals could sell from one stock of numbers.
#[test]
fn r3_a_journal_that_is_in_use_is_not_moved() {
    let scene = Scene::new();
    let mut living = scene.open("old");
    assert!(matches!(scene.export("old", Purpose::Move), Err(TransferError::InUse { .. })));
    assert!(!scene.path("file").exists());
    assert_eq!(insert(&mut living, &row("N1")), Ok(Written::Stored));
}

/// A handle that was being opened while the journal was moved.
#[test]
fn r3_who_still_has_a_moved_journal_open_writes_nothing() {
    let scene = Scene::new();
    scene.fill("old");
    let mut late = scene.open("old");
    fs::remove_dir_all(scene.path("old.holders")).unwrap();
    scene.export("old", Purpose::Move).unwrap();
    let refused = insert(&mut late, &row("N1")).unwrap_err();
    assert!(matches!(&refused, WriteError::NotStored(why) if why.contains("moved")), "{refused}");
    let renewed = late.writer.alone(|work| work.renew(&row("OPEN").key, 1, UnixMillis(9)));
    assert!(matches!(renewed, Err(WriteError::NotStored(_))));
}

#[test]
fn a_move_that_fails_changes_nothing_and_leaves_no_file() {
    let scene = Scene::new();
    scene.fill("old");
    fs::write(scene.path("file"), "mine").unwrap();
    assert!(matches!(scene.export("old", Purpose::Move), Err(TransferError::File { .. })));
    assert_eq!(scene.bytes(), b"mine");
    fs::remove_file(scene.path("file")).unwrap();

    let damage = connect(&scene.path("old")).unwrap();
    damage.execute("UPDATE kicc_attempts SET holder = x'ff' WHERE number = 'OPEN'", []).unwrap();
    let refused = scene.export("old", Purpose::Move).unwrap_err().to_string();
    assert!(refused.contains("test/simple/T1/OPEN: holder is neither"), "{refused}");
    assert!(!scene.path("file").exists());
    assert_eq!(insert(&mut scene.open("old"), &row("N1")), Ok(Written::Stored));
    assert!(scene.export("none", Purpose::Copy).is_err() && !scene.path("none").exists());
}

#[test]
fn r24_an_imported_copy_counts_as_restored() {
    let scene = Scene::new();
    scene.fill("old");
    let mut living = scene.open("old");
    scene.export("old", Purpose::Copy).unwrap();
    assert_eq!(insert(&mut living, &row("LATER")), Ok(Written::Stored), "the source goes on");

    assert_eq!(scene.import("new").unwrap().purpose, Purpose::Copy);
    assert!(scene.path("file").exists(), "a backup is not used up");
    let mut new = scene.open("new");
    assert_eq!(new.reader.admission(), Ok(Admission::None));
    assert!(new.reader.list(Listing::Open, None, 9).unwrap().iter().all(|row| row.suspect));
    assert_eq!(new.writer.alone(|work| work.restored("B-")), Ok(Ok(())));
    assert_eq!(new.reader.admission(), Ok(Admission::Prefix("B-".into())));
    assert!(new.reader.list(Listing::Open, None, 9).unwrap().iter().all(|row| row.suspect));
}

/// Nobody can know whether the move's own file was imported.
#[test]
fn r24_what_is_exported_after_a_move_is_a_copy() {
    let scene = Scene::new();
    scene.fill("old");
    scene.export("old", Purpose::Move).unwrap();
    fs::remove_file(scene.path("file")).unwrap();
    scene.export("old", Purpose::Copy).unwrap();
    scene.import("new").unwrap();
    let new = scene.open("new");
    assert_eq!(new.reader.admission(), Ok(Admission::None));
    assert_eq!(new.reader.list(Listing::Open, None, 9).unwrap().len(), 1);
}

/// A journal that was restored and not opened since must not pass as a whole one.
#[test]
fn r24_a_restore_that_nobody_noticed_goes_along() {
    let scene = Scene::new();
    scene.fill("old");
    fs::copy(scene.path("old"), scene.path("backup")).unwrap();
    insert(&mut scene.open("old"), &row("LOST")).unwrap();
    fs::copy(scene.path("backup"), scene.path("old")).unwrap();
    assert!(scene.export("old", Purpose::Move).unwrap().opened.restored);
    scene.import("new").unwrap();
    assert_eq!(scene.open("new").reader.admission(), Ok(Admission::None));
}

#[test]
fn an_import_needs_a_journal_in_which_nothing_was_ever_written() {
    let scene = Scene::new();
    scene.fill("old");
    scene.export("old", Purpose::Copy).unwrap();
    // Its only row was pruned.
    let mut used = scene.open("used");
    let closed = Row { standing: Standing::Closed, told: true, ..row("N1") };
    insert(&mut used, &closed).unwrap();
    used.writer.alone(|work| work.prune(UnixMillis(9), 9)).unwrap();
    // Made anew beside the mark of one that is gone.
    insert(&mut scene.open("gone"), &row("N1")).unwrap();
    fs::remove_file(scene.path("gone")).unwrap();
    for name in ["used", "gone"] {
        assert!(matches!(scene.import(name), Err(TransferError::NotEmpty { .. })), "{name}");
        assert!(scene.open(name).reader.list(Listing::Open, None, 9).unwrap().is_empty());
    }
    drop(scene.open("empty"));
    scene.import("empty").unwrap();
}

#[test]
fn a_damaged_file_makes_no_journal() {
    let scene = Scene::new();
    scene.fill("old");
    scene.export("old", Purpose::Copy).unwrap();
    let whole = scene.bytes();
    let trailing = [&whole[..], b"x"].concat();
    for bad in [&whole[..whole.len() - 1], &whole[..whole.len() / 2], b"", b"\n", &trailing] {
        fs::write(scene.path("file"), bad).unwrap();
        assert!(matches!(scene.import("new"), Err(TransferError::Format { .. })));
        assert!(!scene.path("new").exists());
    }
}

#[cfg(unix)]
#[test]
fn r23_only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    scene.fill("old");
    scene.export("old", Purpose::Copy).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scene.path("file")), 0o600);
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(scene.path("file"), fs::Permissions::from_mode(open)).unwrap();
        assert!(
            matches!(scene.import("new"), Err(TransferError::NotPrivate { mode, .. }) if mode == open),
            "{open:o}"
        );
        assert!(!scene.path("new").exists());
    }
}

fn cell() -> impl Strategy<Value = Option<Result<i64, String>>> {
    prop::option::of(prop::result::maybe_ok(any::<i64>(), "[ -~가-힣\n]{0,12}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is in the columns, also what no version writes (R21).
    #[test]
    fn out_and_in_and_out_again_gives_the_same_bytes(
        attempts in prop::collection::vec(prop::collection::vec(cell(), TABLES[1].columns.len()), 0..12),
        used in prop::collection::vec(prop::collection::vec(cell(), TABLES[2].columns.len()), 0..4),
    ) {
        let scene = Scene::new();
        scene.fill("old");
        let source = connect(&scene.path("old")).unwrap();
        for (table, rows) in [(&TABLES[1], &attempts), (&TABLES[2], &used)] {
            for row in rows {
                let cells = row.iter().map(|cell| match cell.clone() {
                    Some(Ok(number)) => Value::Number(number),
                    Some(Err(text)) => text.into(),
                    None => Value::from("?"),
                });
                // The same key twice, or a slot that is taken.
                let _ = execute(&source, &table.insert(), cells.collect());
            }
        }
        drop(source);
        scene.export("old", Purpose::Move).unwrap();
        let first = scene.bytes();
        scene.import("new").unwrap();
        scene.export("new", Purpose::Move).unwrap();
        prop_assert!(scene.bytes() == first);
    }
}
