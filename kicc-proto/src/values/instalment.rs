use core::str::FromStr as _;

use arrayvec::ArrayString;

use super::{Invalid, Problem, inline::text_value};

const FIELD: &str = "instalment";
const LUMP_SUM: &str = "00";

/// In how many months the customer pays (`alotMonth`, spec A.5): `00` at once, else two digits from `02` to
/// `99`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instalment(ArrayString<2>);

impl Instalment {
    /// The two digits as they go on the wire.
    ///
    /// # Errors
    /// Anything but two digits; `01`, which could mean either thing (our choice: R5).
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.len() != 2 {
            return Err(Problem::WrongLength { expected: 2, got: text.len() }.of(FIELD));
        }
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(Problem::BadCharacter { at, why: "only digits" }.of(FIELD));
        }
        if text == "01" {
            return Err(Problem::Other("must be 00 for a lump sum, or from 02 to 99 months").of(FIELD));
        }
        let digits = ArrayString::from(text);
        digits.map(Self).map_err(|_| Problem::WrongLength { expected: 2, got: text.len() }.of(FIELD))
    }

    /// All at once.
    #[must_use]
    pub fn lump_sum() -> Self {
        Self::default()
    }

    /// Over 2 to 99 months.
    ///
    /// # Errors
    /// Another number of months.
    pub fn of_months(months: u8) -> Result<Self, Invalid> {
        if !(2..=99).contains(&months) {
            return Err(Problem::OutOfRange { least: 2, most: 99 }.of(FIELD));
        }
        Self::new(&alloc::format!("{months:02}"))
    }

    /// The months; 0 for a lump sum.
    #[must_use]
    pub fn months(&self) -> u8 {
        u8::from_str(&self.0).unwrap_or_default()
    }
}
text_value!(Instalment, Instalment::new);

impl Default for Instalment {
    fn default() -> Self {
        let mut digits = ArrayString::new();
        digits.push_str(LUMP_SUM);
        Self(digits)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_two_digits_but_01() {
        for months in 0..=99_u8 {
            let text = format!("{months:02}");
            let instalment = Instalment::new(&text);
            assert_eq!(instalment.is_ok(), months != 1, "{text}");
            assert_eq!(Instalment::of_months(months).is_ok(), months >= 2, "{text}");
            if let Ok(instalment) = instalment {
                assert_eq!((instalment.as_str(), instalment.months()), (&*text, months));
                assert_eq!(serde_json::from_str::<Instalment>(&format!("\"{text}\"")).unwrap(), instalment);
            }
        }
        assert_eq!(Instalment::default().as_str(), "00");
        assert!(Instalment::of_months(100).is_err());
    }

    proptest! {
        #[test]
        fn nothing_else(text in "[0-9]|[0-9]{3}|\\PC{0,3}") {
            let fine = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text != "01";
            prop_assert_eq!(Instalment::new(&text).is_ok(), fine);
        }
    }
}
