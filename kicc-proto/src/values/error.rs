use super::Charset;

/// A value that was refused before anything was recorded or sent (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; nothing was sent")]
pub struct Invalid {
    /// The field, in this project's words, such as `terminal id`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a value: limit and shape, never the value itself (R23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// More bytes than the field holds, counted in the charset of the message.
    #[error("has {got} bytes, at most {limit} fit")]
    TooLong {
        /// The most bytes that fit.
        limit: usize,
        /// The bytes of the value.
        got: usize,
    },
    /// More characters than the field holds, where its page counts those.
    #[error("has {got} characters, at most {limit} fit")]
    TooManyCharacters {
        /// The most characters that fit.
        limit: usize,
        /// The characters of the value.
        got: usize,
    },
    /// A fixed length was missed.
    #[error("has {got} bytes, must have exactly {expected}")]
    WrongLength {
        /// The bytes that it must have.
        expected: usize,
        /// The bytes of the value.
        got: usize,
    },
    /// A character that does not belong there.
    #[error("has a character at byte {at} that cannot stand there: {why}")]
    BadCharacter {
        /// The offset of its first byte in the UTF-8 text.
        at: usize,
        /// What may stand there, or what it is.
        why: &'static str,
    },
    /// A character that the charset of the message cannot hold; nothing is replaced (R5).
    #[error("has {character:?} (U+{:04X}) at byte {at}, which {charset} cannot hold", *character as u32)]
    NotEncodable {
        /// The offset of its first byte in the UTF-8 text.
        at: usize,
        /// The character.
        character: char,
        /// The charset of the message.
        charset: Charset,
    },
    /// A number below or above what is allowed.
    #[error("must be from {least} to {most}")]
    OutOfRange {
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// An amount, or a sum of amounts, above the total that contains it.
    #[error("is above the total amount")]
    AboveTotal,
    /// The last digit does not follow from the others.
    #[error("has a wrong check digit")]
    CheckDigit,
    /// No such day or time exists, or it lies outside the years 1970 to 9999.
    #[error("is no date or time that exists")]
    NoSuchDate,
    /// Anything else, in words.
    #[error("{0}")]
    Other(&'static str),
}

impl Problem {
    /// This problem as that of a field.
    #[must_use]
    pub const fn of(self, field: &'static str) -> Invalid {
        Invalid { field, problem: self }
    }
}

impl Invalid {
    /// The same as an error of `serde`, which may have read a record: what was sent is then not for it to
    /// say.
    pub(crate) fn in_serde<E: serde::de::Error>(self) -> E {
        E::custom(format_args!("{}: {}", self.field, self.problem))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn an_error_names_field_and_limit() {
        let e = Problem::TooLong { limit: 20, got: 21 }.of("transaction number");
        assert_eq!(e.to_string(), "transaction number: has 21 bytes, at most 20 fit; nothing was sent");
        let e = Problem::NotEncodable { at: 3, character: '₩', charset: Charset::EucKr }.of("product name");
        assert_eq!(
            e.to_string(),
            "product name: has '₩' (U+20A9) at byte 3, which EUC-KR cannot hold; nothing was sent"
        );
    }
}
