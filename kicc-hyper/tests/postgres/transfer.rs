//! A journal that moves between a file and a database (R3), and a copy of one (R24).

use std::{fs, path::PathBuf, time::Duration};

use kicc_hyper::journal::{
    Exported, Imported, PostgresJournal, PostgresSettings, Purpose, SqliteJournal, export as export_file,
    import as import_file,
    postgres::{MarkFile, OpenError, TransferError, export, import},
};
use kicc_proto::{
    journal::{
        Admission, AsyncJournal, Expect, Kind, Listing, RecordText, Row, Standing, WriteError, Written,
        transfer::TABLES,
    },
    time::UnixMillis,
    values::{Mark, TransactionNumber},
};
use kicc_testkit::cluster::Cluster;
use libtest_mimic::Trial;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use crate::{
    Shared,
    rows::{brisk, held, next, open, row},
};

pub fn trials(shared: &Shared) -> Vec<Trial> {
    [
        shared.trial("r3_a_journal_moves_into_a_database_and_back_with_every_row_as_it_was", there_and_back),
        shared.trial("r3_a_database_in_use_is_not_moved", in_use),
        shared.trial("r3_a_moved_database_takes_no_write_and_holds_nothing", moved),
        shared.trial("r3_a_write_that_waits_while_a_database_is_moved_is_not_stored", waiting),
        shared.trial("r24_a_copy_of_a_database_counts_as_restored", copied),
        shared.trial("r24_a_restore_that_nobody_noticed_goes_along", unnoticed),
        shared.trial("an_import_needs_a_database_in_which_nothing_was_ever_written", not_empty),
        shared.trial("a_file_that_is_damaged_or_does_not_fit_makes_no_journal", damaged),
    ]
    .into()
}

/// A folder of files, and a database.
struct Scene<'c> {
    folder: TempDir,
    cluster: &'c Cluster,
    database: String,
}

impl<'c> Scene<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        Scene { folder: tempfile::tempdir().unwrap(), cluster, database: cluster.database() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> String {
        self.cluster.address(&self.database)
    }

    async fn open(&self) -> PostgresJournal {
        open(self.cluster, &self.database).await
    }

    /// A replica that is stopped for longer than its lease, and so taken for dead, once it has written N1.
    async fn late(&self) -> PostgresJournal {
        let late = PostgresJournal::open_with(&self.address(), calm()).await.unwrap();
        late.write(&row("N1"), Expect::Absent).await.unwrap();
        assert_eq!(late.holds(&row("N1").key, 1).await, Ok(true));
        self.sql("UPDATE kicc_holders SET alive_until = 1");
        late
    }

    /// A merchant's own transaction, with an acceptance in it.
    async fn merchant(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.address(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
            .batch_execute("BEGIN; UPDATE kicc_attempts SET told = told WHERE number = 'N1'")
            .await
            .unwrap();
        client
    }

    /// Waits until so many sessions wait for a lock.
    async fn locked(&self, sessions: usize) {
        let waiting = format!(
            "SELECT count(DISTINCT pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
             WHERE NOT granted AND datname = '{}'",
            self.database
        );
        while self.sql(&waiting) != sessions.to_string() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn export(&self, purpose: Purpose) -> Result<Exported, TransferError> {
        export(&self.address(), brisk(), &self.path("file"), purpose).await
    }

    async fn import(&self) -> Result<Imported, TransferError> {
        import(&self.path("file"), &self.address(), brisk()).await
    }

    fn sql(&self, statement: &str) -> String {
        self.cluster.sql(&self.database, statement)
    }

    /// The tables of the database, as far as they move: read by another program.
    fn tables(&self) -> Vec<String> {
        let table = |select: &String| self.sql(select).lines().map(str::to_owned).collect::<Vec<_>>();
        selects().iter().flat_map(table).collect()
    }

    /// The same of a file.
    fn tables_of(&self, name: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.path(name)).unwrap();
        let mut lines = Vec::new();
        for select in selects() {
            let mut statement = connection.prepare(&select).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cell = |column| match row.get_ref(column).unwrap() {
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    _ => String::new(),
                };
                let line = (0..columns).map(cell).collect::<Vec<_>>().join("|");
                lines.extend(line.lines().map(str::to_owned));
            }
        }
        lines
    }
}

/// A replica that says every minute that it lives.
fn calm() -> PostgresSettings {
    let mut settings = brisk();
    settings.lease = Duration::from_secs(300);
    settings.statement_timeout = Duration::from_secs(60);
    settings
}

fn selects() -> Vec<String> {
    TABLES.iter().map(kicc_proto::journal::transfer::Table::select).collect()
}

