//! A run of the `kicc` command: what it prints, how it ends, and how it is stopped.

use std::{
    fs,
    io::{self, PipeReader, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use serde::Deserialize;

/// One result line of `pay`, `recover` or `refund`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    pub product: Option<String>,
    /// Of the approval.
    pub number: String,
    /// Of a refund.
    pub refund_number: Option<String>,
    pub outcome: Option<String>,
    pub charged: Option<String>,
    pub safe_to_retry: Option<bool>,
    pub repeat: bool,
    pub code: Option<String>,
    pub message: Option<String>,
    pub approval: Option<serde_json::Value>,
    pub why: Option<serde_json::Value>,
}

impl Line {
    pub fn outcome(&self) -> &str {
        self.outcome.as_deref().unwrap_or("(open)")
    }

    /// `why` as text, however it is structured.
    pub fn why(&self) -> String {
        self.why.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// What a process printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    pub status: ExitStatus,
    pub lines: Vec<Line>,
    /// All of standard output.
    pub output: String,
    pub errors: String,
}

impl Run {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless the process ended with one of these codes.
    #[track_caller]
    pub fn ended_with(self, codes: &[i32]) -> Self {
        let code = self.code();
        let expected = code.is_some_and(|code| codes.contains(&code));
        assert!(expected, "{}, not {codes:?}:\n{}{}", self.status, self.output, self.errors);
        self
    }
}

/// A running `kicc`. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// Read only at its end.
    unread: Option<PipeReader>,
    /// Read all the while.
    output: Option<JoinHandle<String>>,
    errors: Option<JoinHandle<String>>,
}

/// A pipe that nobody reads takes as much, in bytes: the least that Linux gives.
pub const PAGE: usize = 4096;

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut process = Self::start_unread(command, PAGE);
        process.output = process.unread.take().map(read);
        process
    }

    /// Nobody reads its output before its end, and `room` bytes of it (none, or a page) block it.
    pub fn start_unread(command: &mut Command, room: usize) -> Self {
        let (unread, mut output) = io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&unread, PAGE).unwrap();
        output.write_all(&b"\n".repeat(PAGE - room)).unwrap();
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The output ends with the child: the command keeps no end of the pipe.
        command.stdout(Stdio::null());
        let errors = child.stderr.take().map(read);
        Process { child, unread: Some(unread), output: None, errors }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether each of its threads stands still after SIGSTOP.
    pub fn is_stopped(&self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return false };
        let is_stopped = |thread: fs::DirEntry| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('T'))
        };
        threads.flatten().all(is_stopped)
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL, and what it had printed by then.
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.wait()
    }

    pub fn wait(mut self) -> Run {
        let status = self.child.wait().unwrap();
        let output = self.output.take().or_else(|| self.unread.take().map(read)).unwrap().join().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        Run { status, lines: lines(&output), output, errors }
    }
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).map(|_| text).unwrap()
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The result lines; a last line that a kill has cut short is none.
fn lines(output: &str) -> Vec<Line> {
    let whole = &output[..output.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
