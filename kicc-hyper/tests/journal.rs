//! The journals: the contract, groups, back-pressure, and what is left of a future that is dropped.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kicc_hyper::journal::{Blocking, Opened, SqliteJournal, SqliteSettings};
use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Force, Journal, Listing, Row, WriteError,
        Written,
    },
    time::UnixMillis,
};
use kicc_testkit::{
    journal_kit::{Driven, Store, row, run},
    memory::MemoryJournal,
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};

/// Journals by one folder each, or one [`MemoryJournal`], driven on a runtime.
struct Async<S> {
    runtime: Runtime,
    store: S,
}

impl<S> Async<S> {
    fn new(store: S) -> Box<Self> {
        Box::new(Async { runtime: Runtime::new().unwrap(), store })
    }

    fn driven(&self, journal: impl AsyncJournal + 'static) -> Box<dyn Journal> {
        let handle = self.runtime.handle().clone();
        Box::new(Driven::new(journal, move |future: BoxFuture<'_, ()>| handle.block_on(future)))
    }
}

impl Async<TempDir> {
    /// Runs on a journal that is closed before this returns.
    fn with<T>(&self, act: impl AsyncFnOnce(&SqliteJournal) -> T) -> T {
        self.runtime.block_on(async {
            let journal = SqliteJournal::open(path(&self.store)).await.unwrap();
            let done = act(&journal).await;
            journal.close().await;
            done
        })
    }
}

impl Store for Async<TempDir> {
    fn open(&self) -> Box<dyn Journal> {
        let journal = self.runtime.block_on(SqliteJournal::open(path(&self.store))).unwrap();
        self.driven(journal)
    }
    fn knows_life(&self) -> bool {
        true
    }
    fn prune(&self, before: UnixMillis) -> u64 {
        self.with(async |journal| journal.prune(before, 100).await.unwrap().into())
    }
    fn restored(&self, prefix: &str) -> bool {
        self.with(async |journal| journal.restored(prefix).await.is_ok())
    }
}

impl Store for Async<MemoryJournal> {
    fn open(&self) -> Box<dyn Journal> {
        self.driven(Blocking::new(Arc::new(self.store.another())))
    }
    fn knows_life(&self) -> bool {
        true
    }
    fn prune(&self, before: UnixMillis) -> u64 {
        self.store.prune(before, 100).unwrap().into()
    }
    fn restored(&self, prefix: &str) -> bool {
        self.store.restored(prefix).is_ok()
    }
}

#[test]
fn the_async_sqlite_journal_keeps_the_contract() {
    run(|| Async::new(tempfile::tempdir().unwrap()));
}

#[test]
fn a_blocking_journal_keeps_the_contract_when_it_is_awaited() {
    run(|| Async::new(MemoryJournal::new()));
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("journal.db")
}

async fn journal(settings: SqliteSettings) -> (TempDir, Arc<SqliteJournal>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open_with(path(&folder), settings).await.unwrap();
    (folder, Arc::new(journal))
}

type Writing = JoinHandle<Result<Written, WriteError>>;

/// Writes a row in a task of its own.
fn writing(journal: &Arc<SqliteJournal>, row: Row, expect: Expect) -> Writing {
    let journal = Arc::clone(journal);
    tokio::spawn(async move { journal.write(&row, expect).await })
}

/// Another process's hold on the file: nobody writes while it lasts, so that what comes meanwhile is one group.
struct Hold(Connection);

impl Hold {
    fn new(folder: &TempDir) -> Self {
        let connection = Connection::open(path(folder)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Hold(connection)
    }

    fn end(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Waits until so many writes are queued, the one that waits for the file among them.
async fn queued(journal: &SqliteJournal, count: usize) {
    while journal.counts().queued < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The commits in the write-ahead log, as its format has it: a frame that ends one states the size of the file.
fn commits_in_log(journal: &Path) -> usize {
    let log = fs::read(journal.with_extension("db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (word(8) as usize, &log[16..24]);
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|&at| log[at + 8..at + 16] == *salt && word(at + 4) > 0).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_a_thousand_writers_share_one_commit() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let before = commits_in_log(&path(&folder));
    let hold = Hold::new(&folder);
    let writers: Vec<Writing> =
        (0..1_000).map(|n| writing(&journal, row(&format!("N{n}")), Expect::Absent)).collect();
    queued(&journal, 1_000).await;
    hold.end();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert_eq!(commits_in_log(&path(&folder)) - before, 1);
    let counts = journal.counts();
    assert_eq!((counts.writes, counts.commits, counts.queued), (1_000, 1, 0));
    assert_eq!(journal.list(Listing::Open, None, 2_000).await.unwrap().len(), 1_000);
    // The mark follows the last of them (R24).
    assert_eq!(
        fs::read_to_string(folder.path().join("journal.db.mark")).unwrap(),
        format!("{:020}\n", 1_000)
    );
}

/// Other processes wait for the file no longer than one group takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_an_end() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = Hold::new(&folder);
    let writers: Vec<Writing> =
        (0..1_025).map(|n| writing(&journal, row(&format!("N{n}")), Expect::Absent)).collect();
    queued(&journal, 1_025).await;
    hold.end();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert_eq!(journal.counts().commits, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_write_is_a_group_of_its_own() {
    let (_folder, journal) = journal(SqliteSettings::default()).await;
    for number in ["N1", "N2", "N3"] {
        assert_eq!(journal.write(&row(number), Expect::Absent).await, Ok(Written::Stored));
    }
    // What changes nothing needs no flush.
    assert!(matches!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Conflict(_))));
    let counts = journal.counts();
    assert_eq!((counts.writes, counts.commits), (4, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_in_a_group_one_is_first_under_each_number_and_an_error_is_one_writers_alone() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = Hold::new(&folder);
    let writers: Vec<Writing> =
        (0..30).map(|n| writing(&journal, row(&format!("N{}", n % 10)), Expect::Absent)).collect();
    let skips = writing(&journal, Row { revision: 4, ..row("N0") }, Expect::Revision(2));
    let missing = writing(&journal, Row { revision: 2, ..row("N99") }, Expect::Revision(1));
    queued(&journal, 32).await;
    hold.end();
    let mut stored = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(Written::Stored) => stored += 1,
            Ok(Written::Conflict(first)) => assert_eq!(first.revision, 1),
            other => panic!("{other:?}"),
        }
    }
    for bad in [skips, missing] {
        assert!(matches!(bad.await.unwrap(), Err(WriteError::NotStored(_))));
    }
    assert_eq!((stored, journal.counts().commits), (10, 1));
}

/// Five writers of one group, and what became of each.
async fn five(folder: &TempDir, journal: &Arc<SqliteJournal>) -> Vec<Result<Written, WriteError>> {
    let hold = Hold::new(folder);
    let writers: Vec<Writing> =
        (0..5).map(|n| writing(journal, row(&format!("N{n}")), Expect::Absent)).collect();
    queued(journal, 5).await;
    hold.end();
    let mut ends = Vec::new();
    for writer in writers {
        ends.push(writer.await.unwrap());
    }
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_failed_commit_is_not_known_to_all_of_its_group_and_the_same_writes_settle_it() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let other = Connection::open(path(&folder)).unwrap();
    // A deferred constraint is checked by COMMIT itself.
    other
        .execute_batch(
            "CREATE TABLE bad (id INTEGER REFERENCES bad2 (id) DEFERRABLE INITIALLY DEFERRED); \
             CREATE TABLE bad2 (id INTEGER PRIMARY KEY); \
             CREATE TRIGGER break_commit AFTER INSERT ON kicc_attempts WHEN NEW.number = 'N2' \
             BEGIN INSERT INTO bad VALUES (1); END",
        )
        .unwrap();
    for end in five(&folder, &journal).await {
        assert!(matches!(end, Err(WriteError::NotKnown(_))), "{end:?}");
    }
    assert_eq!(journal.list(Listing::Open, None, 9).await.unwrap(), []);
    other.execute_batch("DROP TRIGGER break_commit").unwrap();
    assert_eq!(five(&folder, &journal).await, vec![Ok(Written::Stored); 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_group_whose_transaction_is_lost_is_known_not_stored() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let other = Connection::open(path(&folder)).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER as_on_a_full_disk BEFORE INSERT ON kicc_attempts WHEN NEW.number = 'N2' \
             BEGIN SELECT RAISE(ROLLBACK, 'as on a full disk'); END",
        )
        .unwrap();
    for end in five(&folder, &journal).await {
        assert!(matches!(end, Err(WriteError::NotStored(_))), "{end:?}");
    }
    assert_eq!(journal.list(Listing::Open, None, 9).await.unwrap(), []);
    other.execute_batch("DROP TRIGGER as_on_a_full_disk").unwrap();
    assert_eq!(five(&folder, &journal).await, vec![Ok(Written::Stored); 5]);
}

fn small_queue(new_attempts_wait: Duration) -> SqliteSettings {
    let mut settings = SqliteSettings::default();
    (settings.queue, settings.new_attempts_wait) = (2, new_attempts_wait);
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_a_full_queue_turns_new_attempts_away_and_takes_those_under_way() {
    let (folder, journal) = journal(small_queue(Duration::ZERO)).await;
    journal.write(&row("N0"), Expect::Absent).await.unwrap();
    let hold = Hold::new(&folder);
    let writers: Vec<Writing> =
        ["N1", "N2"].iter().map(|number| writing(&journal, row(number), Expect::Absent)).collect();
    queued(&journal, 2).await;
    let Err(WriteError::NotStored(why)) = journal.write(&row("N3"), Expect::Absent).await else {
        panic!("there was room")
    };
    assert!(why.contains("full (2 writes)"), "{why}");
    let under_way = writing(&journal, Row { revision: 2, ..row("N0") }, Expect::Revision(1));
    queued(&journal, 3).await;
    hold.end();
    for writer in writers.into_iter().chain([under_way]) {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert_eq!(journal.find(&row("N3").key).await, Ok(None));
    assert_eq!(journal.counts().turned_away, 1);
    assert_eq!(journal.write(&row("N3"), Expect::Absent).await, Ok(Written::Stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_for_room_is_written_when_there_is() {
    let (folder, journal) = journal(small_queue(Duration::from_secs(60))).await;
    let hold = Hold::new(&folder);
    let writers: Vec<Writing> =
        (0..9).map(|n| writing(&journal, row(&format!("N{n}")), Expect::Absent)).collect();
    queued(&journal, 2).await;
    hold.end();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert_eq!(journal.counts().turned_away, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn r17_a_queued_write_whose_future_was_dropped_is_written_all_the_same() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = Hold::new(&folder);
    let (dropped, never_polled) = (row("N1"), row("N2"));
    assert!(tokio::time::timeout(Duration::ZERO, journal.write(&dropped, Expect::Absent)).await.is_err());
    drop(journal.write(&never_polled, Expect::Absent));
    let after = writing(&journal, row("N3"), Expect::Absent);
    queued(&journal, 2).await;
    hold.end();
    assert_eq!(after.await.unwrap(), Ok(Written::Stored));
    assert_eq!(journal.find(&dropped.key).await, Ok(Some(dropped)));
    assert_eq!(journal.find(&never_polled.key).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_reads_wait_for_no_writer_and_see_what_was_committed() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    journal.write(&row("N1"), Expect::Absent).await.unwrap();
    let hold = Hold::new(&folder);
    let writer = writing(&journal, Row { revision: 2, ..row("N1") }, Expect::Revision(1));
    queued(&journal, 1).await;
    assert_eq!(journal.holds(&row("N1").key, 1).await, Ok(true));
    assert_eq!(journal.find(&row("N1").key).await.unwrap().unwrap().revision, 1);
    assert_eq!(journal.list(Listing::Open, None, 9).await.unwrap().len(), 1);
    hold.end();
    writer.await.unwrap().unwrap();
    assert_eq!(journal.find(&row("N1").key).await.unwrap().unwrap().revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_closing_writes_what_is_queued_and_then_the_holder_is_dead() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = Hold::new(&folder);
    let holder = journal.holder().to_owned();
    let held =
        |number: &str| Row { holder: holder.as_str().into(), lease_until: UnixMillis(99), ..row(number) };
    let writers: Vec<Writing> =
        (0..20).map(|n| writing(&journal, held(&format!("N{n}")), Expect::Absent)).collect();
    queued(&journal, 20).await;
    let mut closing = journal.close();
    assert!(tokio::time::timeout(Duration::ZERO, &mut closing).await.is_err(), "closed with a queue");
    let late = journal.write(&row("late"), Expect::Absent).await;
    assert!(matches!(late, Err(WriteError::NotStored(_))), "{late:?}");
    hold.end();
    closing.await;
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(Written::Stored));
    }
    assert!(journal.find(&row("N1").key).await.is_err());
    journal.close().await;
    // The last handle's end has folded the log into the file.
    assert!(!path(&folder).with_extension("db-wal").exists());

    let next = SqliteJournal::open(path(&folder)).await.unwrap();
    assert_eq!(next.find(&row("late").key).await, Ok(None));
    let claim = Claim {
        key: &row("N7").key,
        revision: 1,
        holder: next.holder(),
        now: UnixMillis(1),
        lease_until: UnixMillis(9),
        force: Force::DeadOrLapsed,
    };
    assert!(matches!(next.claim(&claim).await, Ok(Claimed::Yes(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_journal_that_is_dropped_writes_what_is_queued_and_then_its_holder_is_dead() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = Hold::new(&folder);
    let row = Row { holder: journal.holder().into(), lease_until: UnixMillis(99), ..row("N1") };
    assert!(tokio::time::timeout(Duration::ZERO, journal.write(&row, Expect::Absent)).await.is_err());
    drop(journal);
    hold.end();
    let next = SqliteJournal::open(path(&folder)).await.unwrap();
    let claim = Claim {
        key: &row.key,
        revision: 1,
        holder: next.holder(),
        now: UnixMillis(1),
        lease_until: UnixMillis(9),
        force: Force::DeadOrLapsed,
    };
    while !matches!(next.claim(&claim).await, Ok(Claimed::Yes(_))) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn it_serves_a_runtime_of_one_thread() {
    let (_folder, journal) = journal(SqliteSettings::default()).await;
    let journal: Arc<dyn AsyncJournal> = journal;
    assert_eq!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
    assert_eq!(journal.holds(&row("N1").key, 1).await, Ok(true));
}

#[tokio::test]
async fn r24_a_restored_journal_shows_by_its_mark() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    assert_eq!(journal.opened(), Opened::default());
    journal.write(&row("N1"), Expect::Absent).await.unwrap();
    journal.close().await;
    fs::write(mark(&folder), format!("{:020}\n", 7)).unwrap();
    let journal = SqliteJournal::open(path(&folder)).await.unwrap();
    assert_eq!(journal.opened(), Opened { restored: true, mark_missing: false });
    assert_eq!(journal.admission().await, Ok(Admission::None));
}

#[tokio::test]
async fn r24_a_mark_that_cannot_follow_is_told_and_the_write_stands() {
    let (folder, journal) = journal(SqliteSettings::default()).await;
    let hold = fs::File::open(mark(&folder)).unwrap();
    hold.lock().unwrap();
    assert_eq!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
    assert!(journal.mark_trouble().unwrap().contains("locked"));
    hold.unlock().unwrap();
    assert_eq!(journal.write(&row("N2"), Expect::Absent).await, Ok(Written::Stored));
    assert_eq!(journal.mark_trouble(), None);
    let shown = format!("{journal:?}");
    assert!(shown.contains(journal.holder()) && shown.contains("commits: 2"), "{shown}");
}

fn mark(folder: &TempDir) -> PathBuf {
    folder.path().join("journal.db.mark")
}
