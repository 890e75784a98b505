//! Registering a customer, once (`userCertReg.do`, spec A.3.4), and what its window posts.

use alloc::boxed::Box;

use serde::Serialize;

use super::{CertValue, Settings, short};
use crate::{
    flow::said::Unclear,
    values::{Invalid, PageUrl, ReturnUrl, TransactionNumber, check_ascii},
    wire::{
        Reply, Request, RequestBuffer,
        answer::echo,
        call::{self, Call, CallError, Prepared, text},
        json::Value,
        post::{Form, Post, PostError, Posted},
    },
};

const PATH: &str = "/easypay/cert/userCertReg.do";

/// Who is to be registered.
#[derive(Clone, Copy)]
pub struct Customer<'a> {
    /// `requestTid`: unique per request.
    pub number: &'a TransactionNumber,
    /// `shopUserId`, at most 60 bytes: the shop's own name for the customer.
    pub user_id: &'a str,
    /// `shopUserMail`, at most 50 bytes.
    pub mail: &'a str,
    /// `certType` and `certValue`.
    pub certification: &'a Certification,
    /// `returnUrl`, at most 256 bytes.
    pub return_url: &'a ReturnUrl,
    /// `shopParameter`, at most 4000 bytes of EUC-KR.
    pub parameter: Option<&'a str>,
}

/// How the shop vouches for a customer (`certType`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certification {
    /// `NONE`: it does not.
    None,
    /// `CI`: by the customer's CI, enciphered.
    Ci(CertValue),
}

/// A registration that was checked and is ready to be sent.
#[derive(Debug, Clone)]
pub struct UserRegistration {
    number: TransactionNumber,
    prepared: Prepared,
}

/// Where a registration goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWindow {
    /// `registerTid`: the window's post must name it.
    pub register_id: Box<str>,
    /// `isSignUpUser`, where it is stated.
    pub signed_up: Option<bool>,
    /// The registration window, to be opened in the customer's browser.
    pub page: PageUrl,
}

/// What a finished registration brought: with these three ids the customer's key is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// `certSeqNo`.
    pub sequence_number: Box<str>,
    /// `requestTid`.
    pub request_id: Box<str>,
    /// `registerTid`.
    pub register_id: Box<str>,
}

/// Registration request (spec A.3.4).
#[derive(Serialize)]
struct UserRequest<'a> {
    #[serde(rename = "requestTid")]
    number: &'a str,
    #[serde(rename = "shopUserId")]
    user_id: &'a str,
    #[serde(rename = "shopUserMail")]
    mail: &'a str,
    #[serde(rename = "certType")]
    cert_type: &'a str,
    #[serde(rename = "certValue", skip_serializing_if = "Option::is_none")]
    cert_value: Option<&'a str>,
    #[serde(rename = "returnUrl")]
    return_url: &'a str,
    #[serde(rename = "shopParameter", skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

impl UserRegistration {
    /// Checks and encodes a registration.
    ///
    /// # Errors
    /// A text that is empty, too long, or holds what EUC-KR does not: with the field, and where.
    pub fn new(settings: &Settings, customer: &Customer<'_>) -> Result<Self, Invalid> {
        let (cert_type, cert_value) = match customer.certification {
            Certification::None => ("NONE", None),
            Certification::Ci(value) => ("CI", Some(value.expose())),
        };
        let request = UserRequest {
            number: customer.number.as_str(),
            user_id: text("user id", customer.user_id, 60, settings.ks_x_1001_only)?,
            mail: text("mail address", customer.mail, 50, settings.ks_x_1001_only)?,
            cert_type,
            cert_value,
            return_url: short(customer.return_url)?,
            parameter: settings.parameter(customer.parameter)?,
        };
        let prepared = Prepared::new(PATH, settings.basic(), &request)?;
        Ok(UserRegistration { number: customer.number.clone(), prepared })
    }
}

impl Call for UserRegistration {
    type Answer = UserWindow;

    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        self.prepared.request(buffer)
    }

    fn read(&self, reply: Reply<'_>) -> Result<UserWindow, CallError> {
        const NAMES: [&str; 6] =
            ["resCd", "resMsg", "requestTid", "registerTid", "isSignUpUser", "easyPayCertPageUrl"];
        call::answer(reply, &NAMES, |[_, _, number, register_id, signed_up, address]| {
            let _stated = echo(number, NAMES[2], |text| text == self.number.as_str())?;
            let register_id = call::required(register_id, NAMES[3])?;
            check_id(&register_id).map_err(|_| Unclear::Damaged(NAMES[3].into()))?;
            let signed_up = match signed_up {
                Some(Value::Json("true") | Value::Text("true" | "Y")) => Some(true),
                Some(Value::Json("false") | Value::Text("false" | "N")) => Some(false),
                _ => None,
            };
            let page = call::page(address, NAMES[5])?;
            Ok(UserWindow { register_id: register_id.as_str().into(), signed_up, page })
        })
    }
}

/// Reads what the registration window posted to `returnUrl`, as the end of the registration of that number, which
/// was answered with that `registerTid`. A success must name both.
///
/// # Errors
/// [`PostError`]: forged, damaged, or about another registration.
pub fn read_user_window(
    post: Post<'_>,
    number: &TransactionNumber,
    register_id: &str,
) -> Result<Posted<Certified>, PostError> {
    const IDS: [&str; 2] = ["requestTid", "registerTid"];
    let form = Form::parse(post)?;
    let ours = [form.same(IDS[0], number.as_str())?, form.same(IDS[1], register_id)?];
    form.result(form.text_encoded_twice("resMsg"), || {
        if let Some(at) = ours.iter().position(|ours| !ours) {
            return Err(PostError::Missing(IDS[at]));
        }
        let sequence_number = form.required("certSeqNo")?;
        check_id(sequence_number).map_err(PostError::Invalid)?;
        Ok(Certified {
            sequence_number: sequence_number.into(),
            request_id: number.as_str().into(),
            register_id: register_id.into(),
        })
    })
}

/// An id of a registration: 1 to 60 bytes of visible ASCII.
fn check_id(text: &str) -> Result<(), Invalid> {
    check_ascii(text, 60, u8::is_ascii_graphic, "only visible ASCII, no space")
        .map_err(|problem| problem.of("registration id"))
}
