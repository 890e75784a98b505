//! The shop's pages, in Korean and English: no script, nothing from elsewhere, readable on a phone.

use axum::response::Html;
use kicc_proto::values::Won;

use super::{
    books::{Order, State},
    shop::{PRODUCT, Standing},
};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Korean,
    English,
}

impl Language {
    /// As in `lang=`.
    pub fn tag(self) -> &'static str {
        self.choose(["ko", "en"])
    }

    fn choose<T: Copy>(self, [korean, english]: [T; 2]) -> T {
        if self == Language::Korean { korean } else { english }
    }
}

/// Korean breaks between words, and a number without a space where it must.
const STYLE: &str = "body{font:1.1rem/1.5 sans-serif;max-width:26rem;margin:0 auto;padding:1rem;color:#222;\
word-break:keep-all;overflow-wrap:anywhere}h1{font-size:1.4rem}.amount{font-size:1.8rem;font-weight:bold}\
.good{color:#0a6b2d}.wait{background:#fff3cd;border-radius:.5rem;padding:.5rem .8rem;font-weight:bold}\
button{font:inherit;font-weight:bold;width:100%;min-height:3rem;border:0;border-radius:.5rem;background:#0b57d0;\
color:#fff}a{display:inline-block;line-height:3rem;color:#0b57d0}";

/// What is for sale.
pub fn product(language: Language, price: Won) -> Html<String> {
    let body = format!(
        "<p>{}</p>\n<p class=\"amount\">{}</p>\n{}",
        language.choose(PRODUCT),
        won(language, price),
        buy(language, ["구매하기", "Buy"]),
    );
    page(language, ["엘리트 수학", "Elite Maths"], false, &body)
}

/// How a sale stands. While it is not over, the page asks again.
pub fn standing(language: Language, order: &Order, standing: Standing) -> Html<String> {
    let again = buy(language, ["다시 구매하기", "Buy again"]);
    let (title, class, text, after) = match standing {
        Standing::Is(State::Unpaid) => (
            ["결제하지 않은 주문입니다", "Not paid"],
            "",
            ["아직 결제하지 않으셨습니다. 청구되지 않았습니다.", "You have not paid. You were not charged."],
            again,
        ),
        Standing::Is(State::Paid) => {
            (["결제가 완료되었습니다", "Paid"], "good", ["감사합니다.", "Thank you."], String::new())
        }
        Standing::Is(State::Refused) => (
            ["결제되지 않았습니다", "Payment not made"],
            "",
            ["청구되지 않았습니다. 다시 결제하실 수 있습니다.", "You were not charged, and may try again."],
            again,
        ),
        Standing::Is(State::Reversed) => (
            ["결제가 취소되었습니다", "Payment reversed"],
            "",
            [
                "통신 문제로 결제를 취소하였습니다. 청구되지 않으며, 다시 결제하실 수 있습니다.",
                "The payment went wrong on its way and was reversed. You are not charged, and may try again.",
            ],
            again,
        ),
        Standing::Is(State::Paying) | Standing::UnderWay => (
            ["결제를 처리하고 있습니다", "Payment under way"],
            "wait",
            ["다시 결제하지 마시고 잠시 기다려 주세요.", "Please wait, and do not pay again."],
            String::new(),
        ),
        Standing::BeingReversed => (
            ["결제를 취소하고 있습니다", "Payment being reversed"],
            "wait",
            [
                "결제 결과를 받지 못해 취소하고 있습니다. 끝날 때까지 다시 결제하지 마세요.",
                "No answer came, so the payment is being reversed. Do not pay again until that is done.",
            ],
            String::new(),
        ),
        Standing::Is(State::Person) => (
            ["결제를 확인하고 있습니다", "We are looking into your payment"],
            "wait",
            [
                "담당자가 확인한 뒤 연락드리겠습니다. 다시 결제하지 마세요.",
                "One of us will look into it and write to you. Do not pay again.",
            ],
            String::new(),
        ),
    };
    let goes_on =
        matches!(standing, Standing::UnderWay | Standing::BeingReversed | Standing::Is(State::Paying));
    let (number, note) = (
        language.choose(["주문번호", "Order number"]),
        match (standing, &order.note) {
            (Standing::Is(State::Paid), Some(note)) => {
                format!("<p>{}: {}</p>\n", language.choose(["승인번호", "Approval number"]), escaped(note))
            }
            (Standing::Is(State::Refused), Some(note)) => format!("<p>{}</p>\n", escaped(note)),
            _ => String::new(),
        },
    );
    let body = format!(
        "<p class=\"{class}\">{}</p>\n{note}<p class=\"amount\">{}</p>\n<p>{number}: {}</p>\n{after}",
        language.choose(text),
        won(language, order.amount),
        order.order_number,
    );
    page(language, title, goes_on, &body)
}

/// Something that the customer can do nothing about.
pub fn trouble(language: Language, text: [&str; 2]) -> Html<String> {
    let body = format!("<p>{}</p>\n{}", language.choose(text), buy(language, ["다시 시도하기", "Try again"]));
    page(language, ["문제가 생겼습니다", "Something went wrong"], false, &body)
}

fn page(language: Language, title: [&str; 2], refresh: bool, body: &str) -> Html<String> {
    let (tag, title) = (language.tag(), language.choose(title));
    let (other, name) = language.choose([("en", "English"), ("ko", "한국어")]);
    let refresh = if refresh { "<meta http-equiv=\"refresh\" content=\"3\">\n" } else { "" };
    Html(format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         {refresh}<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\
         <p><a href=\"?lang={other}\" lang=\"{other}\">{name}</a></p>\n</body>\n</html>\n"
    ))
}

fn buy(language: Language, label: [&str; 2]) -> String {
    let (tag, label) = (language.tag(), language.choose(label));
    format!("<form method=\"post\" action=\"/orders?lang={tag}\">\n<button>{label}</button>\n</form>\n")
}

/// `47,000원`
fn won(language: Language, Won(won): Won) -> String {
    let digits = won.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",") + language.choose(["원", " won"])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
