//! The page itself: no script, nothing from elsewhere, everything escaped.

use super::{Press, Window};
use crate::van::json::Charset;

/// The language of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Korean,
    English,
}

impl Language {
    /// `lang=` of the query, else the browser's first wish, else Korean.
    pub(super) fn of(query: &str, accept: &str) -> Self {
        let asked = query.split('&').find_map(|part| part.strip_prefix("lang="));
        if asked.unwrap_or(accept).starts_with("en") { Self::English } else { Self::Korean }
    }

    fn choose<'a>(self, korean: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Korean => korean,
            Self::English => english,
        }
    }
}

/// Korean breaks between words, and a name without a space where it must. What can be touched is 3 rem high.
const STYLE: &str = "body{font:1.1rem/1.5 sans-serif;max-width:26rem;margin:0 auto;padding:1rem;color:#222;\
word-break:keep-all;overflow-wrap:anywhere}h1{font-size:1.4rem;margin:.5rem 0}\
.notice{background:#fff3cd;border-radius:.5rem;padding:.5rem .8rem;font-size:1rem}\
.amount{font-size:1.8rem;font-weight:bold;margin:.8rem 0}\
button{font:inherit;width:100%;min-height:3rem;margin:.3rem 0;border:1px solid #888;border-radius:.5rem;\
background:#fff;color:inherit}#pay{font-weight:bold;border-color:#0b57d0;background:#0b57d0;color:#fff}\
a{display:inline-block;line-height:3rem;color:#0b57d0}";

/// The window with one form for each button.
pub(super) fn html(
    language: Language,
    window: &Window,
    posts: &[(Press, Vec<(&'static str, String)>)],
    charset: Charset,
) -> String {
    let (title, pay) = match window.amount {
        Some(_) => (language.choose("결제", "Payment"), language.choose("결제하기", "Pay")),
        None => (language.choose("본인 인증", "Authentication"), language.choose("인증하기", "Authenticate")),
    };
    let (tag, other, name) = match language {
        Language::Korean => ("ko", "en", "English"),
        Language::English => ("en", "ko", "한국어"),
    };
    let notice =
        language.choose("시험용 화면입니다. 실제로 결제되지 않습니다.", "This is a sandbox. No money moves.");
    let shown: String = window
        .shown
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| format!("<p>{}</p>\n", escaped(line)))
        .collect();
    let amount = window.amount.map_or_else(String::new, |won| {
        let won = grouped(won);
        format!("<p class=\"amount\">{}</p>\n", language.choose(&format!("{won}원"), &format!("{won} won")))
    });
    let forms: String = posts
        .iter()
        .map(|(press, fields)| {
            let label = match press {
                Press::Pay => pay,
                Press::Cancel => language.choose("취소", "Cancel"),
                Press::Fail => language.choose("인증 실패", "Fail"),
                Press::Close => language.choose("닫기", "Close"),
            };
            form(&window.return_url, charset, fields, press.id(), label)
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"notice\">{notice}</p>\n\
         {shown}{amount}{forms}<p><a href=\"?lang={other}\" lang=\"{other}\">{name}</a></p>\n</body>\n</html>\n"
    )
}

fn form(action: &str, charset: Charset, fields: &[(&'static str, String)], id: &str, label: &str) -> String {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value))
        })
        .collect();
    format!(
        "<form method=\"post\" action=\"{}\" accept-charset=\"{}\">\n{inputs}<button id=\"{id}\">{label}</button>\n</form>\n",
        escaped(action),
        charset.name()
    )
}

/// `47000` as `47,000`.
fn grouped(won: u64) -> String {
    let digits = won.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
        safe
    })
}
