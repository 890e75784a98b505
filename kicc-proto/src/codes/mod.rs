//! Tables of the documentation: result codes, card companies, payment methods, with Korean and English text.
//!
//! A table never closes: KICC may add codes without notice (spec C.4), so what is not listed stays opaque
//! text.

pub mod cards;
pub mod iamport;
pub mod methods;
mod result;
pub mod window_cards;

pub use result::{CashierHint, Class, CodeSets, Codes, CodesError, ResultCode};

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text {
    /// Korean.
    pub ko: &'static str,
    /// English.
    pub en: &'static str,
}

/// A name that a table gives to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Named {
    /// The code as on the wire.
    pub code: &'static str,
    /// What it stands for.
    pub name: Text,
}

const fn named(code: &'static str, ko: &'static str, en: &'static str) -> Named {
    Named { code, name: Text { ko, en } }
}

/// The entry of exactly this code.
fn find(table: &'static [Named], code: &str) -> Option<&'static Named> {
    table.iter().find(|entry| entry.code == code)
}

#[cfg(test)]
fn assert_well_formed(codes: impl Iterator<Item = (&'static str, Text)>) {
    let mut seen = alloc::collections::BTreeSet::new();
    for (code, name) in codes {
        assert!(seen.insert(code), "{code} twice");
        assert!(!name.ko.is_empty() && name.en.is_ascii() && !name.en.is_empty(), "{code} {name:?}");
    }
    assert!(!seen.is_empty());
}
