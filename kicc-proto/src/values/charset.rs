use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use encoding_rs::{EUC_KR, EncoderResult, UTF_8};

use super::{Problem, check_text};

/// The charset of a message, in which its field lengths are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// Simple Payment and i'mport (spec A.5): 3 bytes per Hangul syllable.
    Utf8,
    /// EasyTalkPay and the auth stage (spec B, A.3), as windows-949: 2 bytes for everything but ASCII.
    EucKr,
}

impl Charset {
    /// The name as in a `content-type` header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "utf-8",
            Charset::EucKr => "euc-kr",
        }
    }

    /// The bytes that the text takes in this charset.
    ///
    /// # Errors
    /// [`Problem::NotEncodable`] with the first character that the charset cannot hold.
    pub fn len(self, text: &str) -> Result<usize, Problem> {
        match self {
            Charset::Utf8 => Ok(text.len()),
            Charset::EucKr => euc_kr(text).map(|bytes| bytes.len()),
        }
    }

    /// The text in this charset, every character as itself: never a `?`, never a character reference (R5).
    ///
    /// # Errors
    /// As [`Charset::len`].
    pub fn encode(self, text: &str) -> Result<Vec<u8>, Problem> {
        match self {
            Charset::Utf8 => Ok(text.as_bytes().to_owned()),
            Charset::EucKr => euc_kr(text),
        }
    }

    /// The text of these bytes; `None` if any of them is malformed. No byte order mark is looked for.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        self.encoding()
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(alloc::borrow::Cow::into_owned)
    }

    /// The text of these bytes with U+FFFD for what is malformed: for messages to people, never for a
    /// deciding field (R7).
    #[must_use]
    pub fn decode_lossy(self, bytes: &[u8]) -> String {
        self.encoding().decode_without_bom_handling(bytes).0.into_owned()
    }

    pub(crate) fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Charset::Utf8 => UTF_8,
            Charset::EucKr => EUC_KR,
        }
    }
}

impl core::fmt::Display for Charset {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Charset::Utf8 => "UTF-8",
            Charset::EucKr => "EUC-KR",
        })
    }
}

/// Whether EUC-KR bytes stay inside KS X 1001, for receivers that do not know the 8,822 further syllables of
/// windows-949. `Err` holds the offset of the first byte pair outside it.
///
/// # Errors
/// The offset in `bytes` of a lead or trail byte below 0xA1.
pub fn ks_x_1001_only(bytes: &[u8]) -> Result<(), usize> {
    let mut at = 0;
    while let Some(&lead) = bytes.get(at) {
        if lead < 0x80 {
            at += 1;
        } else if lead >= 0xA1 && bytes.get(at + 1).is_some_and(|&trail| trail >= 0xA1) {
            at += 2;
        } else {
            return Err(at);
        }
    }
    Ok(())
}

/// A text field of an EUC-KR message (R5): free of barred characters, at most `limit` bytes, every character
/// as itself; with `ks_x_1001` only such as KS X 1001 holds.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn check_euc_kr(text: &str, limit: usize, ks_x_1001: bool) -> Result<(), Problem> {
    check_text(text)?;
    let bytes = euc_kr(text)?;
    if bytes.len() > limit {
        return Err(Problem::TooLong { limit, got: bytes.len() });
    }
    let outside =
        |c: char| euc_kr(c.encode_utf8(&mut [0; 4])).is_ok_and(|bytes| ks_x_1001_only(&bytes).is_err());
    match text.char_indices().find(|(_, c)| ks_x_1001 && outside(*c)) {
        Some((at, character)) => Err(Problem::NotEncodable { at, character, charset: Charset::EucKr }),
        None => Ok(()),
    }
}

