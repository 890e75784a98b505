//! The faults, as one table: what the simulated VAN does wrong, how a user asks for it, and the only acceptable end.
//!
//! A fault of the approval and one of its rescue together are a [`Plan`]. Four ways to choose one, tried in this
//! order: a rule of the configuration, a marked merchant number, a magic amount, the seed. A marked number is
//! `X<code>-...` or `X<code>_<rescue code>-...` (`Xhanga-0001`, `Xhanga_reset-0001`). A magic amount ends in `9KNN`,
//! where `NN` is the fault's number and `K` the rescue fault's (0: none); no `NN` is a multiple of ten, so that no
//! ordinary price is magic.

use core::fmt;
use core::mem::discriminant;
use core::str::FromStr;

/// What the VAN does with the approval request of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says what each one is, and is what users see")]
pub enum Fault {
    Ok,
    Drip,
    Chunked,
    UntilClose,
    AnsweredTwice,
    BrokenText,
    LoneSurrogate,
    Decline,
    DeclineBare,
    DeclineUnlisted,
    HangBefore,
    HangAfter,
    ResetBefore,
    ResetAfter,
    /// Holds the byte at which the whole HTTP response is cut; it wraps at the response's length.
    Cut(u32),
    Html502,
    Http400,
    BrokenJson,
    DuplicatedKey,
    MissingCode,
    EmptyCode,
    NumericCode,
    ForeignNumber,
    ForeignTerminal,
    NoEcho,
    BinaryBody,
    Oversized,
    Redirect302,
    Redirect307,
    Empty200,
    DeclineWithApproval,
    ChunkedCut,
    NoLengthCut,
    LateAfterGiveUp,
    LateAfterNetCancel,
    LateForgetful,
}

/// What the VAN does with the net-cancels and cancels of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says what each one is, and is what users see")]
pub enum Rescue {
    Hang,
    HangDone,
    Reset,
    ServerError,
    ProvesNothing,
    CancelHangDone,
    CancelRefused,
}

/// The outcome of an order as a correct client reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The customer is charged and the merchant knows.
    Approved,
    /// Refused by the issuer.
    Declined,
    /// Not one byte of the request left.
    NeverSent,
    /// Perhaps charged, and certainly voided.
    Reversed,
    /// A person must look.
    NeedsOperator,
}

impl End {
    /// The outcome's name, such as `needs_operator`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::NeverSent => "never_sent",
            Self::Reversed => "reversed",
            Self::NeedsOperator => "needs_operator",
        }
    }
}

/// How a fault is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Per order; concerns its approval.
    Approval,
    /// Per order, together with a fault of the approval.
    Rescue,
    /// Not per order: by the address that the client is given.
    Door,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// How it is asked for.
    pub stage: Stage,
    /// The name, as rules and ledgers have it.
    pub name: &'static str,
    /// The short code in a marked merchant number; empty for a door.
    pub code: &'static str,
    /// `NN` (approval) or `K` (rescue) in a magic amount; 0 for a door.
    pub number: u8,
    /// The only acceptable end. A rescue fault leaves the end of the approval's fault, unless this is `NeedsOperator`.
    pub end: End,
    /// What the VAN does.
    pub what: &'static str,
}

impl Row {
    /// A merchant number's beginning that asks for this fault, if one can.
    #[must_use]
    pub fn marker(&self) -> Option<String> {
        match self.stage {
            Stage::Approval => Some(format!("X{}-", self.code)),
            Stage::Rescue => Some(format!("Xhanga_{}-", self.code)),
            Stage::Door => None,
        }
    }

    /// The last four digits of an amount in won that ask for this fault, if they can.
    #[must_use]
    pub fn magic(&self) -> Option<u16> {
        match self.stage {
            Stage::Approval => Some(9000 + u16::from(self.number)),
            Stage::Rescue => {
                Some(9000 + 100 * u16::from(self.number) + u16::from(Fault::HangAfter.row().number))
            }
            Stage::Door => None,
        }
    }
}

const fn row(
    stage: Stage,
    name: &'static str,
    code: &'static str,
    number: u8,
    end: End,
    what: &'static str,
) -> Row {
    Row { stage, name, code, number, end, what }
}

const fn approval(name: &'static str, code: &'static str, number: u8, end: End, what: &'static str) -> Row {
    row(Stage::Approval, name, code, number, end, what)
}

const fn rescue(name: &'static str, code: &'static str, number: u8, end: End, what: &'static str) -> Row {
    row(Stage::Rescue, name, code, number, end, what)
}

use End::{Approved, Declined, NeedsOperator, NeverSent, Reversed};

