//! Messages that move no money: registrations and look-ups before an approval. They need no record, and may be
//! sent again under a new number (spec C.1); their text goes as EUC-KR (spec A.3, B.2).

use alloc::{boxed::Box, string::String, vec::Vec};

use base64ct::{Base64, Encoding as _};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    HeaderBuffer, Method, Reply, Request, RequestBuffer,
    answer::{body_text, echo, result_code},
    json::{self, Field},
};
use crate::{
    flow::said::{Said, Unclear},
    values::{Charset, Invalid, PageUrl, Problem, TransactionNumber, check_euc_kr, json},
};

/// A message that was checked and is ready to be sent.
pub trait Call {
    /// What a success brings.
    type Answer;

    /// The request, in `buffer`.
    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b>;

    /// What the answer says.
    ///
    /// # Errors
    /// [`CallError`].
    fn read(&self, reply: Reply<'_>) -> Result<Self::Answer, CallError>;
}

/// Why a call brought nothing. It moved no money, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The gateway said no.
    #[error("refused: {0}")]
    Refused(Said),
    /// There was no trustworthy answer.
    #[error("no trustworthy answer: {0}")]
    Unclear(Unclear),
}

/// A registration that was checked and is ready to be sent. Its answer is the window to open in the customer's
/// browser.
#[derive(Debug, Clone)]
pub struct Registration {
    number: TransactionNumber,
    prepared: Prepared,
}

impl Registration {
    pub(crate) fn new(number: &TransactionNumber, prepared: Prepared) -> Self {
        Registration { number: number.clone(), prepared }
    }
}

impl Call for Registration {
    type Answer = PageUrl;

    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        self.prepared.request(buffer)
    }

    fn read(&self, reply: Reply<'_>) -> Result<PageUrl, CallError> {
        const NAMES: [&str; 4] = ["resCd", "resMsg", "shopTransactionId", "authPageUrl"];
        answer(reply, &NAMES, |[_, _, number, address]| {
            let _stated = echo(number, NAMES[2], |text| text == self.number.as_str())?;
            page(address, NAMES[3])
        })
    }
}

/// How a request is authorised where no page says so (spec A.3, B.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RequestAuthorization {
    /// Not at all, as on the public pages.
    #[default]
    None,
    /// `Authorization: Basic` with the Base64 of the id that KICC issued, as third-party clients and KICC's older
    /// site have it.
    Basic,
}

/// Content type and authorisation of an EUC-KR request.
pub(crate) fn push_headers(out: &mut HeaderBuffer, authorization: RequestAuthorization, id: &str) {
    out.push("content-type", &["application/json; charset=euc-kr"]);
    if authorization == RequestAuthorization::Basic {
        out.push("authorization", &["Basic ", &Base64::encode_string(id.as_bytes())]);
    }
}

/// The bytes of a call. They may hold what is about a person: not printed (R23).
#[derive(Clone)]
pub(crate) struct Prepared {
    path: &'static str,
    authorization: RequestAuthorization,
    id: Box<str>,
    body: Zeroizing<Vec<u8>>,
}

impl Prepared {
    /// `message` as JSON in EUC-KR; its texts have been checked one by one.
    pub fn new(
        path: &'static str,
        (authorization, id): (RequestAuthorization, &str),
        message: &impl Serialize,
    ) -> Result<Self, Invalid> {
        let json = json(message);
        // JSON is UTF-8.
        let text = core::str::from_utf8(&json).unwrap_or_default();
        let body = Charset::EucKr.encode(text).map_err(|problem| problem.of("message"))?;
        Ok(Prepared { path, authorization, id: id.into(), body: Zeroizing::new(body) })
    }

    pub fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        buffer.method = Method::Post;
        buffer.path.clear();
        buffer.path.push_str(self.path);
        buffer.body.clear();
        buffer.body.extend_from_slice(&self.body);
        buffer.headers.clear();
        push_headers(&mut buffer.headers, self.authorization, &self.id);
        buffer.request()
    }
}

impl core::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prepared").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A text field of a call: not empty, at most `limit` bytes of EUC-KR, nothing replaced (R5).
pub(crate) fn text<'t>(
    field: &'static str,
    text: &'t str,
    limit: usize,
    ks_x_1001_only: bool,
) -> Result<&'t str, Invalid> {
    if text.is_empty() {
        return Err(Problem::Empty.of(field));
    }
    check_euc_kr(text, limit, ks_x_1001_only).map_err(|problem| problem.of(field))?;
    Ok(text)
}

/// Reads the fields of a success; the first two are the code's and the message's names.
pub(crate) fn answer<const N: usize, T>(
    reply: Reply<'_>,
    names: &[&str; N],
    read: impl FnOnce([Field<'_>; N]) -> Result<T, Unclear>,
) -> Result<T, CallError> {
    if reply.status != 200 {
        return Err(CallError::Unclear(Unclear::Status(reply.status)));
    }
    let body = body_text(reply, Charset::EucKr);
    let fields = json::texts(&body, names).map_err(CallError::Unclear)?;
    let code = result_code(fields[0]).map_err(CallError::Unclear)?;
    if !code.is_success() {
        return Err(CallError::Refused(Said::new(code, json::text(fields[1]).unwrap_or_default())));
    }
    read(fields).map_err(CallError::Unclear)
}

/// A window's address: URL-encoded (spec A.3.1), or plain where that is not said (spec F.1).
pub(crate) fn page(field: Field<'_>, name: &'static str) -> Result<PageUrl, Unclear> {
    let text = required(field, name)?;
    let page = match text.contains("://") {
        true => PageUrl::new(&text),
        false => PageUrl::new(&percent_decode_str(&text).decode_utf8_lossy()),
    };
    page.map_err(|_| Unclear::Damaged(name.into()))
}

/// A text that must be there, and undamaged.
pub(crate) fn required(field: Field<'_>, name: &'static str) -> Result<Zeroizing<String>, Unclear> {
    match json::deciding(field) {
        Ok(Some(text)) if !text.is_empty() => Ok(Zeroizing::new(text.into_owned())),
        Ok(_) => Err(Unclear::MissingEcho(name.into())),
        Err(()) => Err(Unclear::Damaged(name.into())),
    }
}
