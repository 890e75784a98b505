//! A PostgreSQL of one's own, in a temporary folder: started, killed and started again at will.
//!
//! It is reached by a socket in its folder. PostgreSQL refuses to run as root: then it runs as the user `postgres`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long it may take to start; after a kill it replays its log first.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster with the superuser `kicc`. Dropped, it is killed and its folder removed.
pub struct Cluster {
    folder: TempDir,
    programs: Programs,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
}

/// Where PostgreSQL's programs are, and as whom they run.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
    /// User and group, where they are not our own.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Looks for them: on the path, then where Debian puts them.
    ///
    /// # Errors
    /// When there are none, or they could only run as root.
    pub fn find() -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        folders.extend(debian.map(|version| version.path().join("bin")));
        let folder = folders
            .into_iter()
            .find(|folder| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file()))
            .ok_or("PostgreSQL's `initdb`, `postgres` and `psql` are not here")?;
        let id = |arguments: &[&str]| -> Result<u32, String> {
            let output = Command::new("id").args(arguments).output().map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&output.stdout);
            text.trim().parse().map_err(|_| format!("`id {}` fails", arguments.join(" ")))
        };
        let user = match id(&["-u"])? {
            0 => Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)),
            _ => None,
        };
        Ok(Programs { folder, user })
    }

    fn command(&self, program: &str) -> Command {
        let program = self.folder.join(program);
        match self.user {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
                command.arg(program);
                command
            }
        }
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).expect("root gives away");
        }
    }
}

impl Cluster {
    /// Makes one and starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(programs: &Programs) -> Self {
        let folder = tempfile::Builder::new().prefix("kicc-pg-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).expect("a mode");
        programs.give(folder.path());
        let cluster = Cluster {
            folder,
            programs: programs.clone(),
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        let made = programs
            .command("initdb")
            .args(["-U", "kicc", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(cluster.data())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.configure("listen_addresses = ''");
        cluster.run();
        cluster
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder with its socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Appends to its configuration; in force when it is next started.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&path).expect("a configuration");
        fs::write(path, format!("{text}\n{lines}\n")).expect("a configuration");
    }

    /// Gives a file of the cluster's folder to the user that it runs as, for nobody else to read.
    ///
    /// # Panics
    /// When that is not possible.
    pub fn own(&self, path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a mode");
        self.programs.give(path);
    }

    /// Starts it (again), and waits until it answers.
    ///
    /// # Panics
    /// When it runs already, or does not start in time.
    pub fn run(&self) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(server.is_none(), "it runs");
        let until = Instant::now() + PATIENCE;
        let mut child = self.spawn();
        loop {
            if self.writes() {
                break;
            }
            assert!(Instant::now() < until, "it does not start: {}", self.log());
            // The last ones of a server that was killed may still have its memory.
            if child.try_wait().expect("a child").is_some() {
                thread::sleep(Duration::from_millis(200));
                child = self.spawn();
            }
            thread::sleep(Duration::from_millis(30));
        }
        *server = Some(child);
    }

    /// Waits until it writes (again).
    ///
    /// # Panics
    /// When it does not.
    pub fn wait(&self) {
        let until = Instant::now() + PATIENCE;
        while !self.writes() {
            assert!(Instant::now() < until, "it does not write: {}", self.log());
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn writes(&self) -> bool {
        self.try_sql("postgres", "SELECT pg_is_in_recovery()").is_ok_and(|recovers| recovers == "f")
    }

    fn spawn(&self) -> Child {
        let log = fs::OpenOptions::new().append(true).create(true).open(self.folder.path().join("log"));
        let log = log.expect("a log");
        self.programs
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args(["-c", "max_connections=200"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs")
    }

    /// What the server has said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Kills the server as a power cut does the machine's processes; what it left is as it was.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let child = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut child = child.expect("it runs");
        // The backends first, or they finish what they are at.
        for backend in children(child.id()) {
            let _ = Command::new("kill").args(["-KILL", &backend.to_string()]).stderr(Stdio::null()).status();
        }
        child.kill().expect("it runs");
        child.wait().expect("it ran");
    }

    /// Stops the server as an administrator does, ending its connections.
    ///
    /// # Panics
    /// When it does not run or does not stop.
    pub fn stop(&self) {
        let child = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut child = child.expect("it runs");
        let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()));
        child.wait().expect("it ran");
    }

    /// A new database's name.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The address of a database, by the socket.
    #[must_use]
    pub fn address(&self, database: &str) -> String {
        let folder = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://kicc@{folder}/{database}")
    }

    /// What statements answer: rows by line, columns by `|`.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let output = Command::new(self.programs.folder.join("psql"))
            .args(["-XqAtU", "kicc", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements, "-h"])
            .arg(self.folder.path())
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Another cluster with what this one holds now, as a backup of it is restored: promoted to a timeline of its own
    /// if `promoted`. This one stops meanwhile, and runs on.
    ///
    /// # Panics
    /// When the files cannot be copied.
    #[must_use]
    pub fn restored(&self, promoted: bool) -> Self {
        self.stop();
        let folder = tempfile::Builder::new().prefix("kicc-pg-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).expect("a mode");
        self.programs.give(folder.path());
        let copied = Command::new("cp").arg("-a").arg(self.data()).arg(folder.path().join("data")).status();
        assert!(copied.is_ok_and(|status| status.success()));
        self.run();
        let other = Cluster {
            folder,
            programs: self.programs.clone(),
            server: Mutex::new(None),
            databases: AtomicU32::new(self.databases.load(Ordering::Relaxed)),
        };
        if promoted {
            // Recovery that ends at once begins a new timeline.
            other.configure("restore_command = 'false'\nrecovery_target_timeline = 'latest'");
            let signal = other.data().join("recovery.signal");
            fs::write(&signal, "").expect("a file");
            other.own(&signal);
        }
        other.run();
        other
    }

    /// Puts the files of another cluster in the place of this one's, under the same address: both are stopped, this one
    /// runs on.
    ///
    /// # Panics
    /// When the files cannot be moved.
    pub fn replace_by(&self, other: &Cluster) {
        self.stop();
        other.stop();
        fs::remove_dir_all(self.data()).expect("a folder");
        fs::rename(other.data(), self.data()).expect("a folder");
        self.run();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let child = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            for backend in children(child.id()) {
                let _ =
                    Command::new("kill").args(["-KILL", &backend.to_string()]).stderr(Stdio::null()).status();
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The processes that a process has begun.
fn children(of: u32) -> Vec<u32> {
    let found = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    found.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}