/// A row of every kind, some of them pruned, some suspect.
async fn fill(journal: &impl AsyncJournal, prune: impl AsyncFn() -> u32, restored: impl AsyncFn()) {
    let store = async |row: Row| {
        assert_eq!(journal.write(&row, Expect::Absent).await, Ok(Written::Stored), "{row:?}");
    };
    let approval =
        |number: &str| Row { authorisation_mark: Mark::new(&format!("of-{number}")).ok(), ..row(number) };
    let closed = |row: Row| Row { standing: Standing::Closed, told: true, ..row };
    let refund = |number: &str, of: &str| Row {
        kind: Kind::Refund,
        original: TransactionNumber::new(of).ok(),
        ..row(number)
    };
    store(closed(approval("PRUNED"))).await;
    assert_eq!(prune().await, 1);
    store(closed(approval("SOLD"))).await;
    store(closed(refund("REFUND", "SOLD"))).await;
    store(approval("SOLD_IN_PARTS")).await;
    for (number, live) in [("PART-1", false), ("PART-2", true)] {
        store(Row { live, ..refund(number, "SOLD_IN_PARTS") }).await;
    }
    restored().await;
    let record = RecordText("kicc/1 \"따옴표\\ | '' \u{1f4b3}\" {\"a\":\"두 줄\nund mehr\"}".to_owned());
    store(Row { record, ..held("B-OPEN", "0123456789abcdef0123456789abcdef", Duration::from_secs(9)) }).await;
    store(Row { lease_until: UnixMillis(1 << 50), ..row("B-FOR-EVER") }).await;
    store(Row { standing: Standing::Parked, told: true, live: false, ..approval("B-PARKED") }).await;
    store(Row { standing: Standing::Closed, ..row("B-UNTOLD") }).await;
    let row = approval("B-WRITTEN-TWICE");
    store(row.clone()).await;
    assert_eq!(journal.write(&next(&row), Expect::Revision(1)).await, Ok(Written::Stored));
}

async fn there_and_back(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let old = SqliteJournal::open(scene.path("old")).await.unwrap();
    let prune = async || old.prune(UnixMillis(9), 9).await.unwrap();
    fill(&old, prune, async || old.restored("B-").await.unwrap()).await;
    old.close().await;
    // R21: what this version cannot read goes along.
    let foreign = "UPDATE kicc_attempts SET kind = 'top_up', standing = 'frozen' WHERE number = 'B-UNTOLD'";
    rusqlite::Connection::open(scene.path("old")).unwrap().execute(foreign, []).unwrap();
    let tables = scene.tables_of("old");
    let exported = export_file(&scene.path("old"), &scene.path("file"), Purpose::Move).unwrap();
    assert_eq!(exported.rows, [3, 10, 2]);
    let file = fs::read(scene.path("file")).unwrap();

    let imported = scene.import().await.unwrap();
    assert_eq!((imported.purpose, imported.rows, imported.removed), (Purpose::Move, exported.rows, Ok(())));
    assert!(!scene.path("file").exists(), "it could be imported once more");
    assert_eq!(scene.tables(), tables);
    let journal = scene.open().await;
    assert!(!journal.opened().restored && !journal.found_restored());
    assert_eq!(journal.admission().await, Ok(Admission::Prefix("B-".into())));
    let suspects = journal.list(Listing::Open, None, 99).await.unwrap();
    let suspects: Vec<&str> =
        suspects.iter().filter(|row| row.suspect).map(|row| row.key.number.as_str()).collect();
    assert_eq!(suspects, ["PART-1", "PART-2", "SOLD_IN_PARTS"]);
    assert_eq!(journal.unreadable().await.unwrap().len(), 1);
    // R22: the pruned one refuses its number and its authorisation still. What is refused takes no sequence.
    let mut pruned = row("PRUNED");
    assert_eq!(journal.write(&pruned, Expect::Absent).await, Ok(Written::UsedBefore));
    pruned = Row { authorisation_mark: Mark::new("of-PRUNED").ok(), ..row("B-OTHER") };
    let refused = journal.write(&pruned, Expect::Absent).await;
    assert!(matches!(refused, Ok(Written::AuthorisationInUse(_))), "{refused:?}");
    journal.close().await;

    assert_eq!(scene.export(Purpose::Move).await.unwrap().rows, exported.rows);
    assert!(fs::read(scene.path("file")).unwrap() == file, "the file of the way back is another");
    import_file(&scene.path("file"), &scene.path("new")).unwrap();
    assert_eq!(scene.tables_of("new"), tables);
    let new = SqliteJournal::open(scene.path("new")).await.unwrap();
    assert!(!new.opened().restored);
    assert_eq!(new.write(&row("B-NEW"), Expect::Absent).await, Ok(Written::Stored));
}

