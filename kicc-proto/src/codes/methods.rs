//! Payment methods and partners (spec C.7), published for the online product and met in the others.

use super::{Named, named};

/// The payment method of exactly this code (`payMethodTypeCode`); `None`: one that this table does not know.
#[must_use]
pub fn method(code: &str) -> Option<&'static Named> {
    super::find(&METHODS, code)
}

/// The partner of exactly this code (`cpCd`); `None`: one that this table does not know.
#[must_use]
pub fn partner(code: &str) -> Option<&'static Named> {
    super::find(&PARTNERS, code)
}

/// All payment methods.
pub static METHODS: [Named; 8] = [
    named("11", "신용카드", "card"),
    named("21", "계좌이체", "account transfer"),
    named("22", "가상계좌", "virtual account"),
    named("31", "휴대폰", "mobile"),
    named("41", "포인트", "points"),
    named("50", "선불결제", "prepaid"),
    named("60", "간편결제", "simple pay"),
    named("81", "정기결제 인증", "recurring authentication"),
];

/// All partners.
pub static PARTNERS: [Named; 10] = [
    named("SAM", "삼성페이", "Samsung Pay"),
    named("KKO", "카카오페이", "Kakao Pay"),
    named("NPAY", "네이버페이", "Naver Pay"),
    named("PCO", "페이코", "PAYCO"),
    named("LPAY", "엘페이", "LPAY"),
    named("SSG", "SSG페이", "SSG"),
    named("APY", "애플페이", "Apple Pay"),
    named("TOS", "토스페이", "Toss Pay"),
    named("LTM", "엘포인트", "L.Point"),
    named("ECB", "이지캐시", "EasyCash"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_partners_are_found_by_code() {
        for table in [&METHODS[..], &PARTNERS] {
            crate::codes::assert_well_formed(table.iter().map(|entry| (entry.code, entry.name)));
        }
        assert_eq!(method("11").unwrap().name.en, "card");
        assert_eq!(partner("NPAY").unwrap().name.ko, "네이버페이");
        assert_eq!((method("1"), method("12"), partner("11"), partner("kko")), (None, None, None, None));
    }
}
