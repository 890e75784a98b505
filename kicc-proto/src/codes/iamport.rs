//! Card issuers (spec §12.1) and refund banks (spec §12.3) of i'mport: others than those of KICC's own answers.
//! Codes are texts, not numbers: their leading zeros count. i'mport may list more at any time (`GET /cards`,
//! `GET /banks`), so an unlisted code is a code all the same.

use super::{Named, named};

/// The issuer of exactly this code (`card_code`, `card.direct.code`); `None`: one that this table does not know.
#[must_use]
pub fn card(code: &str) -> Option<&'static Named> {
    super::find(&CARDS, code)
}

/// The bank of exactly this code (`refund_bank`, `bank_code`); `None`: one that this table does not know.
#[must_use]
pub fn bank(code: &str) -> Option<&'static Named> {
    super::find(&BANKS, code)
}

/// All issuers, in the order of the page, and the savings banks, which one third-party table has. Korean names are
/// the companies' own; the page's are English.
pub static CARDS: [Named; 27] = [
    named("002", "KDB산업은행", "KDB"),
    named("041", "우리카드", "Woori"),
    named("045", "새마을금고", "Saemaul"),
    named("048", "신협", "Shinhyup"),
    named("050", "저축은행", "savings banks"),
    named("071", "우체국", "Korea Post"),
    named("089", "케이뱅크", "K bank"),
    named("090", "카카오뱅크", "KakaoBank"),
    named("361", "BC카드", "BC"),
    named("364", "광주카드", "Gwangju"),
    named("365", "삼성카드", "Samsung"),
    named("366", "신한카드", "Shinhan"),
    named("367", "현대카드", "Hyundai"),
    named("368", "롯데카드", "Lotte"),
    named("369", "수협카드", "Suhyup"),
    named("370", "씨티카드", "Citi"),
    named("371", "NH농협카드", "NH Nonghyup"),
    named("372", "전북카드", "Jeonbuk"),
    named("373", "제주카드", "Jeju"),
    named("374", "하나카드", "Hana (SK)"),
    named("381", "KB국민카드", "Kookmin"),
    named("10001", "해외유니온페이", "overseas UnionPay"),
    named("10002", "해외다이너스", "overseas Diners"),
    named("10003", "해외AMEX", "overseas AMEX"),
    named("10004", "해외마스터", "overseas Master"),
    named("10005", "해외비자", "overseas VISA"),
    named("10006", "해외JCB", "overseas JCB"),
];

/// All banks to which KICC refunds a deposit.
pub static BANKS: [Named; 22] = [
    named("002", "KDB산업은행", "KDB"),
    named("003", "IBK기업은행", "IBK"),
    named("004", "KB국민은행", "Kookmin"),
    named("007", "수협은행", "Suhyup"),
    named("011", "NH농협은행", "NH Nonghyup"),
    named("012", "지역농축협", "regional Nonghyup"),
    named("020", "우리은행", "Woori"),
    named("023", "SC제일은행", "SC First Bank"),
    named("027", "씨티은행", "Citi"),
    named("031", "iM뱅크(대구)", "iM Bank (Daegu)"),
    named("032", "부산은행", "Busan Bank"),
    named("034", "광주은행", "Gwangju"),
    named("037", "전북은행", "Jeonbuk"),
    named("039", "경남은행", "Kyongnam Bank"),
    named("045", "새마을금고", "Saemaul"),
    named("048", "신협", "Shinhyup"),
    named("071", "우체국", "Korea Post"),
    named("081", "하나은행", "Hana"),
    named("088", "신한은행", "Shinhan"),
    named("089", "케이뱅크", "K bank"),
    named("090", "카카오뱅크", "KakaoBank"),
    named("092", "토스뱅크", "Toss Bank"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_texts_with_their_zeros() {
        for table in [&CARDS[..], &BANKS] {
            crate::codes::assert_well_formed(table.iter().map(|entry| (entry.code, entry.name)));
        }
        assert_eq!(card("367").unwrap().name.en, "Hyundai");
        assert_eq!(card("041").unwrap().name.ko, "우리카드");
        assert_eq!(card("10005").unwrap().name.ko, "해외비자");
        assert_eq!((card("41"), card("2"), card("0367"), card("999")), (None, None, None, None));
        assert_eq!(bank("088").unwrap().name.en, "Shinhan");
        assert_eq!((bank("88"), bank("366")), (None, None));
    }
}