const APPROVALS: [(Fault, Row); 36] = [
    (Fault::Ok, approval("ok", "ok", 1, Approved, "answers 0000")),
    (Fault::Drip, approval("drip", "drip", 2, Approved, "answers 0000, one byte at a time")),
    (Fault::Chunked, approval("chunked", "chunk", 3, Approved, "answers 0000 in chunks")),
    (
        Fault::UntilClose,
        approval("until_close", "close", 4, Approved, "answers 0000 without a length, then closes"),
    ),
    (Fault::AnsweredTwice, approval("answered_twice", "twice", 5, Approved, "answers 0000 twice in a row")),
    (
        Fault::BrokenText,
        approval("broken_text", "text", 6, Approved, "answers 0000 with a cut Hangul in respMsg"),
    ),
    (
        Fault::LoneSurrogate,
        approval("lone_surrogate", "surr", 7, Approved, "answers 0000 with half an escape in issFmNm"),
    ),
    (Fault::Decline, approval("decline", "dec", 8, Declined, "declines with 8521")),
    (
        Fault::DeclineBare,
        approval("decline_bare", "bare", 9, Declined, "declines with only code and message in the body"),
    ),
    (
        Fault::DeclineUnlisted,
        approval("decline_unlisted", "unl", 11, Declined, "declines with a code of no list"),
    ),
    (Fault::HangBefore, approval("hang_before", "hangb", 12, Reversed, "never books, never answers")),
    (Fault::HangAfter, approval("hang_after", "hanga", 13, Reversed, "books, never answers")),
    (
        Fault::ResetBefore,
        approval("reset_before", "rstb", 14, Reversed, "never books, resets the connection"),
    ),
    (Fault::ResetAfter, approval("reset_after", "rsta", 15, Reversed, "books, resets the connection")),
    (
        Fault::Cut(200),
        approval(
            "cut",
            "cut",
            16,
            Reversed,
            "books, ends the answer at byte n: cutN, or the amount's digits before 9K16",
        ),
    ),
    (Fault::Html502, approval("html_502", "html", 17, Reversed, "books, answers 502 with HTML")),
    (
        Fault::Http400,
        approval("http_400", "h400", 18, Reversed, "books, answers 400 with a decline in the body"),
    ),
    (Fault::BrokenJson, approval("broken_json", "json", 19, Reversed, "books, answers JSON without its end")),
    (
        Fault::DuplicatedKey,
        approval("duplicated_key", "dup", 21, Reversed, "books, answers with two different respCd"),
    ),
    (Fault::MissingCode, approval("missing_code", "nocode", 22, Reversed, "books, answers without respCd")),
    (Fault::EmptyCode, approval("empty_code", "empty", 23, Reversed, "books, answers with an empty respCd")),
    (
        Fault::NumericCode,
        approval("numeric_code", "num", 24, Reversed, "books, answers with a number as respCd"),
    ),
    (
        Fault::ForeignNumber,
        approval("foreign_number", "echo", 25, Reversed, "books, echoes another order's mercTrxNo"),
    ),
    (
        Fault::ForeignTerminal,
        approval("foreign_terminal", "term", 26, Reversed, "books, echoes another terminal's tid"),
    ),
    (
        Fault::NoEcho,
        approval("no_echo", "noecho", 27, Reversed, "books, answers 0000 without mercTrxNo and tid"),
    ),
    (
        Fault::BinaryBody,
        approval("binary_body", "bin", 28, Reversed, "books, answers bytes that are no text"),
    ),
    (Fault::Oversized, approval("oversized", "big", 29, Reversed, "books, answers 0000 in a body of 1 MiB")),
    (Fault::Redirect302, approval("redirect_302", "r302", 31, Reversed, "books, answers 302 to /other")),
    (Fault::Redirect307, approval("redirect_307", "r307", 32, Reversed, "books, answers 307 to /other")),
    (Fault::Empty200, approval("empty_200", "e200", 33, Reversed, "books, answers 200 with an empty body")),
    (
        Fault::DeclineWithApproval,
        approval(
            "decline_with_approval",
            "decap",
            34,
            Reversed,
            "books, answers 8521 together with an approval number",
        ),
    ),
    (
        Fault::ChunkedCut,
        approval("chunked_cut", "chcut", 35, Reversed, "books, answers in chunks without the last one"),
    ),
    (
        Fault::NoLengthCut,
        approval("no_length_cut", "nlcut", 36, Reversed, "books, answers half without a length, then closes"),
    ),
    (
        Fault::LateAfterGiveUp,
        approval("late_after_give_up", "lateg", 37, Reversed, "books once the client gave up"),
    ),
    (
        Fault::LateAfterNetCancel,
        approval(
            "late_after_net_cancel",
            "laten",
            38,
            Reversed,
            "would book late, but remembers a net-cancel that came before",
        ),
    ),
    (
        Fault::LateForgetful,
        approval(
            "late_forgetful",
            "latef",
            39,
            Reversed,
            "books late, even after a net-cancel that found nothing",
        ),
    ),
];

