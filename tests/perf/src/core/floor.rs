//! The same bytes through the bare libraries: no check, no rule, no allocation that could be spared.
#![allow(missing_docs, reason = "the fields are the wire's own, told in the core")]

use std::{fmt, hint::black_box};

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};
use sha2::Sha256;

/// Simple Payment's approval and net-cancel (spec A.5, A.7).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimpleApproval<'a> {
    pub tid: &'a str,
    pub svc_id: &'a str,
    pub bizr_no: &'a str,
    pub merc_trx_no: &'a str,
    pub token_key: &'a str,
    pub alot_month: &'a str,
    pub trx_amt: u64,
    pub vat_amt: u64,
    pub svc_amt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_free_amt: Option<u64>,
    pub tran_dt: &'a str,
    pub tran_tm: &'a str,
}

/// Simple Payment's cancel (spec A.6).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimpleCancel<'a> {
    pub tid: &'a str,
    pub svc_id: &'a str,
    pub bizr_no: &'a str,
    pub merc_trx_no: &'a str,
    pub wcc: &'a str,
    pub cnd_trx_no: &'a str,
    pub alot_month: &'a str,
    pub trx_amt: u64,
    pub vat_amt: u64,
    pub svc_amt: u64,
    pub tran_dt: &'a str,
    pub tran_tm: &'a str,
    pub org_aprv_dt: &'a str,
    pub org_aprv_no: &'a str,
}

/// Simple Payment's answer to any of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimpleReply<'a> {
    pub resp_cd: &'a str,
    pub resp_msg: Option<&'a str>,
    pub tid: Option<&'a str>,
    pub merc_trx_no: Option<&'a str>,
    pub trx_amt: Option<&'a str>,
    pub aprv_no: Option<&'a str>,
    pub aprv_dt: Option<&'a str>,
    pub aprv_tm: Option<&'a str>,
    pub van_trx_no: Option<&'a str>,
    pub iss_fm_cd: Option<&'a str>,
    pub iss_fm_nm: Option<&'a str>,
    pub purch_fm_cd: Option<&'a str>,
    pub purch_fm_nm: Option<&'a str>,
    pub jo_shop_no: Option<&'a str>,
    pub card_confirm_no: Option<&'a str>,
}

/// EasyTalkPay's approval (spec B.4).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EasyTalkApproval<'a> {
    pub van_tid: &'a str,
    pub shop_transaction_id: &'a str,
    pub cert_control_no: &'a str,
    pub approval_req_date: &'a str,
}

/// EasyTalkPay's status query (spec B.6).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EasyTalkQuery<'a> {
    pub van_tid: &'a str,
    pub shop_transaction_id: &'a str,
    pub transaction_date: &'a str,
}

/// EasyTalkPay's cancel (spec B.5).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EasyTalkCancel<'a> {
    pub van_tid: &'a str,
    pub shop_transaction_id: &'a str,
    pub control_no: &'a str,
    pub approval_req_date: &'a str,
    pub cancel_req_date: &'a str,
}

/// EasyTalkPay's answer to any of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EasyTalkReply<'a> {
    pub res_cd: &'a str,
    pub res_msg: Option<&'a str>,
    pub shop_transaction_id: Option<&'a str>,
    pub van_tid: Option<&'a str>,
    pub shop_order_no: Option<&'a str>,
    pub control_no: Option<&'a str>,
    pub cancel_control_no: Option<&'a str>,
    pub amount: Option<u64>,
    pub transaction_date: Option<&'a str>,
    pub accepter_id: Option<&'a str>,
    #[serde(borrow)]
    pub payment_info: Option<PaymentInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentInfo<'a> {
    pub pay_method_type_code: Option<&'a str>,
    pub approval_no: Option<&'a str>,
    pub van_serial: Option<&'a str>,
    #[serde(borrow)]
    pub card_info: Option<CardInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardInfo<'a> {
    pub card_no: Option<&'a str>,
    pub issuer_code: Option<&'a str>,
    pub acquirer_code: Option<&'a str>,
    pub installment_month: Option<&'a str>,
}

/// i'mport's charge (spec §4.1).
#[derive(Serialize, Deserialize)]
pub struct IamportCharge<'a> {
    pub customer_uid: &'a str,
    pub merchant_uid: &'a str,
    pub amount: u64,
    pub name: &'a str,
}

/// i'mport's cancel (spec §4.3).
#[derive(Serialize, Deserialize)]
pub struct IamportCancel<'a> {
    pub imp_uid: &'a str,
    pub amount: u64,
    pub checksum: u64,
    pub reason: &'a str,
}

