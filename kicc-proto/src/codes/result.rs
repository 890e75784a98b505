use alloc::{collections::BTreeMap, vec::Vec};

use arrayvec::ArrayString;

use super::Text;
use crate::values::{Invalid, Problem};

/// A result code: exactly four ASCII letters or digits (`respCd`, `resCd`; spec C.2, R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResultCode(ArrayString<4>);

impl ResultCode {
    /// A code as it came.
    ///
    /// # Errors
    /// Another length or character: that is then no code, and the answer is unknown (R7).
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "result code";
        if text.len() != 4 {
            return Err(Problem::WrongLength { expected: 4, got: text.len() }.of(FIELD));
        }
        crate::values::ascii(FIELD, text, 4, u8::is_ascii_alphanumeric, "only letters A-Z a-z and digits")
            .map(Self)
    }

    /// Whether it is `0000`, the only code of success (spec C.3).
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.as_str() == SUCCESS
    }
}
crate::values::text_value!(ResultCode, ResultCode::new);

/// What a code says about the request that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `0000`: done.
    Approved,
    /// The card company said no; nothing was charged.
    IssuerRefusal(CashierHint),
    /// An earlier request had the same key; says nothing of its end (spec C.1). None is listed: configured.
    Duplicate,
    /// The gateway itself does not know the end. None is listed: configured.
    Unknown,
    /// A void found nothing to void; what it proves depends on the moment (R13b). None is listed: configured.
    NothingToVoid,
    /// A void found the sale voided before; proof at any time (R13c). None is listed: configured.
    AlreadyVoided,
    /// In no table and no set (R6).
    Unlisted,
}

/// What a cashier can do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CashierHint {
    /// Ask for another card.
    AnotherCard,
    /// Charge less, or ask for another card.
    LessAmount,
    /// Use fewer points.
    FewerPoints,
    /// Check the expiry date.
    CheckExpiry,
    /// Ask for the card password again.
    CheckPin,
    /// The customer must call the card company.
    ContactIssuer,
    /// Lost or stolen: take no sale on it, and call the card company.
    LostOrStolen,
}

impl CashierHint {
    /// The words for the cashier.
    #[must_use]
    pub const fn text(self) -> Text {
        let (ko, en) = match self {
            CashierHint::AnotherCard => ("다른 카드로 결제해 주세요", "ask for another card"),
            CashierHint::LessAmount => {
                ("금액을 줄이거나 다른 카드로 결제해 주세요", "charge less, or ask for another card")
            }
            CashierHint::FewerPoints => ("사용할 포인트를 줄여 주세요", "use fewer points"),
            CashierHint::CheckExpiry => {
                ("카드 유효기간을 확인해 주세요", "check the expiry date of the card")
            }
            CashierHint::CheckPin => {
                ("카드 비밀번호를 다시 확인해 주세요", "ask for the card password again")
            }
            CashierHint::ContactIssuer => {
                ("고객이 카드사에 문의해야 합니다", "the customer must call the card company")
            }
            CashierHint::LostOrStolen => (
                "분실·도난 신고된 카드입니다. 결제하지 말고 카드사에 연락해 주세요",
                "reported lost or stolen: do not sell on it, call the card company",
            ),
        };
        Text { ko, en }
    }
}

/// Codes by configuration, beside the built-in table (spec C.3) and above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeSets {
    /// `unknown_codes`: [`Class::Unknown`].
    pub unknown: Vec<ResultCode>,
    /// `duplicate_codes`: [`Class::Duplicate`].
    pub duplicate: Vec<ResultCode>,
    /// `nothing_to_void_codes`: [`Class::NothingToVoid`].
    pub nothing_to_void: Vec<ResultCode>,
    /// `already_voided_codes`: [`Class::AlreadyVoided`].
    pub already_voided: Vec<ResultCode>,
    /// `refusal_codes`: [`Class::IssuerRefusal`] with [`CashierHint::AnotherCard`].
    pub refusals: Vec<ResultCode>,
}

