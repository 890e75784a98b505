use arrayvec::ArrayString;

use super::{
    Invalid,
    ids::is_name_byte,
    inline::{ascii, text_value},
};

/// What stands for something longer, secret or drawn at random: 1 to 32 of `A-Z a-z 0-9 _ -`. Ours; it is never sent. Those
/// that are made here are 16 bytes, of a hash, of a MAC or of the caller's randomness, as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(ArrayString<32>);

impl Mark {
    /// A mark as it stands in a record or a journal.
    ///
    /// # Errors
    /// Empty, longer than 32 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("mark", text, 32, is_name_byte, "only A-Z a-z 0-9 _ -").map(Self)
    }

    /// Of the first 16 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut text = ArrayString::new();
        bytes.iter().take(16).flat_map(|byte| hex_digits(*byte)).for_each(|digit| text.push(digit.into()));
        Self(text)
    }
}
text_value!(Mark, Mark::new);

/// The eight digits of a check sum.
pub(crate) fn hexadecimal(sum: u32) -> [u8; 8] {
    let [a, b, c, d] = sum.to_be_bytes().map(hex_digits);
    [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
}

/// A byte's two hexadecimal digits, in lower case.
pub(crate) fn hex_digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_are_thirty_two_digits() {
        let bytes: [u8; 17] = core::array::from_fn(|n| (n as u8).wrapping_mul(17));
        assert_eq!(Mark::of(&bytes).as_str(), "00112233445566778899aabbccddeeff");
        assert_eq!(Mark::new("00112233445566778899aabbccddeeff"), Ok(Mark::of(&bytes)));
        for bad in ["", "a b", "00112233445566778899aabbccddeeff0", "한"] {
            assert!(Mark::new(bad).is_err(), "{bad}");
        }
    }
}
