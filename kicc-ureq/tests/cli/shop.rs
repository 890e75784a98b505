//! A shop with a configuration for all products, a journal and a VAN; and runs of the command in it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use kicc_testkit::van::{IamportSettings, Van, VanConfig};
use serde_json::Value;
use tempfile::TempDir;

pub const SECRET: &str = "SECRET_THAT_NOBODY_SEES";
pub const TOKEN: &str = "TOKEN_THAT_NOBODY_SEES";
const IMP_KEY: &str = "IMP_KEY_THAT_NOBODY_SEES";
const IMP_SECRET: &str = "IMP_SECRET_THAT_NOBODY_SEES";
/// A name of a billing key.
pub const CUSTOMER: &str = "customer-that-nobody-sees";

pub struct Shop {
    pub van: Van,
    folder: TempDir,
}

impl Shop {
    pub fn new() -> Shop {
        Self::with("")
    }

    /// `policy`: further lines of that section.
    pub fn with(policy: &str) -> Shop {
        let iamport = IamportSettings {
            imp_key: IMP_KEY.into(),
            imp_secret: IMP_SECRET.into(),
            ..IamportSettings::default()
        };
        let van = Van::start(VanConfig {
            late: Duration::from_millis(100),
            secret_key: SECRET.into(),
            iamport,
            ..VanConfig::default()
        })
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"environment = "test"
base_url = "{}"
[merchant]
terminal_id = "T123456789"
service_id = "SVC_SIMPLE"
business_number = "1234567890"
channel_id = "CH_A1B2C3D4"
van_terminal_id = "T5102001"
[secrets]
secret_key = {{ env = "KICC_SECRET_KEY" }}
imp_key = {{ env = "KICC_IMP_KEY" }}
imp_secret = {{ env = "KICC_IMP_SECRET" }}
[iamport]
store = "imp12345678"
channel = "test"
sees_sandbox = true
answer_timeout = "400ms"
quiet_period = "400ms"
[policy]
answer_timeout = "400ms"
quiet_period = "400ms"
backoff = {{ first = "20ms", cap = "200ms" }}
{policy}
[easytalk]
status_path = "/appcardpay/v1/tradeStatus.do"
status_date_field = "transactionDate"
not_found_codes = ["7010"]
duplicate_codes = ["7011"]
"#,
            van.base_url()
        );
        fs::write(folder.path().join("kicc.toml"), config).unwrap();
        Shop { van, folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn change_config(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("kicc.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kicc"));
        command.args(words.split_whitespace()).current_dir(self.folder.path());
        let secrets =
            [("KICC_SECRET_KEY", SECRET), ("KICC_IMP_KEY", IMP_KEY), ("KICC_IMP_SECRET", IMP_SECRET)];
        command.envs(secrets);
        command
    }

    /// Runs `kicc WORDS`; whatever it prints, no secret is in it (R23).
    pub fn kicc(&self, words: &str) -> Ran {
        Ran::new(self.command(words).output().unwrap())
    }

    pub fn pay(&self, more: &str) -> Ran {
        self.kicc(&format!("pay --config kicc.toml --journal j --orders orders --output json {more}"))
    }

    pub fn orders(&self, numbers: &[&str]) {
        fs::write(self.path("orders"), numbers.iter().map(|number| order(number)).collect::<String>())
            .unwrap();
    }
}

pub fn order(number: &str) -> String {
    format!("{{\"number\":\"{number}\",\"amount\":52000,\"vat\":4727,\"token_key\":\"{TOKEN}\"}}\n")
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn new(output: Output) -> Ran {
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        for secret in [SECRET, TOKEN, IMP_KEY, IMP_SECRET, CUSTOMER] {
            assert!(!out.contains(secret) && !err.contains(secret), "a secret was printed:\n{out}\n{err}");
        }
        Ran { code: output.status.code(), out, err }
    }

    pub fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", self.out)))
            .collect()
    }

    pub fn line(&self, number: &str) -> Value {
        let line = self.lines().into_iter().find(|line| line["number"] == number);
        line.unwrap_or_else(|| panic!("no line of {number}\n{}{}", self.out, self.err))
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "\n{}{}", self.out, self.err);
        self
    }
}

/// The base URL that a sandbox says.
pub fn listening(sandbox: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(sandbox.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().strip_prefix("listening on ").unwrap().to_owned()
}

pub fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

pub fn wait_until(done: impl Fn() -> bool) {
    wait_for(|| done().then_some(()));
}

pub fn wait_for<T>(look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