fn euc_kr(text: &str) -> Result<Vec<u8>, Problem> {
    const TOO_BIG: Problem = Problem::Other("is too long to be encoded");
    let mut encoder = EUC_KR.new_encoder();
    let capacity = encoder.max_buffer_length_from_utf8_without_replacement(text.len()).ok_or(TOO_BIG)?;
    let mut bytes = Vec::with_capacity(capacity);
    match encoder.encode_from_utf8_to_vec_without_replacement(text, &mut bytes, true) {
        (EncoderResult::InputEmpty, _) => Ok(bytes),
        (EncoderResult::Unmappable(character), read) => {
            Err(Problem::NotEncodable { at: read - character.len_utf8(), character, charset: Charset::EucKr })
        }
        (EncoderResult::OutputFull, _) => Err(TOO_BIG),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r5_nothing_is_replaced() {
        let text = "A가🙂";
        assert_eq!(Charset::EucKr.encode("A가"), Ok(vec![0x41, 0xb0, 0xa1]));
        let refused = Problem::NotEncodable { at: 4, character: '🙂', charset: Charset::EucKr };
        assert_eq!(Charset::EucKr.encode(text), Err(refused));
        assert_eq!(Charset::EucKr.len(text), Err(refused));
        assert_eq!(Charset::Utf8.len(text), Ok(8));
        for text in ["₩", "\u{a0}", "¥"] {
            assert!(matches!(Charset::EucKr.len(text), Err(Problem::NotEncodable { at: 0, .. })), "{text}");
        }
        assert_eq!(Charset::EucKr.encode("￦€"), Ok(vec![0xa3, 0xdc, 0xa2, 0xe6]));
    }

    #[test]
    fn malformed_bytes_are_no_text() {
        for bytes in [&[0xb0][..], &[0xff, 0xfe], &[0x80], &[0xc9, 0xa1]] {
            assert_eq!(Charset::EucKr.decode(bytes), None, "{bytes:x?}");
            assert!(Charset::EucKr.decode_lossy(bytes).contains('\u{fffd}'), "{bytes:x?}");
        }
        assert_eq!(Charset::Utf8.decode(b"\xea\xb0"), None);
        assert_eq!(Charset::Utf8.decode_lossy(b"a\xea\xb0b"), "a\u{fffd}b");
        assert_eq!(Charset::Utf8.decode(b"\xff\xfe"), None);
    }

    #[test]
    fn ks_x_1001_ends_before_windows_949() {
        assert_eq!(ks_x_1001_only(&Charset::EucKr.encode("가A나").unwrap()), Ok(()));
        // 똠 is 8C 63; 갂 is 81 41.
        assert_eq!(ks_x_1001_only(&Charset::EucKr.encode("가똠").unwrap()), Err(2));
        assert_eq!(ks_x_1001_only(&Charset::EucKr.encode("갂").unwrap()), Err(0));
        assert_eq!(ks_x_1001_only(&[0xb0]), Err(0));
        assert_eq!(ks_x_1001_only(&[0x7f, 0x80]), Err(1));
        assert_eq!([Charset::Utf8, Charset::EucKr].map(Charset::name), ["utf-8", "euc-kr"]);
    }

    #[test]
    fn r5_a_text_is_refused_where_ks_x_1001_ends() {
        assert_eq!(check_euc_kr("가 똠", 10, false), Ok(()));
        let refused = Problem::NotEncodable { at: 4, character: '똠', charset: Charset::EucKr };
        assert_eq!(check_euc_kr("가 똠", 10, true), Err(refused));
        assert_eq!(check_euc_kr("가나", 3, true), Err(Problem::TooLong { limit: 3, got: 4 }));
        assert!(matches!(check_euc_kr("가;", 9, true), Err(Problem::BadCharacter { at: 3, .. })));
    }

    #[test]
    fn every_hangul_syllable_takes_two_bytes() {
        for syllable in '가'..='힣' {
            let text = alloc::string::String::from(syllable);
            assert_eq!(Charset::EucKr.len(&text), Ok(2));
            let bytes = Charset::EucKr.encode(&text).unwrap();
            assert_eq!(Charset::EucKr.decode(&bytes).as_deref(), Some(&*text));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(text in "\\PC{0,40}|[가-힣a-z ]{0,40}") {
            for charset in [Charset::Utf8, Charset::EucKr] {
                match charset.encode(&text) {
                    Ok(bytes) => {
                        prop_assert_eq!(charset.len(&text), Ok(bytes.len()));
                        let decoded = charset.decode(&bytes);
                        prop_assert_eq!(decoded.as_deref(), Some(&*text));
                        prop_assert_eq!(charset.decode_lossy(&bytes), text.clone());
                    }
                    Err(Problem::NotEncodable { at, character, .. }) => {
                        prop_assert!(text[at..].starts_with(character));
                        prop_assert!(charset.encode(&text[..at]).is_ok());
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for charset in [Charset::Utf8, Charset::EucKr] {
                let lossy = charset.decode_lossy(&bytes);
                if let Some(text) = charset.decode(&bytes) {
                    prop_assert_eq!(text, lossy);
                }
            }
            let _ = ks_x_1001_only(&bytes);
        }
    }
}