const RESCUES: [(Rescue, Row); 7] = [
    (Rescue::Hang, rescue("rescue_hang", "hang", 1, Reversed, "does and answers nothing, a few times")),
    (
        Rescue::HangDone,
        rescue("rescue_hang_done", "done", 2, Reversed, "voids, but does not answer, a few times"),
    ),
    (
        Rescue::Reset,
        rescue("rescue_reset", "reset", 3, Reversed, "voids, then resets the connection, a few times"),
    ),
    (
        Rescue::ServerError,
        rescue("rescue_5xx", "5xx", 4, Reversed, "does nothing and answers 503, a few times"),
    ),
    (
        Rescue::ProvesNothing,
        rescue("rescue_proves_nothing", "never", 5, NeedsOperator, "does nothing and answers 7777, for ever"),
    ),
    (
        Rescue::CancelHangDone,
        rescue("cancel_hang_done", "chang", 6, Reversed, "cancels, but does not answer, a few times"),
    ),
    (
        Rescue::CancelRefused,
        rescue("cancel_refused", "cref", 7, Reversed, "refuses cancels with 7777, a few times"),
    ),
];

const DOORS: [Row; 2] = [
    row(Stage::Door, "refuse", "", 0, NeverSent, "a port that refuses connections: Van::refusing_addr"),
    row(Stage::Door, "tls", "", 0, NeverSent, "no TLS where https is asked for: the VAN's own port"),
];

/// The whole table: approvals, rescues, doors.
pub fn table() -> impl Iterator<Item = &'static Row> {
    APPROVALS.iter().map(|(_, row)| row).chain(RESCUES.iter().map(|(_, row)| row)).chain(&DOORS)
}

impl Fault {
    /// Every fault of an approval, in the table's order; `Cut` with an example byte.
    pub fn all() -> impl Iterator<Item = Self> {
        APPROVALS.iter().map(|(fault, _)| *fault)
    }

    /// Its line in the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let line = APPROVALS.iter().find(|(fault, _)| discriminant(fault) == discriminant(&self));
        &line.expect("every fault has a line, which a test checks").1
    }

    /// The fault of a number (`NN` of a magic amount); `byte` is where [`Fault::Cut`] cuts.
    pub(crate) fn of_number(number: u64, byte: u32) -> Option<Self> {
        let (fault, _) = APPROVALS.iter().find(|(_, row)| u64::from(row.number) == number)?;
        Some(if let Self::Cut(_) = fault { Self::Cut(byte) } else { *fault })
    }

    /// The fault of a name or a code; `cut123` for a cut at byte 123.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        if let Some(byte) = word.strip_prefix("cut").filter(|byte| !byte.is_empty()) {
            return byte.parse().ok().map(Self::Cut);
        }
        APPROVALS.iter().find(|(_, row)| row.name == word || row.code == word).map(|(fault, _)| *fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(byte) => write!(f, "cut{byte}"),
            other => f.write_str(other.row().name),
        }
    }
}

impl Rescue {
    /// Every fault of a rescue, in the table's order.
    pub fn all() -> impl Iterator<Item = Self> {
        RESCUES.iter().map(|(rescue, _)| *rescue)
    }

    /// Its line in the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let line = RESCUES.iter().find(|(rescue, _)| *rescue == self);
        &line.expect("every rescue fault has a line, which a test checks").1
    }

    pub(crate) fn of_number(number: u64) -> Option<Self> {
        RESCUES.iter().find(|(_, row)| u64::from(row.number) == number).map(|(rescue, _)| *rescue)
    }

    /// The rescue fault of a name or a code.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        RESCUES.iter().find(|(_, row)| row.name == word || row.code == word).map(|(rescue, _)| *rescue)
    }
}

/// What the VAN does with one order: `hang_after`, `hang_after+rescue_reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plan {
    /// What becomes of the approval.
    pub fault: Fault,
    /// What becomes of its net-cancels and cancels; `None`: they work.
    pub rescue: Option<Rescue>,
}

impl Plan {
    /// Everything works.
    pub const OK: Self = Self { fault: Fault::Ok, rescue: None };

