//! What every JSON request must be before a product looks at it.

use super::Shared;
use super::clock::Moment;
use super::fields::Message;
use super::http::{Answer, Reply, Request};
use super::json::Charset;

/// Reads a request, or notes everything that is wrong with it and refuses it.
pub(super) fn admit(
    shared: &Shared,
    request: &Request,
    charset: Charset,
    read: impl FnOnce(&[u8], Moment) -> Result<Message, Vec<String>>,
) -> Result<Message, Answer> {
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let stated = content_type.split_once("charset=").map(|(_, name)| name.trim_matches([' ', '"']));
    if !content_type.starts_with("application/json") {
        shared.books().violation(format!("{}: the content type is not application/json", request.path));
    } else if charset == Charset::EucKr && stated != Some(charset.name()) {
        shared.books().violation(format!("{}: the content type does not state euc-kr", request.path));
    }
    read(&request.body, shared.clock.now()).map_err(|problems| {
        shared.counts().malformed += 1;
        for problem in problems {
            shared.books().violation(format!("{}: {problem}", request.path));
        }
        Answer::Reply(Reply::text(400, "malformed request\n"))
    })
}

/// Refuses a request that is not authentic.
pub(super) fn unauthorized(shared: &Shared, request: &Request, why: &str) -> Answer {
    shared.counts().unauthorized += 1;
    shared.books().violation(format!("{}: {why}", request.path));
    Answer::Reply(Reply::text(401, "not authorized\n"))
}
