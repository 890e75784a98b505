//! Card companies in an approval's answer (spec C.5). EasyTalkPay answers with these; Simple Payment's
//! example has two digits from some other table (spec F.1), so its codes are looked up as they are, and not
//! padded.

use super::Text;

/// A card company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Card {
    /// Three digits.
    pub code: &'static str,
    /// The company. The issuer's name in an answer is what the slip prints, and may differ.
    pub name: Text,
    /// Whether it also acquires.
    pub acquirer: bool,
}

/// The company of exactly this code; `None`: a code that this table does not know, to be kept as it is.
#[must_use]
pub fn find(code: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.code == code)
}

/// All of them, in the order of their codes.
pub static CARDS: [Card; 21] = [
    card("002", "광주카드", "Gwangju", false),
    card("006", "하나카드", "Hana", true),
    card("008", "외환카드", "KEB", true),
    card("010", "전북카드", "Jeonbuk", false),
    card("015", "우리카드", "Woori", true),
    card("016", "KB국민카드", "KB Kookmin", true),
    card("017", "수협카드", "Suhyup", false),
    card("018", "NH농협카드", "NH Nonghyup", true),
    card("022", "씨티카드", "Citi", false),
    card("026", "BC카드", "BC", true),
    card("027", "현대카드", "Hyundai", true),
    card("028", "해외JCB", "overseas JCB", false),
    card("029", "신한카드", "Shinhan", true),
    card("031", "삼성카드", "Samsung", true),
    card("034", "신세계", "Shinsegae", false),
    card("045", "롯데카드", "Lotte", false),
    card("046", "해외AMEX", "overseas AMEX", false),
    card("047", "롯데카드", "Lotte", true),
    card("048", "해외다이너스", "overseas Diners", false),
    card("049", "해외마스터", "overseas Master", false),
    card("050", "해외비자", "overseas VISA", false),
];

const fn card(code: &'static str, ko: &'static str, en: &'static str, acquirer: bool) -> Card {
    Card { code, name: Text { ko, en }, acquirer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_looked_up_as_they_are() {
        crate::codes::assert_well_formed(CARDS.iter().map(|card| (card.code, card.name)));
        assert_eq!(find("029").unwrap().name, Text { ko: "신한카드", en: "Shinhan" });
        assert_eq!(CARDS.iter().filter(|card| card.acquirer).count(), 10);
        assert!(find("047").unwrap().acquirer && !find("045").unwrap().acquirer);
        for unknown in ["06", "6", "", "0290", "A16"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