    /// The only acceptable end of the order, if the merchant's accept step holds every approval.
    #[must_use]
    pub fn end(self) -> End {
        let end = self.fault.row().end;
        let rescued = end == End::Reversed || self.fault == Fault::DeclineUnlisted;
        if rescued && self.rescue == Some(Rescue::ProvesNothing) { End::NeedsOperator } else { end }
    }

    /// A merchant number that asks for this plan: its marker and `serial` in at least four digits.
    #[must_use]
    pub fn number(self, serial: u32) -> String {
        let code = match self.fault {
            Fault::Cut(byte) => format!("cut{byte}"),
            other => other.row().code.to_owned(),
        };
        match self.rescue {
            Some(rescue) => format!("X{code}_{}-{serial:04}", rescue.row().code),
            None => format!("X{code}-{serial:04}"),
        }
    }
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self { fault, rescue: None }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        self.rescue.map_or(Ok(()), |rescue| write!(f, "+{}", rescue.row().name))
    }
}

/// Names and codes, joined by `+`: `hang_after`, `hanga+reset`, `cut123+rescue_5xx`.
impl FromStr for Plan {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let (fault, rescue) =
            text.split_once('+').map_or((text, None), |(fault, rescue)| (fault, Some(rescue)));
        let unknown = |word: &str| UnknownFault(word.to_owned());
        Ok(Self {
            fault: Fault::of_word(fault).ok_or_else(|| unknown(fault))?,
            rescue: rescue.map(|word| Rescue::of_word(word).ok_or_else(|| unknown(word))).transpose()?,
        })
    }
}

/// A word that is in no line of the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no fault is called {0:?}; approvals: {names}; rescues (after a +): {rescues}",
    names = names(Stage::Approval), rescues = names(Stage::Rescue))]
pub struct UnknownFault(pub String);

fn names(stage: Stage) -> String {
    let names: Vec<&str> = table().filter(|row| row.stage == stage).map(|row| row.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_by_name_code_and_number_and_by_nothing_else() {
        for fault in Fault::all() {
            let row = fault.row();
            assert_eq!(Fault::of_word(row.name), Some(fault));
            assert_eq!(Fault::of_word(row.code), Some(fault));
            assert_eq!(Fault::of_number(u64::from(row.number), 200), Some(fault));
            assert_ne!(row.number % 10, 0, "{}: a price may end so", row.name);
        }
        for rescue in Rescue::all() {
            assert_eq!(Rescue::of_word(rescue.row().name), Some(rescue));
            assert_eq!(Rescue::of_word(rescue.row().code), Some(rescue));
            assert_eq!(Rescue::of_number(u64::from(rescue.row().number)), Some(rescue));
        }
        for stage in [Stage::Approval, Stage::Rescue] {
            let rows: Vec<&Row> = table().filter(|row| row.stage == stage).collect();
            for word in rows.iter().flat_map(|row| [row.name, row.code]) {
                assert_eq!(
                    rows.iter().filter(|row| row.name == word || row.code == word).count(),
                    1,
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn a_marked_number_keeps_within_twenty_bytes_with_room_for_a_serial() {
        for fault in Fault::all().chain([Fault::Cut(999)]) {
            for rescue in Rescue::all().map(Some).chain([None]) {
                let number = Plan { fault, rescue }.number(9999);
                assert!(number.len() <= 20, "{number}");
                assert!(
                    number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn plans_read_back_what_they_print() {
        for text in ["ok", "hang_after+rescue_reset", "cut123+rescue_5xx"] {
            assert_eq!(text.parse::<Plan>().unwrap().to_string(), text);
        }
        assert_eq!("hanga+reset".parse::<Plan>().unwrap().to_string(), "hang_after+rescue_reset");
        let error = "hang_aftr".parse::<Plan>().unwrap_err().to_string();
        assert!(error.contains("\"hang_aftr\"") && error.contains("hang_after,"), "{error}");
        assert!("cutx".parse::<Plan>().is_err());
        assert!("ok+hang_after".parse::<Plan>().is_err());
    }

    #[test]
    fn a_rescue_that_proves_nothing_changes_the_end_only_where_a_rescue_is_needed() {
        let end = |text: &str| text.parse::<Plan>().unwrap().end();
        assert_eq!(end("hang_after+rescue_proves_nothing"), End::NeedsOperator);
        assert_eq!(end("decline_unlisted+rescue_proves_nothing"), End::NeedsOperator);
        assert_eq!(end("decline+rescue_proves_nothing"), End::Declined);
        assert_eq!(end("ok+rescue_proves_nothing"), End::Approved);
        assert_eq!(end("hang_after+rescue_hang"), End::Reversed);
    }
}