async fn in_use(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let journal = PostgresJournal::open_with(&scene.address(), calm()).await.unwrap();
    let refused = scene.export(Purpose::Move).await.unwrap_err();
    assert!(matches!(refused, TransferError::InUse), "{refused}");
    assert!(!scene.path("file").exists());
    assert_eq!(journal.write(&row("N1"), Expect::Absent).await, Ok(Written::Stored));
    journal.close().await;

    // One that ended without a word, and whose lease runs.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = scene.address();
    let opening = runtime.spawn(async move { PostgresJournal::open_with(&address, calm()).await.unwrap() });
    let crashed = opening.await.unwrap();
    runtime.shutdown_background();
    let refused = scene.export(Purpose::Move).await.unwrap_err();
    assert!(matches!(refused, TransferError::InUse), "{refused}");
    scene.sql(&format!("UPDATE kicc_holders SET alive_until = 1 WHERE holder = '{}'", crashed.holder()));

    let merchant = scene.merchant().await;
    let refused = scene.export(Purpose::Move).await.unwrap_err();
    assert!(matches!(refused, TransferError::InUse), "{refused}");
    merchant.batch_execute("COMMIT").await.unwrap();
    scene.export(Purpose::Move).await.unwrap();
}

async fn moved(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let late = scene.late().await;
    scene.export(Purpose::Move).await.unwrap();

    let refused = late.write(&row("N2"), Expect::Absent).await;
    assert!(matches!(&refused, Err(WriteError::NotStored(why)) if why.contains("moved")), "{refused:?}");
    assert!(late.write(&next(&row("N1")), Expect::Revision(1)).await.is_err());
    assert_eq!(late.holds(&row("N1").key, 1).await, Ok(false), "its next message is not sent");
    for refused in [
        PostgresJournal::open(&scene.address()).await.unwrap_err(),
        PostgresJournal::open_existing(&scene.address(), brisk()).await.unwrap_err(),
    ] {
        assert!(matches!(&refused, OpenError::Moved { to } if to.ends_with("file")), "{refused}");
    }
    let again = export(&scene.address(), brisk(), &scene.path("again"), Purpose::Move).await.unwrap_err();
    assert!(matches!(again, TransferError::Open(OpenError::Moved { .. })), "{again}");
    // If the file is lost: nobody can know whether it was imported.
    export(&scene.address(), brisk(), &scene.path("copy"), Purpose::Copy).await.unwrap();
    import_file(&scene.path("copy"), &scene.path("new")).unwrap();
    let new = SqliteJournal::open(scene.path("new")).await.unwrap();
    assert_eq!(new.admission().await, Ok(Admission::None));
    let refused = scene.import().await.unwrap_err();
    assert!(matches!(refused, TransferError::Open(OpenError::Moved { .. })), "{refused}");
}

/// A group that has begun when the tables are closed has read that they are open.
async fn waiting(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let late = scene.late().await;
    let merchant = scene.merchant().await;
    let (address, to, new) = (scene.address(), scene.path("file"), row("N2"));
    let write = async {
        scene.locked(1).await;
        let (written, committed) = tokio::join!(late.write(&new, Expect::Absent), async {
            scene.locked(2).await;
            merchant.batch_execute("COMMIT").await
        });
        committed.unwrap();
        written
    };
    let (moved, written) = tokio::join!(export(&address, calm(), &to, Purpose::Move), write);
    assert_eq!(moved.unwrap().rows[1], 1);
    assert!(matches!(written, Err(WriteError::NotStored(_))), "{written:?}");
    assert_eq!(scene.sql("SELECT count(*) FROM kicc_attempts"), "1");
}

async fn copied(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let journal = scene.open().await;
    let prune = async || journal.prune(UnixMillis(9), 9).await.unwrap();
    fill(&journal, prune, async || journal.restored("B-").await.unwrap()).await;
    assert_eq!(scene.export(Purpose::Copy).await.unwrap().rows, [3, 10, 2]);
    assert_eq!(
        journal.write(&row("B-LATER"), Expect::Absent).await,
        Ok(Written::Stored),
        "the source goes on"
    );

    let other = Scene { database: scene.cluster.database(), ..scene };
    assert_eq!(other.import().await.unwrap().purpose, Purpose::Copy);
    assert!(other.path("file").exists(), "a backup is not used up");
    let new = other.open().await;
    assert_eq!(new.admission().await, Ok(Admission::None));
    let open = new.list(Listing::Open, None, 99).await.unwrap();
    assert!(open.len() > 4 && open.iter().all(|row| row.suspect));
    assert!(new.restored("B-").await.is_err(), "the earlier prefix was used");
    new.restored("C-").await.unwrap();
    assert_eq!(new.write(&row("C-1"), Expect::Absent).await, Ok(Written::Stored));
    assert!(!new.find(&row("C-1").key).await.unwrap().unwrap().suspect);
}