/// Sets of codes that contradict each other or the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodesError {
    /// One code, two meanings.
    #[error("result code {code} is in both {first} and {second}")]
    InTwoSets {
        /// The code.
        code: ResultCode,
        /// The set in which it was met first.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// `0000` is success and nothing else.
    #[error("result code 0000 is in {set}, but always means success")]
    Success {
        /// The set.
        set: &'static str,
    },
}

/// What every code means here: the built-in table, and above it the configured sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    configured: BTreeMap<ResultCode, Class>,
}

impl Codes {
    /// The table with these sets above it.
    ///
    /// # Errors
    /// A code in two sets, or `0000` in one.
    pub fn new(sets: CodeSets) -> Result<Self, CodesError> {
        let mut configured = BTreeMap::new();
        let mut set_of = BTreeMap::new();
        for (set, class, codes) in [
            ("unknown_codes", Class::Unknown, sets.unknown),
            ("duplicate_codes", Class::Duplicate, sets.duplicate),
            ("nothing_to_void_codes", Class::NothingToVoid, sets.nothing_to_void),
            ("already_voided_codes", Class::AlreadyVoided, sets.already_voided),
            ("refusal_codes", Class::IssuerRefusal(CashierHint::AnotherCard), sets.refusals),
        ] {
            for code in codes {
                if code.is_success() {
                    return Err(CodesError::Success { set });
                }
                match set_of.insert(code, set) {
                    Some(first) if first != set => {
                        return Err(CodesError::InTwoSets { code, first, second: set });
                    }
                    _ => configured.insert(code, class),
                };
            }
        }
        Ok(Self { configured })
    }

    /// What the code means; a configured set wins over the table.
    #[must_use]
    pub fn class(&self, code: ResultCode) -> Class {
        match (self.configured.get(&code), listed(code)) {
            (Some(class), _) => *class,
            (None, Some(entry)) => entry.class,
            (None, None) => Class::Unlisted,
        }
    }

    /// The table's words for the code. A code by configuration alone has none.
    #[must_use]
    pub fn text(code: ResultCode) -> Option<Text> {
        listed(code).map(|entry| entry.text)
    }
}

const SUCCESS: &str = "0000";

struct Listed {
    code: &'static str,
    class: Class,
    text: Text,
}

fn listed(code: ResultCode) -> Option<&'static Listed> {
    TABLE.iter().find(|entry| entry.code == code.as_str())
}

const fn refusal(code: &'static str, hint: CashierHint, ko: &'static str, en: &'static str) -> Listed {
    Listed { code, class: Class::IssuerRefusal(hint), text: Text { ko, en } }
}