/// i'mport's token request (spec §2).
#[derive(Serialize, Deserialize)]
pub struct IamportKeys<'a> {
    pub imp_key: &'a str,
    pub imp_secret: &'a str,
}

/// i'mport's envelope (spec §1).
#[derive(Deserialize)]
pub struct Enveloped<'a, T> {
    pub code: i64,
    pub message: Option<&'a str>,
    pub response: T,
}

/// i'mport's token.
#[derive(Deserialize)]
pub struct IamportToken<'a> {
    pub access_token: &'a str,
    pub expired_at: u64,
    pub now: u64,
}

/// i'mport's page of payments.
#[derive(Deserialize)]
pub struct IamportPage<'a> {
    pub total: u64,
    pub previous: u64,
    pub next: u64,
    #[serde(borrow)]
    pub list: Vec<IamportPayment<'a>>,
}

/// i'mport's payment (spec §3), with the fields that its answers here have.
#[derive(Deserialize)]
pub struct IamportPayment<'a> {
    pub imp_uid: &'a str,
    pub merchant_uid: &'a str,
    pub amount: u64,
    pub cancel_amount: u64,
    pub currency: &'a str,
    pub status: &'a str,
    pub sandbox: bool,
    pub channel: Option<&'a str>,
    pub pay_method: Option<&'a str>,
    pub pg_provider: Option<&'a str>,
    pub pg_tid: Option<&'a str>,
    pub apply_num: Option<&'a str>,
    pub card_code: Option<&'a str>,
    pub card_name: Option<&'a str>,
    pub card_number: Option<&'a str>,
    pub card_quota: Option<u32>,
    pub name: Option<&'a str>,
    pub customer_uid: Option<&'a str>,
    pub paid_at: Option<u64>,
}

/// The least that the rules demand of a record. Its text has neither version nor check sum.
#[derive(Serialize)]
pub struct MinimalRecord<'a> {
    /// Tells it from another under its key (R2).
    pub attempt: &'a str,
    /// Its name (R3).
    pub environment: &'a str,
    pub product: &'a str,
    pub terminal: &'a str,
    pub number: &'a str,
    pub kind: &'a str,
    /// Clocks (R4, R25).
    pub made_at: u64,
    pub send_by: u64,
    /// The same data under a known number (R3).
    pub fingerprint: &'a str,
    /// The amount and its parts, in won.
    pub amount: [u64; 4],
    /// Whether somebody is to be asked (R19).
    pub accept_step: bool,
    /// What a net-cancel repeats byte for byte (R10).
    pub net_cancel: &'a str,
    /// Where it stands.
    pub stage: &'a str,
    pub pending: &'a str,
    /// The budget and evidence of a rescue (R13, R14).
    pub rescue: [u64; 7],
    /// What a cancel and a slip need, once it is known (R18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<[&'a str; 9]>,
    /// What happened, and when (R10).
    pub history: &'a [(u64, &'a str)],
}

/// What the bare libraries need, made once.
pub struct Floor {
    key: Hmac<Sha256>,
    body: Vec<u8>,
    record: Vec<u8>,
    signature: [u8; 44],
}

impl Default for Floor {
    fn default() -> Self {
        Self::new()
    }
}

impl Floor {
    /// Keyed, with buffers that never grow.
    #[must_use]
    pub fn new() -> Self {
        Floor { record: Vec::with_capacity(4096), ..Self::for_requests() }
    }

    /// With room for one request, and none for a record.
    #[must_use]
    pub fn for_requests() -> Self {
        let key = Hmac::new_from_slice(super::ours::SECRET.as_bytes()).expect("any length will do");
        Floor { key, body: Vec::with_capacity(1024), record: Vec::new(), signature: [0; 44] }
    }

    /// A message as JSON, in a kept buffer.
    pub fn write(&mut self, message: &impl Serialize) -> &[u8] {
        self.body.clear();
        serde_json::to_writer(&mut self.body, message).expect("strings and numbers");
        black_box(&self.body)
    }

    /// The signature over what was written (spec A.2).
    #[must_use]
    pub fn sign(&self) -> [u8; 44] {
        let mut mac = self.key.clone();
        for part in [
            super::ours::CHANNEL,
            "/smpy/kiccpay/reqAprv",
            "1850000000000",
            "03030303-0303-4303-8303-030303030303",
        ] {
            mac.update(part.as_bytes());
        }
        mac.update(&self.body);
        let mut text = [0; 44];
        Base64::encode(&mac.finalize().into_bytes(), &mut text).expect("32 bytes take 44 characters");
        black_box(text)
    }

