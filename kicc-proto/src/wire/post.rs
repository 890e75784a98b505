//! What a customer's browser posts to `returnUrl` when a window is done (spec A.3.2, A.3.4, B.3).
//!
//! It comes through the customer's hands, so anybody can forge it: it is compared with the ids that were
//! registered, and says nothing about amounts. Neither its encoding nor its charset is documented; a form is
//! read, in EUC-KR or UTF-8.

use alloc::{borrow::Cow, vec::Vec};

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::{answer, json::for_people};
use crate::{
    codes::ResultCode,
    flow::said::Said,
    values::{Charset, Invalid},
};

/// The longest post that is read, in bytes: our choice, above the 4000 of the longest field (spec A.3.2).
pub const POST_MAX: usize = 32 * 1024;

/// A post as it came in.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// The value of `content-type`, if there was one.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// What a window's post says, once it is known to be about our order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted<T> {
    /// The customer has authenticated.
    Authenticated(T),
    /// The customer has not: failed, cancelled, or closed the window.
    Failed(Said),
}

/// Why a post is not believed: forged, damaged, or not ours. Nothing follows from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Longer than [`POST_MAX`].
    #[error("the post is longer than {POST_MAX} bytes")]
    TooLong,
    /// Another content type than a form's.
    #[error("the post is not a form")]
    NotAForm,
    /// A field that decides stands twice; the field.
    #[error("{0} stands twice in the post")]
    Twice(&'static str),
    /// A field that is needed is not there; the field.
    #[error("the post has no {0}")]
    Missing(&'static str),
    /// It speaks of another order; the field.
    #[error("the post speaks of another {0}")]
    Foreign(&'static str),
    /// A field that cannot be used; what is wrong with it.
    #[error("the post holds an unusable value: {field}: {problem}", field = .0.field, problem = .0.problem)]
    Invalid(Invalid),
}

impl core::fmt::Debug for Post<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Post").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

type Bytes = Zeroizing<Vec<u8>>;

/// The fields of a form, decoded to bytes.
pub(crate) struct Form<'a> {
    fields: Vec<(Bytes, Bytes)>,
    declared: Option<&'a str>,
}

impl<'a> Form<'a> {
    pub fn parse(post: Post<'a>) -> Result<Self, PostError> {
        if post.body.len() > POST_MAX {
            return Err(PostError::TooLong);
        }
        let essence = post.content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
        if essence.is_some_and(|text| !text.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            return Err(PostError::NotAForm);
        }
        let fields = post.body.split(|byte| *byte == b'&').filter(|field| !field.is_empty()).map(|field| {
            let (name, value) = match field.iter().position(|byte| *byte == b'=') {
                Some(at) => (&field[..at], &field[at + 1..]),
                None => (field, &field[..0]),
            };
            (decoded(name), decoded(value))
        });
        Ok(Form { fields: fields.collect(), declared: post.content_type.and_then(answer::charset) })
    }

    /// A field that decides: at most once, and not empty.
    pub fn deciding(&self, name: &'static str) -> Result<Option<&[u8]>, PostError> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(PostError::Twice(name));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(key, _)| **key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// A field that must be there, as text; beyond ASCII it is empty, and then nothing that is ours.
    pub fn required(&self, name: &'static str) -> Result<&str, PostError> {
        let bytes = self.deciding(name)?.ok_or(PostError::Missing(name))?;
        Ok(core::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).unwrap_or_default())
    }

    /// Refuses what is about another order. A field that is not there is not compared.
    pub fn same(&self, name: &'static str, ours: &str) -> Result<bool, PostError> {
        match self.deciding(name)? {
            None => Ok(false),
            Some(value) if value == ours.as_bytes() => Ok(true),
            Some(_) => Err(PostError::Foreign(name)),
        }
    }

    /// A text for people, in the charset that was declared, else UTF-8 where it is that, else EUC-KR.
    pub fn text(&self, name: &'static str) -> Cow<'_, str> {
        for_people(self.decode(self.all(name).next().unwrap_or_default()))
    }

    /// The same of a text that came URL-encoded once more (spec A.3.4).
    pub fn text_encoded_twice(&self, name: &'static str) -> Cow<'static, str> {
        for_people(self.decode(&decoded(self.all(name).next().unwrap_or_default()))).into_owned().into()
    }

    /// What the window says: `authenticated` reads the fields of a success.
    pub fn result<T>(
        &self,
        message: Cow<'_, str>,
        authenticated: impl FnOnce() -> Result<T, PostError>,
    ) -> Result<Posted<T>, PostError> {
        let code = ResultCode::new(self.required("resCd")?).map_err(PostError::Invalid)?;
        if code.is_success() {
            return authenticated().map(Posted::Authenticated);
        }
        Ok(Posted::Failed(Said::new(code, message)))
    }

    /// ASCII is itself whatever was declared, as in [`Form::required`]: no form comes in UTF-16 (HTML, *encoding* of forms).
    fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        let declared = self.declared.filter(|_| !bytes.is_ascii());
        match (declared, core::str::from_utf8(bytes)) {
            (None, Ok(text)) => Cow::Borrowed(text),
            _ => answer::decode(declared, bytes, Charset::EucKr),
        }
    }
}

/// `+` is a space, `%` and two digits are a byte.
fn decoded(text: &[u8]) -> Bytes {
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
    // At its size from the start: growth leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(spaced.len()));
    bytes.extend(percent_decode(&spaced));
    bytes
}
