//! The accept step as a command (R19), and the question what the books hold (R24): 0 held, 10 not held, anything else
//! cannot tell.

use std::{
    io::{self, Write as _},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use kicc_ureq::client::{AcceptStep, Answer, HoldsStep, Question};
use serde::Serialize;

use crate::result::ApprovalLine;

/// How long a command may take where nothing else is said (our choice).
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What names the commands, where the configuration does not.
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// The accept step: a shell command that writes an approval into the shop's books. Exit 0: held, 10: not held,
    /// anything else: cannot tell. Instead of `[accept] command`
    #[arg(long, value_name = "CMD")]
    on_approved: Option<String>,
    /// A shell command that says, after a journal was restored, whether the books hold a sale, and writes nothing. The
    /// same exit codes. Instead of `[accept] holds`; without it such a sale goes to a person
    #[arg(long, value_name = "CMD")]
    holds: Option<String>,
}

/// The commands that a client asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptCommands {
    /// Writes an approval into the books.
    pub accept: Option<AcceptCommand>,
    /// Says what they hold.
    pub holds: Option<AcceptCommand>,
    /// How long either may take.
    pub time_limit: Option<Duration>,
}

impl AcceptCommands {
    /// These, but for what the command line names.
    pub fn with(mut self, args: &AcceptArgs) -> Self {
        let time_limit = self.time_limit.unwrap_or(TIME_LIMIT);
        let named =
            |command: &Option<String>| command.clone().map(|command| AcceptCommand { command, time_limit });
        self.accept = named(&args.on_approved).or(self.accept);
        self.holds = named(&args.holds).or(self.holds);
        self
    }
}

/// A command that the shell runs once or more for each question; so it must be idempotent.
///
/// On standard input it gets one JSON object; in its environment `KICC_NUMBER`, which is one of its `KICC_PRODUCT`
/// (`simple`, `easytalk` or `iamport`) at its `KICC_TERMINAL_ID` (R3), `KICC_AMOUNT` (won),
/// `KICC_APPROVAL_NUMBER` (empty where none is known) and `KICC_QUESTION`: `approved`, or `restored` where a journal
/// came from a backup and the question is only whether the books hold a sale under that number, and nothing is to be
/// written (R24). What it prints goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptCommand {
    /// As the shell reads it.
    pub command: String,
    /// Then it is killed with its process group, and counts as *cannot tell*.
    pub time_limit: Duration,
}

impl AcceptStep for AcceptCommand {
    fn accept(&self, question: &Question<'_>) -> Answer {
        self.ask("approved", question)
    }
}

impl HoldsStep for AcceptCommand {
    fn holds(&self, question: &Question<'_>) -> Answer {
        self.ask("restored", question)
    }
}

impl AcceptCommand {
    fn ask(&self, name: &'static str, question: &Question<'_>) -> Answer {
        let number = &question.key.number;
        match self.run(name, question) {
            Ok(Some(status)) => answer(status.code()),
            Ok(None) => {
                eprintln!(
                    "kicc: {number}: the shop's command took longer than {:?}: cannot tell",
                    self.time_limit
                );
                Answer::CannotTell
            }
            Err(error) => {
                eprintln!("kicc: {number}: the shop's command did not run: {error}: cannot tell");
                Answer::CannotTell
            }
        }
    }

    /// `None`: it was killed at the time limit.
    fn run(&self, name: &'static str, question: &Question<'_>) -> io::Result<Option<ExitStatus>> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let amount = question.amount;
        let input = serde_json::to_vec(&Input {
            question: name,
            environment: question.key.environment.as_str(),
            product: question.key.product.as_str(),
            terminal_id: question.key.terminal.as_str(),
            number: question.key.number.as_str(),
            amount: amount.total().0,
            vat: amount.vat().0,
            service_charge: amount.service_charge().0,
            tax_free: amount.tax_free().0,
            approval: question.approval.map(ApprovalLine::new),
        })?;
        let mut command = Command::new(shell);
        command
            .args([flag, &self.command])
            .env("KICC_NUMBER", question.key.number.as_str())
            .env("KICC_PRODUCT", question.key.product.as_str())
            .env("KICC_TERMINAL_ID", question.key.terminal.as_str())
            .env("KICC_AMOUNT", amount.total().0.to_string())
            .env(
                "KICC_APPROVAL_NUMBER",
                question.approval.and_then(|approval| approval.approval_number()).unwrap_or(""),
            )
            .env("KICC_QUESTION", name)
            .stdin(Stdio::piped())
            .stdout(io::stderr());
        // A group of its own: Ctrl-C at a terminal is for this program, and the time limit is for all children.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It need not read it.
            let _ = stdin.write_all(&input);
        }
        wait(&mut child, self.time_limit)
    }
}

#[derive(Serialize)]
struct Input<'a> {
    question: &'static str,
    environment: &'a str,
    product: &'static str,
    terminal_id: &'a str,
    number: &'a str,
    amount: u64,
    vat: u64,
    service_charge: u64,
    tax_free: u64,
    approval: Option<ApprovalLine<'a>>,
}

fn answer(code: Option<i32>) -> Answer {
    match code {
        Some(0) => Answer::Held,
        Some(10) => Answer::NotHeld,
        _ => Answer::CannotTell,
    }
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            kill(child);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        // A group that has just ended is no error.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r19_exit_codes_are_answers() {
        assert_eq!(answer(Some(0)), Answer::Held);
        assert_eq!(answer(Some(10)), Answer::NotHeld);
        for code in [Some(1), Some(127), Some(-1), None] {
            assert_eq!(answer(code), Answer::CannotTell);
        }
    }

    #[cfg(unix)]
    #[test]
    fn r19_a_time_limit_ends_the_command_and_its_children() {
        let mut command = Command::new("sh");
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.args(["-c", "sleep 60 & wait"]).stdout(Stdio::piped()).spawn().unwrap();
        let pipe = child.stdout.take().unwrap();
        let began = Instant::now();
        assert!(wait(&mut child, Duration::from_millis(50)).unwrap().is_none());
        // The grandchild held the other end of the pipe: its end is the grandchild's end.
        assert_eq!(io::read_to_string(pipe).unwrap(), "");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
