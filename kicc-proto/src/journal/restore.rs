//! What a journal that was restored from a backup asks of new numbers (R24), as every store keeps it.

use alloc::{borrow::ToOwned as _, boxed::Box, string::String};

use super::WriteError;
use crate::values::TransactionNumber;

/// The longest prefix for numbers after a restore, in bytes: at least eight of the usual twenty stay free (our choice).
pub const PREFIX_MAX: usize = 12;

/// Which new numbers a journal takes (R24).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Admission {
    /// Any number.
    #[default]
    Any,
    /// Only numbers that begin so.
    Prefix(Box<str>),
    /// None, until a person has said `restored` with a prefix that was never used.
    None,
}

impl Admission {
    /// Whether a number that is not known yet may be used.
    #[must_use]
    pub fn takes(&self, number: &TransactionNumber) -> bool {
        match self {
            Admission::Any => true,
            Admission::Prefix(prefix) => number.as_str().starts_with(&**prefix),
            Admission::None => false,
        }
    }

    /// The `admission` of `kicc_meta`, from its number and text. What this version does not know admits nothing.
    #[must_use]
    pub fn from_meta(number: i64, text: &str) -> Self {
        match number {
            0 => Admission::Any,
            2 => Admission::Prefix(text.into()),
            _ => Admission::None,
        }
    }

    /// The number of `admission` in `kicc_meta`; its text is the last prefix that was ever in force, which must not be
    /// used again.
    #[must_use]
    pub fn meta_number(&self) -> i64 {
        match self {
            Admission::Any => 0,
            Admission::None => 1,
            Admission::Prefix(_) => 2,
        }
    }
}

/// Why a journal was not declared restored (R24).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoredError {
    /// It is empty, too long or holds a character that a transaction number must not have.
    #[error("the prefix must be 1 to {PREFIX_MAX} of A-Z a-z 0-9 - _, nothing was changed")]
    BadPrefix,
    /// Numbers that begin so may have been used, before the restore or after the backup.
    #[error("numbers that begin with this prefix were, or may have been, used ({0}), nothing was changed")]
    PrefixUsed(String),
    /// The journal was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Whether new numbers may begin with `prefix` after a restore; `earlier` is the prefix of the restore before (or
/// empty), `used` a number in the journal that begins with the new one.
///
/// # Errors
/// When it is no prefix, or was, or may have been, used.
pub fn check_prefix(prefix: &str, earlier: &str, used: Option<&str>) -> Result<(), RestoredError> {
    if prefix.len() > PREFIX_MAX || TransactionNumber::new(prefix).is_err() {
        return Err(RestoredError::BadPrefix);
    }
    // Numbers under an earlier prefix may be among what this restore lost.
    let overlaps = !earlier.is_empty() && (prefix.starts_with(earlier) || earlier.starts_with(prefix));
    match used.or(overlaps.then_some(earlier)) {
        Some(known) => Err(RestoredError::PrefixUsed(known.to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn r24_admission_survives_its_columns_and_the_unknown_admits_nothing() {
        for admission in [Admission::Any, Admission::None] {
            assert_eq!(Admission::from_meta(admission.meta_number(), "B-"), admission);
        }
        let prefix = Admission::Prefix("B-".into());
        assert_eq!(Admission::from_meta(prefix.meta_number(), "B-"), prefix);
        assert_eq!(Admission::from_meta(7, "B-"), Admission::None);
        let numbers = [Admission::Any, Admission::None, prefix].map(|admission| admission.meta_number());
        assert_eq!(numbers, [0, 1, 2], "as journals hold them already");
    }

    #[test]
    fn r24_only_numbers_under_the_prefix_are_admitted() {
        let takes = |admission: Admission| {
            ["A-1", "B-1"].map(|n| admission.takes(&TransactionNumber::new(n).unwrap()))
        };
        assert_eq!(takes(Admission::Any), [true, true]);
        assert_eq!(takes(Admission::Prefix("B-".into())), [false, true]);
        assert_eq!(takes(Admission::None), [false, false]);
    }

    #[test]
    fn r24_a_prefix_that_overlaps_an_earlier_one_is_refused() {
        for bad in ["B-", "B", "B-2"] {
            assert_eq!(
                check_prefix(bad, "B-", None),
                Err(RestoredError::PrefixUsed("B-".to_string())),
                "{bad}"
            );
        }
        assert_eq!(check_prefix("C-", "B-", None), Ok(()));
        assert!(
            matches!(check_prefix("C-", "", Some("C-1")), Err(RestoredError::PrefixUsed(n)) if n == "C-1")
        );
        assert_eq!(check_prefix("twelve--long", "", None), Ok(()));
        for bad in ["thirteen-long", "", "a b"] {
            assert_eq!(check_prefix(bad, "", None), Err(RestoredError::BadPrefix), "{bad}");
        }
    }
}
