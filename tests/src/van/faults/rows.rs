//! The lines of the table.

use super::End::{Approved, Declined, NeedsOperator, NeverSent, Reversed};
use super::{End, Fault, Product, Rescue, Row, Stage};

const ALL: &[Product] = &[Product::Simple, Product::EasyTalk, Product::Iamport];
/// The products of which KICC itself is the gateway.
const OF_KICC: &[Product] = &[Product::Simple, Product::EasyTalk];
const NOT_SIMPLE: &[Product] = &[Product::EasyTalk, Product::Iamport];
const SIMPLE: &[Product] = &[Product::Simple];
const EASYTALK: &[Product] = &[Product::EasyTalk];
const IAMPORT: &[Product] = &[Product::Iamport];

const fn approval(name: &'static str, code: &'static str, number: u8, end: End, what: &'static str) -> Row {
    Row { products: ALL, stage: Stage::Approval, name, code, number, end, what }
}

const fn rescue(name: &'static str, code: &'static str, number: u8, end: End, what: &'static str) -> Row {
    Row { products: ALL, stage: Stage::Rescue, name, code, number, end, what }
}

const fn door(name: &'static str, what: &'static str) -> Row {
    Row { products: ALL, stage: Stage::Door, name, code: "", number: 0, end: NeverSent, what }
}

const fn only(products: &'static [Product], row: Row) -> Row {
    Row { products, ..row }
}

