use arrayvec::ArrayString;

use super::{
    Invalid, Problem,
    inline::{ascii, text_value},
};

/// KICC's terminal id: 1 to 10 ASCII letters or digits (`tid`, spec A.5; `vanTid`, spec B.2). In an attempt's key it
/// may also be a store's code at i'mport, of up to 20 ([`StoreCode`](crate::iamport::StoreCode)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminalId(ArrayString<20>);

impl TerminalId {
    /// A terminal id as KICC issued it.
    ///
    /// # Errors
    /// Empty, longer than 10 bytes, or anything but ASCII letters and digits.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        Self::up_to(10, text)
    }

    /// One that a record may hold: any product's.
    pub(crate) fn recorded(text: &str) -> Result<Self, Invalid> {
        Self::up_to(20, text)
    }

    fn up_to(limit: usize, text: &str) -> Result<Self, Invalid> {
        ascii("terminal id", text, limit, u8::is_ascii_alphanumeric, "only letters A-Z a-z and digits")
            .map(Self)
    }
}
text_value!(TerminalId, TerminalId::new, TerminalId::recorded);

/// EasyTalkPay's terminal id: 1 to 8 ASCII letters or digits (`vanTid`, spec B.2; the test id has 7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VanTerminalId(TerminalId);

impl VanTerminalId {
    /// A VAN terminal id as KICC issued it.
    ///
    /// # Errors
    /// Empty, longer than 8 bytes, or anything but ASCII letters and digits.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "VAN terminal id";
        if text.len() > 8 {
            return Err(Problem::TooLong { limit: 8, got: text.len() }.of(FIELD));
        }
        TerminalId::new(text).map(Self).map_err(|invalid| invalid.problem.of(FIELD))
    }

    /// The same as the terminal of an attempt's key.
    #[must_use]
    pub fn as_terminal_id(&self) -> &TerminalId {
        &self.0
    }
}
text_value!(VanTerminalId, VanTerminalId::new);

/// The merchant's order number: 1 to 40 of `A-Z a-z 0-9 _ -` (`shopOrderNo`, spec A.3.1, B.2; alphabet: C.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNumber(ArrayString<40>);

impl OrderNumber {
    /// An order number of the merchant's choice; it must be unique (spec B.2).
    ///
    /// # Errors
    /// Empty, longer than 40 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("order number", text, 40, is_name_byte, "only A-Z a-z 0-9 _ -").map(Self)
    }
}
text_value!(OrderNumber, OrderNumber::new);

/// The caller's own id of the refund of a part: 1 to 40 of `A-Z a-z 0-9 _ -`. Ours: it is not on the wire, and with the
/// approval it names the refund for ever (R16).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefundId(ArrayString<40>);

impl RefundId {
    /// An id of the caller's choice; the same again is the same refund.
    ///
    /// # Errors
    /// Empty, longer than 40 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("refund id", text, 40, is_name_byte, "only A-Z a-z 0-9 _ -").map(Self)
    }
}
text_value!(RefundId, RefundId::new);

/// The id of the simple-payment service: 1 to 10 of `A-Z a-z 0-9 _ -` (`svcId`, spec A.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(ArrayString<10>);

impl ServiceId {
    /// A service id as KICC issued it.
    ///
    /// # Errors
    /// Empty, longer than 10 bytes, or another character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("service id", text, 10, is_name_byte, "only A-Z a-z 0-9 _ -").map(Self)
    }
}
text_value!(ServiceId, ServiceId::new);

/// The merchant's business registration number: exactly 10 digits, no dashes (`bizrNo`, spec A.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessNumber(ArrayString<10>);

impl BusinessNumber {
    /// Any 10 digits: the documentation's own examples have wrong check digits, see
    /// [`BusinessNumber::verify_check_digit`].
    ///
    /// # Errors
    /// Another length, or anything but digits.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "business number";
        if text.len() != 10 {
            return Err(Problem::WrongLength { expected: 10, got: text.len() }.of(FIELD));
        }
        ascii(FIELD, text, 10, u8::is_ascii_digit, "only digits, no dashes").map(Self)
    }

    /// Whether the last digit follows from the others, as it does in every number that a tax office gave out.
    ///
    /// # Errors
    /// [`Problem::CheckDigit`].
    pub fn verify_check_digit(&self) -> Result<(), Invalid> {
        const WEIGHTS: [u32; 9] = [1, 3, 7, 1, 3, 7, 1, 3, 5];
        let mut digits = [0; 10];
        for (digit, byte) in digits.iter_mut().zip(self.0.bytes()) {
            *digit = u32::from(byte - b'0');
        }
        let weighed: u32 = WEIGHTS.iter().zip(&digits).map(|(weight, digit)| weight * digit).sum();
        let sum = weighed + digits[8] * 5 / 10;
        if (sum + digits[9]).is_multiple_of(10) {
            Ok(())
        } else {
            Err(Problem::CheckDigit.of("business number"))
        }
    }
}
text_value!(BusinessNumber, BusinessNumber::new);

/// The channel id that goes into the signature and its header (`X-KICC-ChannelId`, spec A.2): 1 to 64 visible
/// ASCII characters. The page names no limit; ours keeps the header harmless.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(ArrayString<64>);

