use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroizing;

use super::{Invalid, Problem, check_text, inline::serde_as_text};

/// The merchant's own data on an approval (`userData`, spec A.5): up to 512 bytes of UTF-8 without the barred
/// characters of [`check_text`]. It may be about a person: not printed (R23).
#[derive(Clone, PartialEq, Eq)]
pub struct UserData(Zeroizing<Box<str>>);

impl UserData {
    /// User data, unchanged.
    ///
    /// # Errors
    /// Longer than 512 bytes, or a barred character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const LIMIT: usize = 512;
        let check = match text.len() {
            got if got > LIMIT => Err(Problem::TooLong { limit: LIMIT, got }),
            _ => check_text(text),
        };
        check.map_err(|problem| problem.of("user data"))?;
        Ok(Self(Zeroizing::new(text.into())))
    }

    /// The text as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
serde_as_text!(UserData, UserData::new);

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserData(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_counts_bytes_not_characters() {
        assert!(UserData::new(&"가".repeat(170)).is_ok());
        let refused = UserData::new(&"가".repeat(171)).unwrap_err();
        assert_eq!(refused.problem, Problem::TooLong { limit: 512, got: 513 });
        assert!(UserData::new(&"a".repeat(512)).is_ok());
        assert!(UserData::new("a;b").is_err());
    }

    #[test]
    fn r23_debug_shows_no_user_data() {
        assert_eq!(format!("{:?}", UserData::new("User_001").unwrap()), "UserData(..)");
        let refused = UserData::new("User|001").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("001"));
    }

    proptest! {
        #[test]
        fn user_data_comes_back_unchanged(text in "\\PC{0,300}|[가-힣 0-9]{0,200}") {
            let made = UserData::new(&text);
            prop_assert_eq!(made.is_ok(), text.len() <= 512 && check_text(&text).is_ok());
            if let Ok(data) = made {
                let json = serde_json::to_string(&data).unwrap();
                prop_assert_eq!(data.as_str(), &*text);
                prop_assert_eq!(serde_json::from_str::<UserData>(&json).unwrap(), data);
            }
        }
    }
}
