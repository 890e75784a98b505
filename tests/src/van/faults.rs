//! The faults, as one table: what the simulated VAN does wrong, how a user asks for it, and the only acceptable end.
//!
//! A fault of the approval and one of its rescue together are a [`Plan`]. Four ways to choose one, tried in this
//! order: a rule of the configuration, a marked merchant number, a magic amount, the seed. A marked number is
//! `X<code>-...` or `X<code>_<rescue code>-...` (`Xhanga-0001`, `Xhanga_reset-0001`); EasyTalkPay's merchant number is
//! the approval's `shopTransactionId`, i'mport's is `merchant_uid`. A magic amount ends in `9KNN`, where `NN` is the
//! fault's number and `K` the rescue fault's (0: none); no `NN` is a multiple of ten, so that no ordinary price is magic.
//!
//! A product has the lines that say so. What another product alone has does not happen to its orders.

mod rows;

use core::fmt;
use core::mem::discriminant;
use core::str::FromStr;

use super::ledger::Kind;
use rows::{APPROVALS, DOORS, RESCUES};

/// The products that the VAN serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// VAN Simple Payment (spec A).
    Simple,
    /// EasyTalkPay (spec B).
    EasyTalk,
    /// i'mport (PortOne V1) as a front for KICC.
    Iamport,
}

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
    CharsetUtf8,
    CharsetWrong,
    CharsetNone,
    OtherSpelling,
    AmountText,
    AmountMissing,
    AmountDiffers,
    Duplicate,
    DuplicateBefore,
    BrokenEcho,
    TextCode,
    AmountDecimal,
    Ready,
    ReadyFails,
    PaidTwice,
    Unauthorized,
    UnauthorizedAfter,
    Http404,
    CancelledAtOnce,
    OtherStatus,
    NoPayment,
    OtherCurrency,
}

/// What the VAN does with the net-cancels, status queries and cancels of an order.
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
    CancelHang,
    CancelDuplicate,
    CancelDuplicateBefore,
    QueryCancelled,
    QueryForeign,
    QueryBoth,
    QueryNeither,
    QueryBroken,
    QueryForgets,
    CancelPartly,
    QueryLags,
    QueryReady,
    QueryPartly,
    QueryPaged,
    QueryHtml404,
    Unauthorized,
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
    /// Not per order: by the address, or by i'mport's API key, that the client is given.
    Door,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The products that have it.
    pub products: &'static [Product],
    /// How it is asked for.
    pub stage: Stage,
    /// The name, as rules and ledgers have it.
    pub name: &'static str,
    /// The short code in a marked merchant number; empty for a door.
    pub code: &'static str,
    /// `NN` (approval) or `K` (rescue) in a magic amount; 0 where no amount asks for it.
    pub number: u8,
    /// The only acceptable end. A rescue fault leaves the end of the approval's fault, unless this is `NeedsOperator`.
    pub end: End,
    /// What the VAN does.
    pub what: &'static str,
}

impl Row {
    fn has_number(&self, number: u64) -> bool {
        number != 0 && u64::from(self.number) == number
    }

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
            _ if self.number == 0 => None,
            Stage::Approval => Some(9000 + u16::from(self.number)),
            Stage::Rescue => {
                Some(9000 + 100 * u16::from(self.number) + u16::from(Fault::HangAfter.row().number))
            }
            Stage::Door => None,
        }
    }
}

/// A product's table: approvals, rescues, doors.
pub fn table_of(product: Product) -> impl Iterator<Item = &'static Row> {
    let all = APPROVALS.iter().map(|(_, row)| row).chain(RESCUES.iter().map(|(_, row)| row)).chain(&DOORS);
    all.filter(move |row| row.products.contains(&product))
}

