//! Reading what comes through strangers' hands: a page, a redirect, a webhook. Nobody signs any of it, so all that
//! it can be is a hint which payment to look up (spec §6).

use alloc::boxed::Box;

use crate::{
    flow::said::Unclear,
    values::Invalid,
    wire::{
        answer::BodyText,
        json,
        post::{Form, POST_MAX, Post, PostError},
    },
};

/// Why a hint could not be read. Nothing follows from it for any payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HintError {
    /// Longer than [`POST_MAX`].
    #[error("longer than {POST_MAX} bytes")]
    TooLong,
    /// Neither a JSON object nor a form, or broken.
    #[error("neither a JSON object nor a form")]
    Unreadable,
    /// A field stands twice: which of them counts would be a guess.
    #[error("a field stands twice")]
    Twice,
    /// A field that is needed is not there; the field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that no payment of ours can have.
    #[error("{field}: {problem}", field = .0.field, problem = .0.problem)]
    Invalid(Invalid),
}

impl From<Invalid> for HintError {
    fn from(invalid: Invalid) -> Self {
        HintError::Invalid(invalid)
    }
}

/// The named fields of a JSON object or a form, whichever the content type says; without one, whichever it looks
/// like. What is absent, null, empty or no text is `None`; what cannot be decoded is U+FFFD, and then no id of ours.
pub(super) fn fields<const N: usize>(
    post: Post<'_>,
    names: &[&'static str; N],
) -> Result<[Option<Box<str>>; N], HintError> {
    if post.body.len() > POST_MAX {
        return Err(HintError::TooLong);
    }
    let essence = post.content_type.and_then(|text| text.split(';').next()).map(str::trim);
    let is_json = match essence {
        Some(essence) => essence.eq_ignore_ascii_case("application/json"),
        None => post.body.trim_ascii_start().starts_with(b"{"),
    };
    if is_json {
        let text = BodyText::utf8(post.body);
        let fields = json::object(&text, names).map_err(|why| match why {
            Unclear::DuplicateKey => HintError::Twice,
            _ => HintError::Unreadable,
        })?;
        return Ok(fields.map(json::own_text));
    }
    let form = Form::parse(post).map_err(|_| HintError::Unreadable)?;
    let mut values = [const { None }; N];
    for (value, name) in values.iter_mut().zip(names) {
        let stated = form.deciding(name).map_err(|why| match why {
            PostError::Twice(_) => HintError::Twice,
            _ => HintError::Unreadable,
        })?;
        *value = stated.is_some().then(|| form.text(name).into());
    }
    Ok(values)
}