    /// What was written last.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Signs what was written, and keeps the signature.
    pub fn sign_kept(&mut self) {
        self.signature = self.sign();
    }

    /// The signature that was kept.
    #[must_use]
    pub fn signature(&self) -> &[u8; 44] {
        &self.signature
    }

    /// A whole life of Simple Payment: the request, its signature, the answer, and three records.
    pub fn life(&mut self, request: &SimpleApproval<'_>, answer: &[u8]) {
        self.write(request);
        let _ = self.sign();
        let reply: SimpleReply<'_> = parse(answer);
        self.record("intent", "approve", None, &HISTORY[..2]);
        self.record("undecided", "nothing", Some(&reply), &HISTORY[..3]);
        self.record("closed", "nothing", Some(&reply), &HISTORY);
    }

    /// An unanswered approval, a net-cancel and its confirmation, with as many records as ours writes.
    pub fn rescue(&mut self, request: &SimpleApproval<'_>, answer: &[u8], records: usize) {
        self.write(request);
        for _ in 0..3 {
            let _ = self.sign();
        }
        for _ in 0..2 {
            let _: SimpleReply<'_> = parse(answer);
        }
        for _ in 0..records {
            self.record("reversing", "net_cancel", None, &HISTORY);
        }
    }

    fn record(
        &mut self,
        stage: &str,
        pending: &str,
        reply: Option<&SimpleReply<'_>>,
        history: &[(u64, &str)],
    ) {
        let approval = reply.map(|reply| {
            [
                reply.aprv_no,
                reply.aprv_dt,
                reply.aprv_tm,
                reply.van_trx_no,
                reply.iss_fm_cd,
                reply.iss_fm_nm,
                reply.purch_fm_cd,
                reply.purch_fm_nm,
                reply.card_confirm_no,
            ]
            .map(Option::unwrap_or_default)
        });
        let Floor { body, record: text, .. } = self;
        let record = MinimalRecord {
            attempt: "07070707070707070707070707070707",
            environment: "test",
            product: "simple",
            terminal: super::ours::TERMINAL,
            number: super::ours::NUMBER,
            kind: "approval",
            made_at: 1_850_000_000_000,
            send_by: 1_850_000_010_000,
            fingerprint: "0123456789abcdef0123456789abcdef",
            amount: [51_004, 4_637, 0, 0],
            accept_step: true,
            net_cancel: std::str::from_utf8(body).expect("JSON"),
            stage,
            pending,
            rescue: [1_850_000_000_000, 0, 0, 0, 0, 0, 1_850_000_040_000],
            approval,
            history,
        };
        text.clear();
        serde_json::to_writer(&mut *text, black_box(&record)).expect("strings and numbers");
        black_box(text);
    }
}

const HISTORY: [(u64, &str); 4] = [
    (1_850_000_000_000, "made"),
    (1_850_000_000_000, "sending"),
    (1_850_000_000_000, "succeeded"),
    (1_850_000_000_000, "closed"),
];

/// An answer into all its fields, borrowed.
///
/// # Panics
/// When it is no such answer.
#[must_use]
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> T {
    let text = std::str::from_utf8(black_box(bytes)).expect("UTF-8");
    black_box(serde_json::from_str(text).expect("the answer"))
}

/// Any JSON, each value taken as it is and none kept.
pub struct Walked;

/// A text that was walked through.
#[must_use]
pub fn walk(text: &str) -> Walked {
    black_box(serde_json::from_str(text).expect("JSON"))
}

impl<'de> Deserialize<'de> for Walked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walker)
    }
}

struct Walker;

impl<'de> Visitor<'de> for Walker {
    type Value = Walked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Walked, E> {
        black_box(value);
        Ok(Walked)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Walked, E> {
        black_box(value);
        Ok(Walked)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Walked, E> {
        black_box(value);
        Ok(Walked)
    }

    fn visit_str<E>(self, value: &str) -> Result<Walked, E> {
        black_box(value);
        Ok(Walked)
    }

    fn visit_unit<E>(self) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Walked, A::Error> {
        while list.next_element::<Walked>()?.is_some() {}
        Ok(Walked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Walked, A::Error> {
        while map.next_entry::<Walked, Walked>()?.is_some() {}
        Ok(Walked)
    }
}
