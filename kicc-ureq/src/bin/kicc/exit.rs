//! What the end of the process says. Where several would fit, the highest counts.

use std::process::ExitCode;

use kicc_proto::flow::{Outcome, RefundOutcome};
use kicc_ureq::Error;

/// An exit code; the greater one is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit(pub u8);

impl Exit {
    /// All approved; refunded; nothing left to do.
    pub const DONE: Exit = Exit(0);
    /// A storm lost or doubled something, or met another end than the expected one.
    pub const UNEXPECTED: Exit = Exit(1);
    /// Bad input, arguments or configuration: nothing was sent for it.
    pub const BAD_INPUT: Exit = Exit(2);
    /// Some were declined.
    pub const DECLINED: Exit = Exit(10);
    /// Some were never sent.
    pub const NEVER_SENT: Exit = Exit(11);
    /// Some were reversed.
    pub const REVERSED: Exit = Exit(12);
    /// Some need an operator.
    pub const NEEDS_OPERATOR: Exit = Exit(13);
    /// The refund was refused.
    pub const REFUSED: Exit = Exit(20);
    /// The refund was not attempted.
    pub const NOT_ATTEMPTED: Exit = Exit(21);
    /// The refund needs an operator.
    pub const REFUND_NEEDS_OPERATOR: Exit = Exit(23);
    /// A registration was refused.
    pub const REGISTRATION_REFUSED: Exit = Exit(30);
    /// A registration was not sent, or not answered.
    pub const REGISTRATION_UNANSWERED: Exit = Exit(31);
    /// A payment in the window is not paid, or not yet.
    pub const NOT_PAID: Exit = Exit(32);
    /// A payment in the window could not be looked up.
    pub const NOT_LOOKED_UP: Exit = Exit(33);
    /// The journal or the output could not be read or written.
    pub const INPUT_OUTPUT: Exit = Exit(74);
    /// Something is still open: left to recovery, or in another worker's hands.
    pub const LEFT_OPEN: Exit = Exit(75);

    /// Of an approval's end.
    pub fn of_outcome(outcome: &Outcome) -> Exit {
        match outcome {
            Outcome::Approved(_) => Exit::DONE,
            Outcome::Declined(_) => Exit::DECLINED,
            Outcome::NeverSent(_) => Exit::NEVER_SENT,
            Outcome::Reversed(_) => Exit::REVERSED,
            Outcome::NeedsOperator { .. } => Exit::NEEDS_OPERATOR,
        }
    }

    /// Of a refund's end.
    pub fn of_refund(outcome: &RefundOutcome) -> Exit {
        match outcome {
            RefundOutcome::Refunded => Exit::DONE,
            RefundOutcome::Refused(_) => Exit::REFUSED,
            RefundOutcome::NotAttempted(_) => Exit::NOT_ATTEMPTED,
            RefundOutcome::NeedsOperator { .. } => Exit::REFUND_NEEDS_OPERATOR,
        }
    }

    /// Of a call that was not taken.
    pub fn of_error(error: &Error) -> Exit {
        match error {
            Error::Read(_) | Error::Write(_) => Exit::INPUT_OUTPUT,
            Error::Stopping => Exit::LEFT_OPEN,
            Error::Call(_) => Exit::NOT_LOOKED_UP,
            _ => Exit::BAD_INPUT,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

/// Why a command ended early, for standard error.
#[derive(Debug)]
pub struct Fail {
    /// With which code.
    pub exit: Exit,
    /// In words, without a secret.
    pub message: String,
}

impl Fail {
    /// Bad input.
    pub fn input(message: impl ToString) -> Fail {
        Fail { exit: Exit::BAD_INPUT, message: message.to_string() }
    }

    /// A file or stream that cannot be read or written.
    pub fn io(message: impl ToString) -> Fail {
        Fail { exit: Exit::INPUT_OUTPUT, message: message.to_string() }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail { exit: Exit::of_error(&error), message: error.to_string() }
    }
}

impl From<kicc_proto::journal::ReadError> for Fail {
    fn from(error: kicc_proto::journal::ReadError) -> Fail {
        Fail::io(error)
    }
}

impl From<std::io::Error> for Fail {
    fn from(error: std::io::Error) -> Fail {
        Fail::io(error)
    }
}
