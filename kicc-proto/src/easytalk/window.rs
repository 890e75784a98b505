//! What the payment window posts to `returnUrl` (spec B.3).

use crate::{
    values::{CertControlNumber, OrderNumber},
    wire::post::{Form, Post, PostError, Posted},
};

/// Reads a post as the end of the window of that order. A success must name it: the order number is all that a
/// post has in common with the registration.
///
/// # Errors
/// [`PostError`]: forged, damaged, or about another order.
pub fn read(post: Post<'_>, registered: &OrderNumber) -> Result<Posted<CertControlNumber>, PostError> {
    const ORDER: &str = "shopOrderNo";
    let form = Form::parse(post)?;
    let ours = form.same(ORDER, registered.as_str())?;
    form.result(form.text("resMsg"), || {
        if !ours {
            return Err(PostError::Missing(ORDER));
        }
        CertControlNumber::new(form.required("certControlNo")?).map_err(PostError::Invalid)
    })
}
