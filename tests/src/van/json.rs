//! JSON bodies in the two charsets of KICC's services.

use encoding_rs::{EUC_KR, EncoderResult};
use serde_json::{Map, Value};

use super::http::Reply;

/// The body of a reply, its fields in the order of the documentation.
pub(super) type Object = Map<String, Value>;

/// How text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// EUC-KR with the extensions of windows-949.
    EucKr,
}

impl Charset {
    /// The name in a content type or a form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::EucKr => "euc-kr",
        }
    }

    /// The text's bytes; `None` where the charset has no place for a character.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        if self == Self::Utf8 {
            return Some(text.as_bytes().to_vec());
        }
        let mut encoder = EUC_KR.new_encoder();
        let mut bytes =
            Vec::with_capacity(encoder.max_buffer_length_from_utf8_without_replacement(text.len())?);
        let (result, _) = encoder.encode_from_utf8_to_vec_without_replacement(text, &mut bytes, true);
        (result == EncoderResult::InputEmpty).then_some(bytes)
    }

    /// The bytes' text; `None` where a byte is broken.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::EucKr => EUC_KR
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
        }
    }

    /// A reply that is in this charset and says so.
    pub(super) fn reply(self, body: &Object) -> Reply {
        let text = Value::Object(body.clone()).to_string();
        let content_type = match self {
            Self::Utf8 => "application/json; charset=utf-8",
            Self::EucKr => "application/json; charset=euc-kr",
        };
        // What is echoed came in this charset, and so was checked on arrival.
        let body = self.encode(&text).expect("a reply has the characters of its charset");
        Reply { content_type, ..Reply::json(body) }
    }
}

/// Texts as an object.
pub(super) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Object {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}
