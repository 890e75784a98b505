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

const STYLE: &str = "body{font-family:sans-serif;font-size:1.1rem;line-height:1.5;max-width:28rem;margin:0 auto;\
padding:1rem}button{font:inherit;width:100%;min-height:3rem;margin:.3rem 0}#pay{font-weight:bold}";

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
        format!("<p><strong>{}</strong></p>\n", language.choose(&format!("{won}원"), &format!("{won} won")))
    });
    let forms: String = posts
        .iter()
        .map(|(press, fields)| {
            let (id, label) = match press {
                Press::Pay => ("pay", pay),
                Press::Cancel => ("cancel", language.choose("취소", "Cancel")),
                Press::Fail => ("fail", language.choose("인증 실패", "Fail")),
                Press::Close => ("close", language.choose("닫기", "Close")),
            };
            form(&window.return_url, charset, fields, id, label)
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{notice}</p>\n\
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
