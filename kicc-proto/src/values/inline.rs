//! What the text values of bounded length share: their storage, and their way in and out.

use arrayvec::ArrayString;

use super::{Invalid, Problem};

/// 1 to `N` ASCII bytes that are all `allowed`.
pub(crate) fn ascii<const N: usize>(
    field: &'static str,
    text: &str,
    limit: usize,
    allowed: impl Fn(&u8) -> bool,
    why: &'static str,
) -> Result<ArrayString<N>, Invalid> {
    check_ascii(text, limit, allowed, why).map_err(|problem| problem.of(field))?;
    ArrayString::from(text).map_err(|_| Problem::TooLong { limit: N, got: text.len() }.of(field))
}

/// Whether `text` has 1 to `limit` bytes, all of them `allowed`, which must be no more than ASCII.
pub(crate) fn check_ascii(
    text: &str,
    limit: usize,
    allowed: impl Fn(&u8) -> bool,
    why: &'static str,
) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if text.len() > limit {
        return Err(Problem::TooLong { limit, got: text.len() });
    }
    // Every byte is looked at, since that is many at once.
    if text.bytes().fold(true, |fine, byte| fine & allowed(&byte)) {
        return Ok(());
    }
    let at = text.bytes().position(|byte| !allowed(&byte)).unwrap_or_default();
    Err(Problem::BadCharacter { at, why })
}

/// Access, printing, parsing and `serde` for a public value around one `ArrayString`. Parsing goes through
/// its constructor; so does `Deserialize`, unless what was recorded has a wider one.
macro_rules! text_value {
    ($name:ident, $new:path) => {
        $crate::values::text_value!($name, $new, $new);
    };
    ($name:ident, $new:path, $recorded:path) => {
        impl $name {
            /// The text as it goes on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::values::Invalid;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $new(text)
            }
        }

        $crate::values::serde_as_text!($name, $recorded);
    };
}

/// `serde` as text for a value that has `as_str`; reading goes through its constructor.
macro_rules! serde_as_text {
    ($name:ident, $new:path) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("a text")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $new(text).map_err($crate::values::Invalid::in_serde)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

pub(crate) use {serde_as_text, text_value};