async fn unnoticed(shared: &Shared) {
    let cluster = Cluster::start(shared.programs.as_ref().unwrap());
    let scene = Scene::new(&cluster);
    let address = format!("{}?kicc_mark={}", scene.address(), scene.path("mark").display());
    let journal = PostgresJournal::open_with(&address, brisk()).await.unwrap();
    journal.write(&row("N1"), Expect::Absent).await.unwrap();
    journal.close().await;
    let backup = cluster.restored(false);
    let journal = PostgresJournal::open_with(&address, brisk()).await.unwrap();
    journal.write(&row("LOST"), Expect::Absent).await.unwrap();
    journal.close().await;
    cluster.replace_by(&backup);
    let exported = export(&address, brisk(), &scene.path("file"), Purpose::Move).await.unwrap();
    assert!(exported.opened.restored);
    import_file(&scene.path("file"), &scene.path("new")).unwrap();
    let new = SqliteJournal::open(scene.path("new")).await.unwrap();
    assert_eq!(new.admission().await, Ok(Admission::None));
}

async fn not_empty(shared: &Shared) {
    let source = Scene::new(shared.cluster());
    let journal = source.open().await;
    journal.write(&row("N1"), Expect::Absent).await.unwrap();
    journal.close().await;
    source.export(Purpose::Copy).await.unwrap();
    let refused = source.import().await.unwrap_err();
    assert!(matches!(refused, TransferError::NotEmpty), "{refused}");

    // Its only row was pruned.
    let used = Scene { database: source.cluster.database(), ..source };
    let journal = used.open().await;
    let closed = Row { standing: Standing::Closed, told: true, ..row("N1") };
    journal.write(&closed, Expect::Absent).await.unwrap();
    assert_eq!(journal.prune(UnixMillis(9), 9).await, Ok(1));
    journal.close().await;
    assert!(matches!(used.import().await, Err(TransferError::NotEmpty)));

    // Made anew beside the mark of one that is gone.
    let behind = Scene { database: used.cluster.database(), ..used };
    kicc_hyper::journal::postgres::Mark::raise(&MarkFile::open(behind.path("mark")).unwrap(), 7).unwrap();
    let address = format!("{}?kicc_mark={}", behind.address(), behind.path("mark").display());
    let refused = import(&behind.path("file"), &address, brisk()).await.unwrap_err();
    assert!(matches!(refused, TransferError::NotEmpty), "{refused}");

    // Opened, and never written; its mark follows what was imported.
    let empty = Scene { database: behind.cluster.database(), ..behind };
    let living = empty.open().await;
    let address = format!(
        "{}?kicc_mark={}",
        empty.address(),
        empty.path("new mark").display().to_string().replace(' ', "%20")
    );
    import(&empty.path("file"), &address, brisk()).await.unwrap();
    let mark = MarkFile::open(empty.path("new mark")).unwrap();
    let mark = kicc_hyper::journal::postgres::Mark::read(&mark).unwrap();
    assert_eq!(
        mark.map(|mark| mark.to_string()),
        Some(empty.sql("SELECT number FROM kicc_meta WHERE name = 'sequence'"))
    );
    living.write(&next(&row("N1")), Expect::Revision(1)).await.unwrap();
    assert!(!living.found_restored());
}

async fn damaged(shared: &Shared) {
    let scene = Scene::new(shared.cluster());
    let old = SqliteJournal::open(scene.path("old")).await.unwrap();
    old.write(&row("N1"), Expect::Absent).await.unwrap();
    old.close().await;
    let copy = || {
        let _ = fs::remove_file(scene.path("file"));
        export_file(&scene.path("old"), &scene.path("file"), Purpose::Copy).unwrap();
        fs::read(scene.path("file")).unwrap()
    };
    let whole = copy();
    fs::write(scene.path("file"), &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(scene.import().await, Err(TransferError::File(_))));
    assert_eq!(scene.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'kicc%'"), "0");

    // What SQLite takes and PostgreSQL does not, and no version writes: a text for a number, an end of a text in it.
    let change = |change: &str| {
        rusqlite::Connection::open(scene.path("old")).unwrap().execute(change, []).unwrap();
        copy();
    };
    for (statement, code) in [
        ("UPDATE kicc_attempts SET told = 'secret'", "error serializing parameter"),
        ("UPDATE kicc_attempts SET told = 0, record = 'secret' || char(0)", "22021"),
    ] {
        change(statement);
        let refused = scene.import().await.unwrap_err().to_string();
        assert!(refused.contains("kicc_attempts test/simple/T1/N1: ") && refused.contains(code), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
        assert_eq!(scene.sql("SELECT count(*) FROM kicc_attempts"), "0");
    }
    change("UPDATE kicc_attempts SET record = '{}'");
    scene.import().await.unwrap();
}