impl Fault {
    /// Every fault of an approval in any product.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        APPROVALS.iter().map(|(fault, _)| *fault)
    }

    /// Every fault of an approval in a product, in the table's order; `Cut` with an example byte.
    pub fn of(product: Product) -> impl Iterator<Item = Self> {
        lines_of(product, &APPROVALS).map(|(fault, _)| *fault)
    }

    /// Its line in the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let line = APPROVALS.iter().find(|(fault, _)| discriminant(fault) == discriminant(&self));
        &line.expect("every fault has a line, which a test checks").1
    }

    /// The product's fault of a number (`NN` of a magic amount); `byte` is where [`Fault::Cut`] cuts.
    pub(crate) fn of_number(product: Product, number: u64, byte: u32) -> Option<Self> {
        let (fault, _) = lines_of(product, &APPROVALS).find(|(_, row)| row.has_number(number))?;
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

fn lines_of<T>(product: Product, lines: &'static [(T, Row)]) -> impl Iterator<Item = &'static (T, Row)> {
    lines.iter().filter(move |(_, row)| row.products.contains(&product))
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
    /// Every fault of a rescue in any product.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        RESCUES.iter().map(|(rescue, _)| *rescue)
    }

    /// Every fault of a rescue in a product, in the table's order.
    pub fn of(product: Product) -> impl Iterator<Item = Self> {
        lines_of(product, &RESCUES).map(|(rescue, _)| *rescue)
    }

    /// Does it befall messages of this kind?
    #[must_use]
    pub fn concerns(self, kind: Kind) -> bool {
        match self {
            Self::Hang
            | Self::HangDone
            | Self::Reset
            | Self::ServerError
            | Self::ProvesNothing
            | Self::Unauthorized => true,
            Self::CancelHangDone
            | Self::CancelRefused
            | Self::CancelHang
            | Self::CancelDuplicate
            | Self::CancelDuplicateBefore
            | Self::CancelPartly => kind == Kind::Cancel,
            Self::QueryCancelled
            | Self::QueryForeign
            | Self::QueryBoth
            | Self::QueryNeither
            | Self::QueryBroken
            | Self::QueryForgets
            | Self::QueryLags
            | Self::QueryReady
            | Self::QueryPartly
            | Self::QueryPaged
            | Self::QueryHtml404 => kind == Kind::StatusQuery,
        }
    }

    /// Its line in the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let line = RESCUES.iter().find(|(rescue, _)| *rescue == self);
        &line.expect("every rescue fault has a line, which a test checks").1
    }

    /// The product's rescue fault of a number (`K` of a magic amount).
    pub(crate) fn of_number(product: Product, number: u64) -> Option<Self> {
        lines_of(product, &RESCUES).find(|(_, row)| row.has_number(number)).map(|(rescue, _)| *rescue)
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
    /// What becomes of its net-cancels, status queries and cancels; `None`: they work.
    pub rescue: Option<Rescue>,
}

impl Plan {
    /// Everything works.
    pub const OK: Self = Self { fault: Fault::Ok, rescue: None };

    /// The only acceptable end of the order, if the merchant's accept step holds every approval.
    #[must_use]
    pub fn end(self) -> End {
        let end = self.fault.row().end;
        let reversed = end == End::Reversed;
        let proven = matches!(self.fault, Fault::AmountMissing | Fault::AmountDiffers);
        let unlisted = self.fault == Fault::DeclineUnlisted;
        match self.rescue {
            Some(Rescue::ProvesNothing) if reversed || unlisted => End::NeedsOperator,
            Some(Rescue::QueryForgets) if reversed && !proven || unlisted => End::NeedsOperator,
            _ => end,
        }
    }

    /// Does the product have both?
    #[must_use]
    pub fn is_of(self, product: Product) -> bool {
        let has = |row: &Row| row.products.contains(&product);
        has(self.fault.row()) && self.rescue.is_none_or(|rescue| has(rescue.row()))
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
    let approvals = APPROVALS.iter().map(|(_, row)| row);
    let rows = approvals.chain(RESCUES.iter().map(|(_, row)| row)).filter(|row| row.stage == stage);
    rows.map(|row| row.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_by_name_code_and_number_and_by_nothing_else() {
        for (fault, row) in &APPROVALS {
            assert_eq!(fault.row().name, row.name);
            assert_eq!(Fault::of_word(row.name), Some(*fault));
            assert_eq!(Fault::of_word(row.code), Some(*fault));
            for product in row.products {
                assert_eq!(Fault::of_number(*product, u64::from(row.number), 200), Some(*fault));
            }
            assert_ne!(row.number % 10, 0, "{}: a price may end so", row.name);
        }
        for (rescue, row) in &RESCUES {
            assert_eq!(rescue.row().name, row.name);
            assert_eq!(Rescue::of_word(row.name), Some(*rescue));
            assert_eq!(Rescue::of_word(row.code), Some(*rescue));
            for product in row.products.iter().filter(|_| row.number != 0) {
                assert_eq!(Rescue::of_number(*product, u64::from(row.number)), Some(*rescue));
            }
        }
        assert_eq!(Rescue::of_number(Product::EasyTalk, 0), None);
        let all = || APPROVALS.iter().map(|(_, row)| row).chain(RESCUES.iter().map(|(_, row)| row));
        for stage in [Stage::Approval, Stage::Rescue] {
            let rows: Vec<&Row> = all().filter(|row| row.stage == stage).collect();
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
        for fault in Fault::every().chain([Fault::Cut(999)]) {
            for rescue in Rescue::every().map(Some).chain([None]) {
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
        assert_eq!(end("hang_after+query_forgets"), End::NeedsOperator);
        assert_eq!(end("decline_unlisted+query_forgets"), End::NeedsOperator);
        assert_eq!(end("amount_differs+query_forgets"), End::Reversed);
    }
}