pub(super) const APPROVALS: [(Fault, Row); 58] = [
    (Fault::Ok, approval("ok", "ok", 1, Approved, "answers success")),
    (Fault::Drip, approval("drip", "drip", 2, Approved, "answers success, one byte at a time")),
    (Fault::Chunked, approval("chunked", "chunk", 3, Approved, "answers success in chunks")),
    (
        Fault::UntilClose,
        approval("until_close", "close", 4, Approved, "answers success without a length, then closes"),
    ),
    (
        Fault::AnsweredTwice,
        approval("answered_twice", "twice", 5, Approved, "answers success twice in a row"),
    ),
    (
        Fault::BrokenText,
        approval(
            "broken_text",
            "text",
            6,
            Approved,
            "answers success with a cut Hangul in the text of the result",
        ),
    ),
    (
        Fault::LoneSurrogate,
        approval("lone_surrogate", "surr", 7, Approved, "answers success with half an escape in a text"),
    ),
    (Fault::Decline, approval("decline", "dec", 8, Declined, "declines: over the limit")),
    (
        Fault::DeclineBare,
        only(
            OF_KICC,
            approval("decline_bare", "bare", 9, Declined, "declines with only code and message in the body"),
        ),
    ),
    (
        Fault::DeclineUnlisted,
        approval("decline_unlisted", "unl", 11, Declined, "declines with a code of no list"),
    ),
    (Fault::HangBefore, approval("hang_before", "hangb", 12, Reversed, "never books, never answers")),
    (Fault::HangAfter, approval("hang_after", "hanga", 13, Reversed, "books, never answers")),
    (
        Fault::ResetBefore,
        approval("reset_before", "rstb", 14, Reversed, "never books, resets the connection"),
    ),
    (Fault::ResetAfter, approval("reset_after", "rsta", 15, Reversed, "books, resets the connection")),
    (
        Fault::Cut(200),
        approval(
            "cut",
            "cut",
            16,
            Reversed,
            "books, ends the answer at byte n: cutN, or the amount's digits before 9K16",
        ),
    ),
    (Fault::Html502, approval("html_502", "html", 17, Reversed, "books, answers 502 with HTML")),
    (
        Fault::Http400,
        approval("http_400", "h400", 18, Reversed, "books, answers 400 with a decline in the body"),
    ),
    (Fault::BrokenJson, approval("broken_json", "json", 19, Reversed, "books, answers JSON without its end")),
    (
        Fault::DuplicatedKey,
        approval("duplicated_key", "dup", 21, Reversed, "books, answers with two different result codes"),
    ),
    (
        Fault::MissingCode,
        approval("missing_code", "nocode", 22, Reversed, "books, answers without a result code"),
    ),
    (
        Fault::EmptyCode,
        approval("empty_code", "empty", 23, Reversed, "books, answers with an empty result code"),
    ),
    (
        Fault::NumericCode,
        only(
            OF_KICC,
            approval("numeric_code", "num", 24, Reversed, "books, answers with a number as result code"),
        ),
    ),
    (
        Fault::ForeignNumber,
        approval("foreign_number", "echo", 25, Reversed, "books, echoes another order's number"),
    ),
    (
        Fault::ForeignTerminal,
        only(OF_KICC, approval("foreign_terminal", "term", 26, Reversed, "books, echoes another terminal")),
    ),
    (
        Fault::NoEcho,
        approval("no_echo", "noecho", 27, Reversed, "books, answers success without number and terminal"),
    ),
    (
        Fault::BinaryBody,
        approval("binary_body", "bin", 28, Reversed, "books, answers bytes that are no text"),
    ),
    (
        Fault::Oversized,
        approval("oversized", "big", 29, Reversed, "books, answers success in a body of 1 MiB"),
    ),
    (Fault::Redirect302, approval("redirect_302", "r302", 31, Reversed, "books, answers 302 to /other")),
    (Fault::Redirect307, approval("redirect_307", "r307", 32, Reversed, "books, answers 307 to /other")),
    (Fault::Empty200, approval("empty_200", "e200", 33, Reversed, "books, answers 200 with an empty body")),
    (
        Fault::DeclineWithApproval,
        approval("decline_with_approval", "decap", 34, Reversed, "books, refuses, together with an approval"),
    ),
    (
        Fault::ChunkedCut,
        approval("chunked_cut", "chcut", 35, Reversed, "books, answers in chunks without the last one"),
    ),
    (
        Fault::NoLengthCut,
        approval("no_length_cut", "nlcut", 36, Reversed, "books, answers half without a length, then closes"),
    ),
    (
        Fault::LateAfterGiveUp,
        approval("late_after_give_up", "lateg", 37, Reversed, "books once the client gave up"),
    ),
    (
        Fault::LateAfterNetCancel,
        only(
            SIMPLE,
            approval(
                "late_after_net_cancel",
                "laten",
                38,
                Reversed,
                "would book late, but remembers a net-cancel that came before",
            ),
        ),
    ),
    (
        Fault::LateForgetful,
        approval(
            "late_forgetful",
            "latef",
            39,
            Reversed,
            "books late, even after a rescue message that found nothing",
        ),
    ),
    (
        Fault::CharsetUtf8,
        only(EASYTALK, approval("charset_utf8", "utf8", 41, Approved, "answers 0000 in UTF-8, and says so")),
    ),
    (
        Fault::CharsetWrong,
        only(
            EASYTALK,
            approval(
                "charset_wrong",
                "charw",
                42,
                Approved,
                "answers 0000 in EUC-KR, but says that it is UTF-8",
            ),
        ),
    ),
    (
        Fault::CharsetNone,
        only(
            EASYTALK,
            approval("charset_none", "charn", 43, Approved, "answers 0000 in EUC-KR, and does not say so"),
        ),
    ),
    (
        Fault::OtherSpelling,
        only(
            EASYTALK,
            approval(
                "other_spelling",
                "spell",
                44,
                Approved,
                "answers 0000 with authNo and payMethodType, as in the documentation's table",
            ),
        ),
    ),
    (
        Fault::AmountText,
        only(
            NOT_SIMPLE,
            approval("amount_text", "amtxt", 45, Approved, "answers success with the amount as text"),
        ),
    ),
    (
        Fault::AmountMissing,
        only(
            NOT_SIMPLE,
            approval("amount_missing", "noamt", 46, Reversed, "books, answers success without an amount"),
        ),
    ),
    (
        Fault::AmountDiffers,
        only(NOT_SIMPLE, approval("amount_differs", "amt", 47, Reversed, "books and states 10 won more")),
    ),
    (
        Fault::Duplicate,
        only(
            NOT_SIMPLE,
            approval("duplicate", "again", 48, Reversed, "books, answers that it is a duplicate"),
        ),
    ),
    (
        Fault::DuplicateBefore,
        only(
            EASYTALK,
            approval(
                "duplicate_before",
                "againb",
                49,
                Reversed,
                "never books, answers that it is a duplicate",
            ),
        ),
    ),
    (
        Fault::BrokenEcho,
        only(
            NOT_SIMPLE,
            approval(
                "broken_echo",
                "brecho",
                51,
                Reversed,
                "books, answers success with a cut Hangul in the echoed number",
            ),
        ),
    ),
    (
        Fault::TextCode,
        only(
            IAMPORT,
            approval(
                "text_code",
                "tcode",
                52,
                Reversed,
                "books, answers success with the result code as text",
            ),
        ),
    ),
    (
        Fault::AmountDecimal,
        only(
            IAMPORT,
            approval("amount_decimal", "amdec", 53, Approved, "answers success with the amount as 1004.0"),
        ),
    ),
    (
        Fault::Ready,
        only(
            IAMPORT,
            approval("ready", "ready", 54, Reversed, "answers that it is ready, and books soon after"),
        ),
    ),
    (
        Fault::ReadyFails,
        only(
            IAMPORT,
            approval("ready_fails", "rfail", 55, Reversed, "answers that it is ready, and fails soon after"),
        ),
    ),
    (
        Fault::PaidTwice,
        only(
            IAMPORT,
            approval(
                "paid_twice",
                "twop",
                56,
                Reversed,
                "books two payments under the number, never answers",
            ),
        ),
    ),
    (
        Fault::Unauthorized,
        only(IAMPORT, approval("unauthorized", "u401", 57, Reversed, "never books, answers 401")),
    ),
    (
        Fault::UnauthorizedAfter,
        only(IAMPORT, approval("unauthorized_after", "u401a", 58, Reversed, "books, answers 401")),
    ),
    (
        Fault::Http404,
        only(
            IAMPORT,
            approval("http_404", "h404", 59, Reversed, "books, answers 404 as for what does not exist"),
        ),
    ),
    (
        Fault::CancelledAtOnce,
        only(
            IAMPORT,
            approval(
                "cancelled_at_once",
                "cancd",
                61,
                Reversed,
                "books, voids by itself, answers that it is cancelled",
            ),
        ),
    ),
    (
        Fault::OtherStatus,
        only(
            IAMPORT,
            approval("other_status", "othst", 62, Reversed, "books, answers with a status that no list has"),
        ),
    ),
    (
        Fault::NoPayment,
        only(
            IAMPORT,
            approval("no_payment", "nopay", 63, Reversed, "books, answers success without a payment"),
        ),
    ),
    (
        Fault::OtherCurrency,
        only(IAMPORT, approval("other_currency", "usd", 64, Reversed, "books, answers success in dollars")),
    ),
];

