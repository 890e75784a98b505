//! The SQLite journal across restores (R24) and across processes (R3, R20).

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use kicc_proto::{
    journal::{Admission, Claim, Claimed, Expect, Force, Journal as _, Listing, Row, Written},
    time::UnixMillis,
};
use kicc_testkit::journal_kit::row;
use kicc_ureq::journal::{Opened, RestoredError, SqliteJournal};

fn store(journal: &SqliteJournal, number: &str) {
    assert_eq!(journal.write(&row(number), Expect::Absent), Ok(Written::Stored));
}

fn suspects(journal: &SqliteJournal) -> Vec<String> {
    let rows = journal.list(Listing::Open, None, 99).unwrap();
    rows.iter().filter(|row| row.suspect).map(|row| row.key.number.as_str().to_owned()).collect()
}

/// A journal of `N1`, backed up, then of `N2` as well, then put back.
fn restored(path: &Path) {
    let backup = path.with_extension("backup");
    store(&SqliteJournal::open(path).unwrap(), "N1");
    // The last handle's end has folded the log into the file.
    fs::copy(path, &backup).unwrap();
    store(&SqliteJournal::open(path).unwrap(), "N2");
    fs::copy(&backup, path).unwrap();
}

#[test]
fn r24_a_restored_journal_shows_by_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    restored(&path);

    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.opened(), Opened { restored: true, mark_missing: false });
    assert_eq!(journal.admission(), Ok(Admission::None));
    assert_eq!(suspects(&journal), ["N1"]);
    // Recovery works on; what it writes is no longer suspect, also after the prefix was given.
    let written = Row { revision: 2, ..row("N1") };
    assert_eq!(journal.write(&written, Expect::Revision(1)), Ok(Written::Stored));
    assert_eq!(journal.restored("N"), Err(RestoredError::PrefixUsed("N1".to_owned())));
    assert_eq!(journal.restored("B-"), Ok(()));
    drop(journal);

    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.opened(), Opened::default());
    assert_eq!(journal.admission(), Ok(Admission::Prefix("B-".into())));
    assert_eq!(suspects(&journal), [] as [String; 0]);
}

#[test]
fn r24_no_new_number_until_a_person_gave_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    restored(&path);
    drop(SqliteJournal::open(&path).unwrap());
    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.opened(), Opened::default());
    assert_eq!(journal.admission(), Ok(Admission::None));
    assert_eq!(suspects(&journal), ["N1"]);
}

#[test]
fn r24_a_second_restore_refuses_the_first_ones_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let backup = folder.path().join("backup");
    SqliteJournal::open(&path).unwrap().restored("B-").unwrap();
    fs::copy(&path, &backup).unwrap();
    store(&SqliteJournal::open(&path).unwrap(), "B-1");
    fs::copy(&backup, &path).unwrap();
    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.admission(), Ok(Admission::None));
    assert_eq!(journal.restored("B-"), Err(RestoredError::PrefixUsed("B-".to_owned())));
    assert_eq!(journal.restored("C-"), Ok(()));
}

#[test]
fn r24_a_new_journal_beside_an_old_mark_is_a_restored_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    store(&SqliteJournal::open(&path).unwrap(), "N1");
    fs::remove_file(&path).unwrap();
    let journal = SqliteJournal::open(&path).unwrap();
    assert!(journal.opened().restored);
    assert_eq!(journal.admission(), Ok(Admission::None));
}

#[test]
fn r24_a_lost_mark_is_said_and_a_person_can_declare_the_restore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    store(&SqliteJournal::open(&path).unwrap(), "N1");
    fs::remove_file(folder.path().join("journal.db.mark")).unwrap();

    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.opened(), Opened { restored: false, mark_missing: true });
    assert_eq!((journal.admission(), suspects(&journal).len()), (Ok(Admission::Any), 0));
    journal.restored("B-").unwrap();
    assert_eq!(journal.admission(), Ok(Admission::Prefix("B-".into())));
    assert_eq!(suspects(&journal), ["N1"]);
    drop(journal);
    assert_eq!(SqliteJournal::open(&path).unwrap().opened(), Opened::default());
}

