//! The payment methods that a customer has registered (`paymentMethodInfo.do`, spec A.3.3).

use alloc::{boxed::Box, vec::Vec};

use serde::Serialize;

use super::{CustomerKey, Settings, VirtualNumber};
use crate::{
    flow::said::Unclear,
    values::{Invalid, Problem},
    wire::{
        Reply, Request, RequestBuffer,
        call::{self, Call, CallError, Prepared},
        json,
    },
};

const PATH: &str = "/easycheck/user/paymentMethodInfo.do";

/// The question for a customer's payment methods.
#[derive(Debug, Clone)]
pub struct PaymentMethods {
    prepared: Prepared,
}

/// One of them. Its texts are for the customer's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaymentMethod {
    /// `payMethodTypeCode`, such as `11` for a card.
    pub type_code: Option<Box<str>>,
    /// `payMethodDetailCode`: the card's code, such as `026`.
    pub detail_code: Option<Box<str>>,
    /// `easypayVirtualNo`: by it the method is authenticated.
    pub virtual_number: VirtualNumber,
    /// `displayName`.
    pub display_name: Option<Box<str>>,
    /// `nickName`.
    pub nickname: Option<Box<str>>,
    /// `maskingNo`.
    pub masked_number: Option<Box<str>>,
    /// `imageUrl`.
    pub image_url: Option<Box<str>>,
    /// `sortOrder`.
    pub sort_order: Option<u32>,
    /// `checkCardFlag`, where it is stated.
    pub check_card: Option<bool>,
}

/// Query request (spec A.3.3).
#[derive(Serialize)]
struct MethodsRequest<'a> {
    #[serde(rename = "customerKey")]
    customer_key: &'a str,
    #[serde(rename = "payMethodTypeCodeList", skip_serializing_if = "Option::is_none")]
    type_code: Option<&'a str>,
}

impl PaymentMethods {
    /// All of a customer's payment methods, or those of one kind, such as `11` for cards. How several kinds are
    /// listed is not public.
    ///
    /// # Errors
    /// A kind that is not two digits.
    pub fn new(
        settings: &Settings,
        customer_key: &CustomerKey,
        type_code: Option<&str>,
    ) -> Result<Self, Invalid> {
        if type_code.is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(Problem::Other("must be two digits").of("payment method"));
        }
        let request = MethodsRequest { customer_key: customer_key.expose(), type_code };
        Ok(PaymentMethods { prepared: Prepared::new(PATH, settings.basic(), &request)? })
    }
}

impl Call for PaymentMethods {
    type Answer = Vec<PaymentMethod>;

    fn request<'b>(&self, buffer: &'b mut RequestBuffer) -> Request<'b> {
        self.prepared.request(buffer)
    }

    fn read(&self, reply: Reply<'_>) -> Result<Vec<PaymentMethod>, CallError> {
        const NAMES: [&str; 3] = ["resCd", "resMsg", "payMethodInfoList"];
        call::answer(reply, &NAMES, |[_, _, list]| match json::deciding(list) {
            Ok(None) => Ok(Vec::new()),
            _ => {
                let list = json::array(list).ok_or_else(|| Unclear::Damaged(NAMES[2].into()))?;
                list.into_iter().map(method).collect()
            }
        })
    }
}

fn method(element: &str) -> Result<PaymentMethod, Unclear> {
    const NAMES: [&str; 9] = [
        "payMethodTypeCode",
        "payMethodDetailCode",
        "easypayVirtualNo",
        "displayName",
        "nickName",
        "maskingNo",
        "imageUrl",
        "sortOrder",
        "checkCardFlag",
    ];
    let fields = json::object(element, &NAMES)?;
    let [type_code, detail_code, _, display_name, nickname, masked_number, image_url, ..] =
        fields.map(json::own_text);
    let virtual_number = call::required(fields[2], NAMES[2])?;
    Ok(PaymentMethod {
        virtual_number: VirtualNumber::new(&virtual_number).map_err(|_| Unclear::Damaged(NAMES[2].into()))?,
        type_code,
        detail_code,
        display_name,
        nickname,
        masked_number,
        image_url,
        sort_order: json::text(fields[7]).and_then(|text| text.parse().ok()),
        check_card: json::text(fields[8]).map(|flag| &*flag == "Y"),
    })
}