/// Spec C.3.
static TABLE: [Listed; 10] = [
    Listed { code: SUCCESS, class: Class::Approved, text: Text { ko: "정상 처리", en: "success" } },
    refusal("8521", CashierHint::LessAmount, "카드 한도 초과", "card limit exceeded"),
    refusal("8035", CashierHint::LessAmount, "계좌 잔액 부족", "account balance insufficient"),
    refusal(
        "8314",
        CashierHint::CheckExpiry,
        "유효기간 오류 또는 만료된 카드",
        "expiry date wrong or card expired",
    ),
    refusal(
        "8315",
        CashierHint::CheckExpiry,
        "유효기간 오류 또는 만료된 카드",
        "expiry date wrong or card expired",
    ),
    refusal(
        "8316",
        CashierHint::CheckExpiry,
        "유효기간 오류 또는 만료된 카드",
        "expiry date wrong or card expired",
    ),
    refusal("8311", CashierHint::CheckPin, "카드 비밀번호 오류", "card password wrong"),
    refusal("8350", CashierHint::LostOrStolen, "분실 또는 도난 카드", "lost or stolen card"),
    refusal(
        "8373",
        CashierHint::ContactIssuer,
        "카드사 정책에 따른 거절",
        "refused by the policy of the card company",
    ),
    refusal("8527", CashierHint::FewerPoints, "포인트 부족", "not enough points"),
];

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _, vec};

    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> ResultCode {
        ResultCode::new(text).unwrap()
    }

    #[test]
    fn the_table_is_the_documentations() {
        crate::codes::assert_well_formed(TABLE.iter().map(|entry| (entry.code, entry.text)));
        let codes = Codes::default();
        assert_eq!(codes.class(code("0000")), Class::Approved);
        for (listed, hint) in [
            ("8521", CashierHint::LessAmount),
            ("8035", CashierHint::LessAmount),
            ("8314", CashierHint::CheckExpiry),
            ("8315", CashierHint::CheckExpiry),
            ("8316", CashierHint::CheckExpiry),
            ("8311", CashierHint::CheckPin),
            ("8350", CashierHint::LostOrStolen),
            ("8373", CashierHint::ContactIssuer),
            ("8527", CashierHint::FewerPoints),
        ] {
            assert_eq!(codes.class(code(listed)), Class::IssuerRefusal(hint), "{listed}");
            assert!(!hint.text().ko.is_empty() && Codes::text(code(listed)).is_some());
        }
        assert_eq!(Codes::text(code("8350")).unwrap().en, "lost or stolen card");
        for unlisted in ["0001", "9999", "VTIM", "8313", "8317", "000A"] {
            assert_eq!(codes.class(code(unlisted)), Class::Unlisted, "{unlisted}");
            assert_eq!(Codes::text(code(unlisted)), None);
        }
    }

    #[test]
    fn a_configured_set_wins_over_the_table() {
        let codes = Codes::new(CodeSets {
            unknown: vec![code("8521"), code("8521"), code("VTIM")],
            duplicate: vec![code("7000")],
            nothing_to_void: vec![code("7001")],
            already_voided: vec![code("7002")],
            refusals: vec![code("7003")],
        })
        .unwrap();
        for (of, class) in [
            ("8521", Class::Unknown),
            ("VTIM", Class::Unknown),
            ("7000", Class::Duplicate),
            ("7001", Class::NothingToVoid),
            ("7002", Class::AlreadyVoided),
            ("7003", Class::IssuerRefusal(CashierHint::AnotherCard)),
            ("8350", Class::IssuerRefusal(CashierHint::LostOrStolen)),
            ("7004", Class::Unlisted),
        ] {
            assert_eq!(codes.class(code(of)), class, "{of}");
        }
    }

    #[test]
    fn contradictions_are_named() {
        let two = CodeSets {
            unknown: vec![code("7001")],
            already_voided: vec![code("7001")],
            ..CodeSets::default()
        };
        let two = Codes::new(two).unwrap_err().to_string();
        assert_eq!(two, "result code 7001 is in both unknown_codes and already_voided_codes");
        let success = CodeSets { nothing_to_void: vec![code("0000")], ..CodeSets::default() };
        let success = Codes::new(success).unwrap_err();
        assert_eq!(success, CodesError::Success { set: "nothing_to_void_codes" });
    }

    proptest! {
        #[test]
        fn r6_a_code_is_four_letters_or_digits(text in "[A-Za-z0-9]{3,5}|\\PC{0,5}|[ 0-9]{4}") {
            let fine = text.len() == 4 && text.chars().all(|c| c.is_ascii_alphanumeric());
            let code = ResultCode::new(&text);
            prop_assert_eq!(code.is_ok(), fine);
            if let Ok(code) = code {
                prop_assert_eq!(code.as_str(), &*text);
                prop_assert_eq!(code.is_success(), text == "0000");
                let json = format!("\"{text}\"");
                prop_assert_eq!(serde_json::from_str::<ResultCode>(&json).unwrap(), code);
                prop_assert_eq!(serde_json::to_string(&code).unwrap(), json);
            }
        }
    }
}
