use arrayvec::ArrayString;
use sha2::{Digest as _, Sha256};

use super::{
    Invalid,
    ids::is_name_byte,
    inline::{ascii, text_value},
};

/// The bytes that every reply, and `cndTrxNo` of a cancellation, has room for (spec A.5, A.6).
const SHORT: usize = 20;
const LONG: usize = 40;

/// The merchant's transaction number (`mercTrxNo`, spec A.5), of `A-Z a-z 0-9 _ -` (spec C.4). With
/// environment, product and terminal it names an attempt for ever (R3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNumber(ArrayString<LONG>);

impl TransactionNumber {
    /// A number of 1 to 20 bytes, as KICC recommends.
    ///
    /// # Errors
    /// Empty, longer than 20 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        Self::up_to(SHORT, text)
    }

    /// A number of up to 40 bytes, for shops whose numbers are longer than 20. What that costs:
    ///
    /// * a reply has room for 20, so only the first 20 can be compared (R6): they had better be unique;
    /// * a cancellation cannot name the sale by it (`wcc` `"G"`), only by KICC's own number (spec F.1).
    ///
    /// # Errors
    /// Empty, longer than 40 bytes, or another character.
    pub fn new_long(text: &str) -> Result<Self, Invalid> {
        Self::up_to(LONG, text)
    }

    /// A number for a message of our own about an attempt: the same parts and sequence, the same number, so
    /// that a restarted process repeats it and needs neither clock nor chance. `C` and 19 characters of base
    /// 32 (95 bits) of a SHA-256 over the length-prefixed parts and the sequence.
    #[must_use]
    pub fn derive_cancel(key_parts: &[&str], sequence: u32) -> Self {
        let mut hash = Sha256::new();
        for part in key_parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(sequence.to_be_bytes());
        let mut text = ArrayString::new();
        text.push('C');
        let (mut held, mut bits) = (0_u32, 0);
        for byte in hash.finalize().iter().take(12) {
            held = held << 8 | u32::from(*byte);
            bits += 8;
            // 96 bits are 19 digits, and one bit that is left over.
            while bits >= 5 {
                bits -= 5;
                let digit = (held >> bits & 31) as u8;
                text.push(char::from(if digit < 26 { b'A' + digit } else { b'2' + digit - 26 }));
            }
        }
        Self(text)
    }

    /// Whether it has more than 20 bytes, with what that costs ([`TransactionNumber::new_long`]).
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.0.len() > SHORT
    }

    /// Whether a reply's number is this one: equal, or the first 20 bytes of a longer one (R6).
    #[must_use]
    pub fn echoes(&self, text: &str) -> bool {
        text == self.as_str() || self.is_long() && text == &self.as_str()[..SHORT]
    }

    fn up_to(limit: usize, text: &str) -> Result<Self, Invalid> {
        ascii("transaction number", text, limit, is_name_byte, "only A-Z a-z 0-9 _ -").map(Self)
    }
}
text_value!(TransactionNumber, TransactionNumber::new, TransactionNumber::new_long);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::values::Problem;

    /// It names files, and stands in commands.
    #[test]
    fn a_number_is_nothing_to_a_shell_or_a_path() {
        for bad in
            ["", "$(x)", "`x`", "a;b", "a b", "a\nb", "a\0", "../x", "/x", "a.b", "한", "'", "\"", "*", "~"]
        {
            assert!(
                TransactionNumber::new(bad).is_err() && TransactionNumber::new_long(bad).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn twenty_bytes_unless_said_otherwise() {
        let (twenty, more) = ("CANCEL_20231225_0001", "CANCEL_20231225_0001x");
        assert!(!TransactionNumber::new(twenty).unwrap().is_long());
        assert_eq!(
            TransactionNumber::new(more).unwrap_err().problem,
            Problem::TooLong { limit: 20, got: 21 }
        );
        assert!(TransactionNumber::new_long(more).unwrap().is_long());
        let limit = Problem::TooLong { limit: 40, got: 41 };
        assert_eq!(TransactionNumber::new_long(&"x".repeat(41)).unwrap_err().problem, limit);
        assert!(TransactionNumber::new("ORD 1").is_err());
        assert!(more.parse::<TransactionNumber>().is_err());
        let recorded = serde_json::from_str::<TransactionNumber>("\"CANCEL_20231225_0001x\"").unwrap();
        assert_eq!(recorded, TransactionNumber::new_long(more).unwrap());
    }

    #[test]
    fn r6_only_a_long_number_may_come_back_cut() {
        let short = TransactionNumber::new("ORD_20231225_0001").unwrap();
        assert!(short.echoes("ORD_20231225_0001"));
        for other in ["", "ORD_20231225_000", "ORD_20231225_00011", "ord_20231225_0001", "ORD_20231225_0001 "]
        {
            assert!(!short.echoes(other), "{other}");
        }
        let exactly = TransactionNumber::new("CANCEL_20231225_0001").unwrap();
        assert!(!exactly.echoes("CANCEL_20231225_000"));
        let long = TransactionNumber::new_long("CANCEL_20231225_0001-abc").unwrap();
        assert!(long.echoes("CANCEL_20231225_0001-abc"));
        assert!(long.echoes("CANCEL_20231225_0001"));
        assert!(!long.echoes("CANCEL_20231225_0001-ab"));
        assert!(!long.echoes("CANCEL_20231225_000"));
    }

    #[test]
    fn a_derived_number_never_changes() {
        // Worked out apart with Python's hashlib and base64.b32encode.
        let number =
            TransactionNumber::derive_cancel(&["test", "simple", "T123456789", "ORD_20231225_0001"], 1);
        assert_eq!(number.as_str(), "CECDS3LKCDNZ7GVHN6KG");
        assert_eq!(TransactionNumber::derive_cancel(&[], 0).as_str(), "C347WDGAEVEX5WQCXDEW");
    }

    proptest! {
        #[test]
        fn derived_numbers_are_valid_and_differ(a in "[a-z]{0,8}", b in "[a-z]{0,8}", n: u32) {
            let number = TransactionNumber::derive_cancel(&[&a, &b], n);
            prop_assert_eq!(TransactionNumber::new(number.as_str()).unwrap(), number.clone());
            prop_assert_eq!(number.as_str().len(), 20);
            prop_assert_ne!(&TransactionNumber::derive_cancel(&[&a, &b], n ^ 1), &number);
            prop_assert_ne!(&TransactionNumber::derive_cancel(&[&alloc::format!("{a}{b}")], n), &number);
            prop_assert_eq!(TransactionNumber::derive_cancel(&[&a, &b], n), number);
        }

        #[test]
        fn a_number_echoes_itself_alone(one in "[A-Za-z0-9_-]{1,40}", other in "[A-Za-z0-9_-]{1,40}") {
            let number = TransactionNumber::new_long(&one).unwrap();
            prop_assert!(number.echoes(&one));
            let cut = one.len() > 20 && other == one[..20];
            prop_assert_eq!(number.echoes(&other), one == other || cut);
        }
    }
}
