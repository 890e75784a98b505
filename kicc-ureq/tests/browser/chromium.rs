//! Headless Chromium, driven by ChromeDriver over the WebDriver protocol (a W3C recommendation).

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use ureq::{Agent, http};

/// The width of a common phone, in CSS pixels.
pub const PHONE: u32 = 390;

/// One browser with one window, gone when dropped.
pub struct Browser {
    agent: Agent,
    session: String,
    _driver: Driver,
    /// Removed last.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Of this width, touched, and its owner reads Korean. Pages take it for a computer's.
    pub fn start(width: u32) -> Self {
        Self::emulating(&json!({ "deviceMetrics": metrics(width) }))
    }

    /// A phone that says so.
    pub fn phone() -> Self {
        let name =
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36";
        Self::emulating(&json!({ "deviceMetrics": metrics(PHONE), "userAgent": name }))
    }

    fn emulating(device: &Value) -> Self {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let agent = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--no-proxy-server", "--disable-quic", "--disable-background-networking", "--disable-sync",
                "--disable-component-update", "--accept-lang=ko",
                format!("--user-data-dir={}", profile.path().display()),
            ],
            "mobileEmulation": device,
        });
        // What a script brings in is waited for.
        let timeouts = json!({"implicit": 10_000});
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": timeouts}}});
        let sessions = format!("http://127.0.0.1:{}/session", driver.port);
        let made = ask(&agent, "POST", &sessions, &wanted);
        let id = made["sessionId"].as_str().expect("a session has an id");
        Browser { session: format!("{sessions}/{id}"), agent, _driver: driver, _profile: profile }
    }

    /// Goes to a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// Touches the element, as a person would, and waits for the page that follows.
    pub fn click(&self, selector: &str) {
        let found = self.find(selector);
        let id = found.as_object().and_then(|element| element.values().next()?.as_str());
        let id = id.unwrap_or_else(|| panic!("no {selector}: {found}"));
        self.post(&format!("element/{id}/click"), &json!({}));
    }

    /// Goes on inside a frame of the page.
    pub fn enter(&self, selector: &str) {
        let frame = self.find(selector);
        self.post("frame", &json!({ "id": frame }));
    }

    /// Goes on in the page itself.
    pub fn leave(&self) {
        self.post("frame", &json!({ "id": null }));
    }

    fn find(&self, selector: &str) -> Value {
        self.post("element", &json!({"using": "css selector", "value": selector}))
    }

    /// Runs a script in the page; what it returns.
    pub fn execute(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    fn post(&self, what: &str, body: &Value) -> Value {
        ask(&self.agent, "POST", &format!("{}/{what}", self.session), body)
    }
}

/// Ends Chromium in order; the driver's end ends it in any case.
impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
    }
}

fn metrics(width: u32) -> Value {
    json!({"width": width, "height": 844, "pixelRatio": 2, "mobile": true, "touch": true})
}

fn ask(agent: &Agent, method: &str, url: &str, body: &Value) -> Value {
    let request = http::Request::builder().method(method).uri(url).body(body.to_string()).unwrap();
    let answer = agent.run(request).unwrap().into_body().read_to_string().unwrap();
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    let value = answer["value"].take();
    assert!(value.get("error").is_none(), "{url}: {body}: {value}");
    value
}

/// ChromeDriver in a process group of its own, which Chromium joins.
struct Driver {
    process: Child,
    port: u16,
    /// Kept open, so that what it prints does not end it.
    _stdout: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "chromedriver ended");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim().trim_end_matches('.').parse().unwrap();
            }
        };
        Driver { process, port, _stdout: stdout }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.process.wait();
    }
}
