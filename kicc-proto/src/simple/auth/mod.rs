//! The stages before an approval (spec A.3): registering a customer once, listing the customer's cards, and an
//! authentication for each payment. They move no money, and their authorisation id goes into
//! [`Order::authorised`](super::Order::authorised).
//!
//! Their host is another than the approval's, and how their requests are authorised is not public: both are the
//! merchant's to configure. The call that issues a customer key is not public either, so the key is taken as
//! given.

mod methods;
mod register;
mod user;
mod values;

#[cfg(test)]
mod tests;

pub use self::{
    methods::{PaymentMethod, PaymentMethods},
    register::{Authentication, read_window, registration},
    user::{Certification, Certified, Customer, UserRegistration, UserWindow, read_user_window},
    values::{CertValue, CertValueError, CustomerKey, EncryptCertValue, VirtualNumber},
};
use crate::{
    values::{Invalid, Problem, ReturnUrl, ServiceId},
    wire::call::{self, RequestAuthorization},
};

/// What the merchant has from KICC about these stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The id of the simple-payment service, for [`RequestAuthorization::Basic`].
    pub service_id: ServiceId,
    /// How requests are authorised.
    pub authorization: RequestAuthorization,
    /// Whether texts are refused that KS X 1001 cannot hold, or only those that windows-949 cannot.
    pub ks_x_1001_only: bool,
}

impl Settings {
    /// No authorisation, and texts within KS X 1001.
    #[must_use]
    pub fn new(service_id: ServiceId) -> Self {
        Settings { service_id, authorization: RequestAuthorization::None, ks_x_1001_only: true }
    }

    fn basic(&self) -> (RequestAuthorization, &str) {
        (self.authorization, self.service_id.as_str())
    }

    /// `shopParameter`: the merchant's own text, which comes back as it was. It must not be about a person.
    fn parameter<'t>(&self, parameter: Option<&'t str>) -> Result<Option<&'t str>, Invalid> {
        parameter.map(|text| call::text("shop parameter", text, 4000, self.ks_x_1001_only)).transpose()
    }
}

/// Simple Payment's `returnUrl` has room for 256 bytes.
fn short(url: &ReturnUrl) -> Result<&str, Invalid> {
    match url.as_str() {
        text if text.len() <= 256 => Ok(text),
        text => Err(Problem::TooLong { limit: 256, got: text.len() }.of("return url")),
    }
}
