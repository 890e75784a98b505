//! Card companies by which a payment window is opened (spec C.6): not quite those of an answer
//! ([`cards`](super::cards)).

use super::{Named, named};

/// The company of exactly this code; `None`: a code that this table does not know.
#[must_use]
pub fn find(code: &str) -> Option<&'static Named> {
    super::find(&CARDS, code)
}

/// All of them, in the order of their codes. Korean names are the companies' own; the page has English ones
/// only.
pub static CARDS: [Named; 42] = [
    named("002", "광주카드", "Gwangju"),
    named("006", "하나카드", "Hana"),
    named("008", "하나카드(외환)", "Hana (KEB)"),
    named("010", "전북카드", "Jeonbuk"),
    named("011", "제주카드", "Jeju"),
    named("015", "우리카드", "Woori"),
    named("016", "KB국민카드", "Kookmin"),
    named("017", "수협카드", "Suhyup"),
    named("018", "NH농협카드", "NH Nonghyup"),
    named("022", "씨티카드", "Citi"),
    named("026", "BC카드", "BC"),
    named("027", "현대카드", "Hyundai"),
    named("028", "해외JCB", "overseas JCB"),
    named("029", "신한카드", "Shinhan"),
    named("031", "삼성카드", "Samsung"),
    named("046", "해외AMEX", "overseas AMEX"),
    named("047", "롯데카드", "Lotte"),
    named("048", "해외다이너스", "overseas Diners"),
    named("049", "해외마스터", "overseas Master"),
    named("050", "해외비자", "overseas VISA"),
    named("058", "KDB산업은행", "KDB"),
    named("081", "유니온페이", "UnionPay"),
    named("106", "토스뱅크카드", "Toss Bank card"),
    named("126", "저축은행", "savings banks"),
    named("226", "우체국", "Korea Post"),
    named("326", "새마을금고", "Saemaul"),
    named("426", "중국은행", "Bank of China"),
    named("526", "하나BC", "Hana BC"),
    named("626", "신협", "Shinhyup"),
    named("726", "현대증권", "Hyundai Securities"),
    named("826", "교보증권", "Kyobo Securities"),
    named("926", "유진투자증권", "Eugene Investment"),
    named("A16", "카카오뱅크", "KakaoBank"),
    named("A26", "IBK기업은행", "IBK"),
    named("B26", "SK증권", "SK Securities"),
    named("C26", "케이뱅크", "K bank"),
    named("D26", "NH투자증권", "NH Investment"),
    named("E26", "iM뱅크", "iM Bank"),
    named("F26", "부산은행", "Busan Bank"),
    named("G26", "SC제일은행", "SC First Bank"),
    named("H26", "경남은행", "Kyongnam Bank"),
    named("I26", "토스카드", "Toss card"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_codes_that_answers_have_not() {
        crate::codes::assert_well_formed(CARDS.iter().map(|card| (card.code, card.name)));
        assert_eq!(find("A16").unwrap().name.en, "KakaoBank");
        assert_eq!(find("081").unwrap().name.ko, "유니온페이");
        assert_eq!(find("045"), None);
        assert_eq!(find("a16"), None);
    }
}