impl ChannelId {
    /// A channel id as KICC issued it.
    ///
    /// # Errors
    /// Empty, longer than 64 bytes, or a space, control character or anything beyond ASCII.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        ascii("channel id", text, 64, u8::is_ascii_graphic, "only visible ASCII, no space").map(Self)
    }
}
text_value!(ChannelId, ChannelId::new);

/// The label that keeps the records of one environment apart from those of another, such as `test` (R3, R20):
/// 1 to 32 of `a-z 0-9 _ -`. Ours; it is never sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment(ArrayString<32>);

impl Environment {
    /// A label of the merchant's choice.
    ///
    /// # Errors
    /// Empty, longer than 32 bytes, or another character (capitals too: `Test` and `test` must not be two).
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: &u8| is_name_byte(byte) && !byte.is_ascii_uppercase();
        ascii("environment", text, 32, allowed, "only a-z 0-9 _ -").map(Self)
    }
}
text_value!(Environment, Environment::new);

/// `A-Z a-z 0-9 _ -`, the alphabet of KICC's order numbers (spec C.4).
pub(super) fn is_name_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use core::{
        fmt::{Debug, Display},
        str::FromStr,
    };

    use proptest::prelude::*;

    use super::*;

    /// Whatever the text: it is refused, or comes back unchanged by every way out and in.
    fn keeps<T>(text: &str, fine: bool) -> Result<(), TestCaseError>
    where
        T: FromStr<Err = Invalid>
            + Debug
            + PartialEq
            + serde::Serialize
            + serde::de::DeserializeOwned
            + Display,
    {
        let json = serde_json::to_string(text).unwrap();
        match T::from_str(text) {
            Ok(value) => {
                prop_assert!(fine, "accepted {:?}", text);
                prop_assert_eq!(format!("{value}"), text);
                prop_assert_eq!(serde_json::to_string(&value).unwrap(), json.clone());
                prop_assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
            }
            Err(refused) => {
                prop_assert!(!fine, "refused {:?}: {}", text, refused);
                prop_assert!(serde_json::from_str::<T>(&json).is_err());
            }
        }
        Ok(())
    }

    fn name(text: &str) -> bool {
        text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }

    proptest! {
        #[test]
        fn ids_take_what_they_say(
            text in "[A-Za-z0-9_-]{0,12}|[0-9]{9,11}|[a-z0-9_-]{30,34}|[!-~]{60,66}|\\PC{0,6}|[A-Z ]{3}",
        ) {
            let len = text.len();
            let alphanumeric = text.chars().all(|c| c.is_ascii_alphanumeric());
            if !(11..=20).contains(&len) {
                keeps::<TerminalId>(&text, (1..=10).contains(&len) && alphanumeric)?;
            }
            let recorded = (1..=20).contains(&len) && alphanumeric;
            prop_assert_eq!(TerminalId::recorded(&text).is_ok(), recorded);
            keeps::<VanTerminalId>(&text, (1..=8).contains(&len) && alphanumeric)?;
            keeps::<OrderNumber>(&text, (1..=40).contains(&len) && name(&text))?;
            keeps::<ServiceId>(&text, (1..=10).contains(&len) && name(&text))?;
            keeps::<BusinessNumber>(&text, len == 10 && text.chars().all(|c| c.is_ascii_digit()))?;
            keeps::<ChannelId>(&text, (1..=64).contains(&len) && text.chars().all(|c| c.is_ascii_graphic()))?;
            let small = !text.chars().any(|c| c.is_ascii_uppercase());
            keeps::<Environment>(&text, (1..=32).contains(&len) && name(&text) && small)?;
        }

        #[test]
        fn one_check_digit_of_ten_is_right(first_nine in "[0-9]{9}") {
            let right = (0..10).filter(|last| {
                BusinessNumber::new(&format!("{first_nine}{last}")).unwrap().verify_check_digit().is_ok()
            });
            prop_assert_eq!(right.count(), 1);
        }
    }

    #[test]
    fn check_digit_is_a_call_of_its_own() {
        // Two that satisfy the formula.
        for real in ["1248100998", "2208162517"] {
            assert_eq!(BusinessNumber::new(real).unwrap().verify_check_digit(), Ok(()), "{real}");
        }
        // The examples of spec A.5 and B.2 are made up.
        for example in ["1234567890", "1178119949"] {
            let refused = BusinessNumber::new(example).unwrap().verify_check_digit();
            assert_eq!(refused, Err(Problem::CheckDigit.of("business number")), "{example}");
        }
    }

    #[test]
    fn errors_say_where() {
        let at = |at, why| Problem::BadCharacter { at, why };
        assert_eq!(TerminalId::new("T12_4").unwrap_err().problem, at(3, "only letters A-Z a-z and digits"));
        assert_eq!(
            TerminalId::new("T1234567890").unwrap_err().problem,
            Problem::TooLong { limit: 10, got: 11 }
        );
        assert_eq!(TerminalId::new("").unwrap_err().problem, Problem::Empty);
        assert_eq!(Environment::new("Test").unwrap_err().problem, at(0, "only a-z 0-9 _ -"));
        let got = BusinessNumber::new("123-45-67890").unwrap_err().problem;
        assert_eq!(got, Problem::WrongLength { expected: 10, got: 12 });
    }
}