const CHILD: &str = "KICC_JOURNAL_TEST_CHILD";

/// This binary once more, running [`child`] only, on the journal at `path`.
fn spawn(path: &Path, task: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{task}:{}", path.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap());
    (child, answers)
}

/// The child's next line after `word`.
fn answer(lines: &mut BufReader<ChildStdout>, word: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the child ended without '{word}'");
        if let Some((_, rest)) = line.trim_end().split_once(word) {
            return rest.trim().to_owned();
        }
    }
}

/// Does nothing, unless this is a process that another test started.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (task, path) = task.split_once(':').unwrap();
    let journal = SqliteJournal::open(path).unwrap();
    match task {
        "hold" => {
            let held = Row { holder: journal.holder().into(), lease_until: UnixMillis(10), ..row("N1") };
            assert_eq!(journal.write(&held, Expect::Absent), Ok(Written::Stored));
            println!("\nholding");
            let _ = std::io::stdin().read_line(&mut String::new());
        }
        "race" => {
            println!("\nready");
            let _ = std::io::stdin().read_line(&mut String::new());
            let won = (0..40).filter(|n| {
                journal.write(&row(&format!("N{n}")), Expect::Absent).unwrap() == Written::Stored
            });
            println!("\nwon {}", won.count());
        }
        other => panic!("no such task: {other}"),
    }
}

#[test]
fn r24_a_mark_that_cannot_follow_is_told_and_the_write_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).unwrap();
    let hold = fs::File::open(folder.path().join("journal.db.mark")).unwrap();
    hold.lock().unwrap();
    store(&journal, "N1");
    assert!(journal.mark_trouble().unwrap().contains("locked"));
    hold.unlock().unwrap();
    store(&journal, "N2");
    assert_eq!(journal.mark_trouble(), None);
}

#[test]
fn r21_an_unreadable_row_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).unwrap();
    store(&journal, "N1");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE kicc_attempts SET standing = 'frozen'", []).unwrap();
    let unreadable = journal.unreadable().unwrap();
    assert!(unreadable.len() == 1 && unreadable[0].key.ends_with("/N1"), "{unreadable:?}");
}

#[test]
fn r20_another_process_keeps_its_row_while_it_lives_and_loses_it_by_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (mut child, mut lines) = spawn(&path, "hold");
    answer(&mut lines, "holding");
    let journal = SqliteJournal::open(&path).unwrap();
    let (holder, key) = (journal.holder().to_owned(), row("N1").key);
    let claim = |now, force| {
        let (now, lease_until) = (UnixMillis(now), UnixMillis(now + 10));
        let claim = Claim { key: &key, revision: 1, holder: &holder, now, lease_until, force };
        journal.claim(&claim).unwrap()
    };
    assert!(matches!(claim(1_000, Force::DeadOrLapsed), Claimed::Held { .. }));
    child.kill().unwrap();
    child.wait().unwrap();
    // Its lease would still run.
    assert!(matches!(claim(5, Force::DeadOrLapsed), Claimed::Yes(_)));
}

#[test]
fn r3_of_several_processes_one_is_first_under_each_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut children: Vec<_> = (0..3).map(|_| spawn(&path, "race")).collect();
    for (_, lines) in &mut children {
        answer(lines, "ready");
    }
    for (child, _) in &mut children {
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
    let won = children.iter_mut().map(|(_, lines)| answer(lines, "won").parse::<u32>().unwrap());
    assert_eq!(won.sum::<u32>(), 40);
    for (mut child, _) in children {
        assert!(child.wait().unwrap().success());
    }
    // And the mark was lifted by whoever was last.
    let mark = fs::read_to_string(folder.path().join("journal.db.mark")).unwrap();
    assert_eq!(mark, format!("{:020}\n", 40));
    assert_eq!(SqliteJournal::open(&path).unwrap().opened(), Opened::default());
}