pub(super) const RESCUES: [(Rescue, Row); 23] = [
    (Rescue::Hang, rescue("rescue_hang", "hang", 1, Reversed, "does and answers nothing, a few times")),
    (
        Rescue::HangDone,
        only(
            SIMPLE,
            rescue("rescue_hang_done", "done", 2, Reversed, "voids, but does not answer, a few times"),
        ),
    ),
    (
        Rescue::Reset,
        rescue(
            "rescue_reset",
            "reset",
            3,
            Reversed,
            "does what it is asked, then resets the connection, a few times",
        ),
    ),
    (
        Rescue::ServerError,
        rescue("rescue_5xx", "5xx", 4, Reversed, "does nothing and answers 503, a few times"),
    ),
    (
        Rescue::ProvesNothing,
        rescue("rescue_proves_nothing", "never", 5, NeedsOperator, "does nothing and refuses, for ever"),
    ),
    (
        Rescue::CancelHangDone,
        rescue("cancel_hang_done", "chang", 6, Reversed, "cancels, but does not answer, a few times"),
    ),
    (Rescue::CancelRefused, rescue("cancel_refused", "cref", 7, Reversed, "refuses cancels, a few times")),
    (
        Rescue::CancelHang,
        only(
            NOT_SIMPLE,
            rescue("cancel_hang", "cnone", 0, Reversed, "does and answers nothing to cancels, a few times"),
        ),
    ),
    (
        Rescue::CancelDuplicate,
        only(
            NOT_SIMPLE,
            rescue(
                "cancel_duplicate",
                "cdup",
                2,
                Reversed,
                "cancels, and answers that it is a duplicate, a few times",
            ),
        ),
    ),
    (
        Rescue::CancelDuplicateBefore,
        only(
            NOT_SIMPLE,
            rescue(
                "cancel_duplicate_before",
                "cdupb",
                0,
                Reversed,
                "does not cancel, and answers that it is a duplicate, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryCancelled,
        only(
            NOT_SIMPLE,
            rescue(
                "query_cancelled",
                "qcan",
                8,
                Reversed,
                "voids by itself, and the status query shows a cancel",
            ),
        ),
    ),
    (
        Rescue::QueryForeign,
        only(
            NOT_SIMPLE,
            rescue(
                "query_foreign",
                "qecho",
                9,
                Reversed,
                "the status query shows another transaction, then another terminal's, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryBoth,
        only(
            EASYTALK,
            rescue(
                "query_both",
                "qboth",
                0,
                Reversed,
                "the status query shows an approval and a cancel at once, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryNeither,
        only(
            NOT_SIMPLE,
            rescue(
                "query_neither",
                "qnone",
                0,
                Reversed,
                "the status query answers 0000 and shows nothing, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryBroken,
        only(
            NOT_SIMPLE,
            rescue(
                "query_broken",
                "qcut",
                0,
                Reversed,
                "the status query answers half of its JSON, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryForgets,
        only(
            EASYTALK,
            rescue(
                "query_forgets",
                "qforg",
                0,
                NeedsOperator,
                "the status query answers 503 until its memory is over, then *not found*",
            ),
        ),
    ),
    (
        Rescue::CancelPartly,
        only(
            IAMPORT,
            rescue("cancel_partly", "cpart", 0, Reversed, "cancels 10 won less than asked for, a few times"),
        ),
    ),
    (
        Rescue::QueryLags,
        only(
            IAMPORT,
            rescue(
                "query_lags",
                "qlag",
                0,
                Reversed,
                "look-ups find nothing yet, for as long as a late booking takes",
            ),
        ),
    ),
    (
        Rescue::QueryReady,
        only(
            IAMPORT,
            rescue("query_ready", "qrdy", 0, Reversed, "look-ups show the payment as ready, a few times"),
        ),
    ),
    (
        Rescue::QueryPartly,
        only(
            IAMPORT,
            rescue(
                "query_partly",
                "qpart",
                0,
                Reversed,
                "10 won were given back by somebody else: look-ups show a cancelled payment with the rest standing",
            ),
        ),
    ),
    (
        Rescue::QueryPaged,
        only(
            IAMPORT,
            rescue(
                "query_paged",
                "qpage",
                0,
                Reversed,
                "the list shows a failed payment and has the paid one on its second page, a few times",
            ),
        ),
    ),
    (
        Rescue::QueryHtml404,
        only(
            IAMPORT,
            rescue("query_html_404", "q404", 0, Reversed, "look-ups answer 404 with HTML, a few times"),
        ),
    ),
    (
        Rescue::Unauthorized,
        only(
            IAMPORT,
            rescue(
                "rescue_unauthorized",
                "u401",
                0,
                Reversed,
                "answers 401 until a token was asked for again",
            ),
        ),
    ),
];

pub(super) const DOORS: [Row; 5] = [
    door("refuse", "a port that refuses connections: Van::refusing_addr"),
    door("tls", "no TLS where https is asked for: the VAN's own port"),
    only(IAMPORT, door("token_down", "a key, `down`, whose tokens are asked for in vain: 503")),
    only(IAMPORT, door("token_hang", "a key, `hang`, whose tokens are asked for in vain: no answer")),
    only(IAMPORT, door("token_html", "a key, `html`, whose tokens are asked for in vain: 200 with HTML")),
];
