//! The result lines of `kicc pay`, and what they come to.

use std::io::{self, IsTerminal as _, Stdout, Write as _};

use indicatif::{ProgressBar, ProgressStyle};
use kicc_proto::codes::Codes;
use kicc_ureq::{Error, Progress, Settled};

use crate::{
    exit::Exit,
    lines::BadLine,
    pay::Event,
    result::{self, ErrorLine, Format, Told},
    times, words,
};

/// Writes results, says `told` once they are out (R22), and counts.
pub struct Printer {
    codes: Codes,
    format: Format,
    out: Stdout,
    bar: ProgressBar,
    worst: Exit,
    /// Numbers that are left to recovery, and until when nothing more is to be told.
    left_open: Vec<String>,
    not_taken: Vec<String>,
    broken: bool,
}

impl Printer {
    /// With a progress bar on standard error, where that is a terminal and the number of orders is known.
    pub fn new(codes: Codes, format: Format, total: Option<usize>) -> Printer {
        let bar = match total {
            Some(total) if io::stderr().is_terminal() => bar(total),
            _ => ProgressBar::hidden(),
        };
        Printer {
            codes,
            format,
            out: io::stdout(),
            bar,
            worst: Exit::DONE,
            left_open: Vec::new(),
            not_taken: Vec::new(),
            broken: false,
        }
    }

    /// Writes what became of an order.
    ///
    /// # Errors
    /// When the output cannot be written: nothing of it counts as told, and recovery tells it again.
    pub fn print(&mut self, event: Event) -> io::Result<()> {
        let written = match &event {
            _ if self.broken => Ok(()),
            Event::Early(open, outcome) => {
                let (format, codes) = (self.format, &self.codes);
                let told = Told::provisional(open, outcome, codes);
                let out = &mut self.out;
                self.bar.suspend(|| told.write(format, out).and_then(|()| out.flush()))
            }
            Event::Bad(BadLine { line, number, why }) => {
                self.error(Some(*line), number.as_deref(), why.clone(), Exit::BAD_INPUT)
            }
            Event::NotPaid { line, number, verdict } => {
                let why = words::not_paid(verdict.as_ref());
                self.error(Some(*line), Some(number), why, Exit::NOT_PAID)
            }
            Event::InputFailed(error) => {
                self.error(None, None, format!("the orders cannot be read: {error}"), Exit::INPUT_OUTPUT)
            }
            Event::Ended { line, number, result: Err(error), .. } => {
                if matches!(error, Error::Stopping) {
                    self.not_taken.push(number.clone());
                }
                let why = match error {
                    Error::Call(error) => words::not_looked_up(error),
                    error => error.to_string(),
                };
                self.error(Some(*line), Some(number), why, Exit::of_error(error))
            }
            Event::Ended { number, result: Ok(progress), early, .. } => {
                self.worst = self.worst.max(result::exit(progress));
                let known = match (progress, early) {
                    (Progress::Settled(settled), Some(early)) => settled.outcome() == Some(early),
                    _ => false,
                };
                self.progress(progress, number, known)
            }
        };
        if !matches!(event, Event::Early(..)) {
            self.bar.inc(1);
        }
        if written.is_err() {
            self.broken = true;
        }
        written
    }

    fn progress(&mut self, progress: &Progress, number: &str, known: bool) -> io::Result<()> {
        if !known {
            let (format, out) = (self.format, &mut self.out);
            let told = Told::progress(progress, number, &self.codes);
            self.bar.suspend(|| told.write(format, out).and_then(|()| out.flush()))?;
        }
        match progress {
            Progress::Settled(settled) => told(settled),
            Progress::Open(open) => {
                let until = open.until.map(|until| format!(" (until {})", times::stamp(until)));
                self.left_open.push(format!("{number}{}", until.unwrap_or_default()));
            }
        }
        Ok(())
    }

    fn error(
        &mut self,
        line: Option<usize>,
        number: Option<&str>,
        error: String,
        exit: Exit,
    ) -> io::Result<()> {
        self.worst = self.worst.max(exit);
        let (format, out) = (self.format, &mut self.out);
        let line = ErrorLine { line, number, error };
        self.bar.suspend(|| line.write(format, out).and_then(|()| out.flush()))
    }

    /// Says what is left to others, and with which code to end.
    pub fn finish(self) -> Exit {
        self.bar.finish_and_clear();
        if !self.not_taken.is_empty() {
            eprintln!("kicc: not taken any more, nothing was sent: {}", self.not_taken.join(", "));
        }
        if !self.left_open.is_empty() {
            eprintln!("kicc: left open; `kicc recover` goes on with: {}", self.left_open.join(", "));
        }
        if self.broken {
            eprintln!("kicc: the output cannot be written: `kicc recover` tells again what was not told");
            return self.worst.max(Exit::INPUT_OUTPUT);
        }
        self.worst
    }
}

/// A line that is out counts as told; where the journal does not take that, it is told once more.
pub fn told(settled: &Settled) {
    if let Err(error) = settled.told() {
        eprintln!("kicc: warning: {error}; `kicc recover` may tell an outcome once more");
    }
}

/// A progress bar over so many orders.
pub fn bar(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}");
    ProgressBar::new(total as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
