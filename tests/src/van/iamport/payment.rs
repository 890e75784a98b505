//! A payment as i'mport keeps it and shows it (spec §3).

use serde_json::{Value, json};

use crate::van::IamportSettings;
use crate::van::fields::Message;
use crate::van::json::Object;

/// What a payment is to be, as it was asked for.
#[derive(Clone, Default)]
pub(super) struct Draft {
    pub(super) merchant_uid: String,
    /// Won.
    pub(super) amount: u64,
    /// The exempt part of it.
    pub(super) tax_free: u64,
    pub(super) name: String,
    pub(super) pay_method: String,
    /// `api`, `pc` or `mobile`.
    pub(super) channel: &'static str,
    pub(super) customer_uid: Option<String>,
    /// `issue` or `payment`.
    pub(super) usage: Option<&'static str>,
    pub(super) card_quota: u64,
    pub(super) escrow: bool,
    /// `buyer_*`.
    pub(super) buyer: Object,
    pub(super) custom_data: Option<String>,
    pub(super) notice_url: Option<String>,
}

/// The fields about the buyer.
const BUYER: [&str; 5] = ["buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode"];

/// Where a payment stands, whatever was given back.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Ready,
    /// With the card company's approval number.
    Paid(String),
    /// For this reason.
    Failed(String),
}

/// A payment.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) imp_uid: String,
    pub(super) of: Draft,
    pub(super) standing: Standing,
    /// Unix seconds, as are the other times; 0 where it has not happened.
    pub(super) started_at: u64,
    pub(super) paid_at: u64,
    pub(super) failed_at: u64,
    pub(super) updated_at: u64,
    /// The virtual account that was issued for it.
    pub(super) account: Option<String>,
    pub(super) cancels: Vec<Cancel>,
}

/// A refund.
#[derive(Clone)]
pub(super) struct Cancel {
    pub(super) amount: u64,
    pub(super) tax_free: u64,
    pub(super) at: u64,
    pub(super) reason: String,
    pub(super) id: String,
}

impl Draft {
    /// Of a charge.
    pub(super) fn of_charge(message: &Message) -> Self {
        let text = |name: &str| message.has(name).then(|| message.text(name).to_owned());
        let buyer = BUYER.iter().filter_map(|name| Some((String::from(*name), text(name)?.into())));
        Self {
            merchant_uid: message.text("merchant_uid").to_owned(),
            amount: message.won("amount"),
            tax_free: message.won("tax_free"),
            name: message.text("name").to_owned(),
            pay_method: "card".into(),
            channel: "api",
            customer_uid: text("customer_uid"),
            usage: Some("payment"),
            card_quota: message.won("card_quota"),
            escrow: false,
            buyer: buyer.collect(),
            custom_data: text("custom_data"),
            notice_url: text("notice_url"),
        }
    }

    /// Of a window's parameters, which were found good.
    pub(super) fn of_window(param: &Object, channel: &'static str) -> Self {
        let text = |name: &str| param.get(name).and_then(Value::as_str).map(str::to_owned);
        let won = |name: &str| param.get(name).and_then(Value::as_u64).unwrap_or(0);
        let buyer = BUYER.iter().filter_map(|name| Some((String::from(*name), text(name)?.into())));
        let direct = param.get("card").and_then(|card| card["direct"]["quota"].as_u64());
        let custom = param.get("custom_data").filter(|data| !data.is_null());
        Self {
            merchant_uid: text("merchant_uid").unwrap_or_default(),
            amount: won("amount"),
            tax_free: won("tax_free"),
            name: text("name").unwrap_or_default(),
            pay_method: text("pay_method").unwrap_or_default(),
            channel,
            customer_uid: text("customer_uid"),
            usage: param.contains_key("customer_uid").then_some("issue"),
            card_quota: direct.unwrap_or(0),
            escrow: param.get("escrow").and_then(Value::as_bool).unwrap_or(false),
            buyer: buyer.collect(),
            custom_data: custom.map(|data| data.as_str().map_or_else(|| data.to_string(), str::to_owned)),
            notice_url: match param.get("notice_url") {
                Some(Value::Array(urls)) => urls.first().and_then(Value::as_str).map(str::to_owned),
                _ => text("notice_url"),
            },
        }
    }
}

impl Payment {
    /// What was given back, in won.
    pub(super) fn given_back(&self) -> u64 {
        self.cancels.iter().map(|cancel| cancel.amount).sum()
    }

    /// What stands, in won; 0 where nothing was ever paid.
    pub(super) fn balance(&self) -> u64 {
        match self.standing {
            Standing::Paid(_) => self.of.amount - self.given_back(),
            _ => 0,
        }
    }

    /// The documented word for how it stands.
    pub(super) fn status(&self, settings: &IamportSettings) -> &'static str {
        match self.standing {
            Standing::Ready => "ready",
            Standing::Failed(_) => "failed",
            Standing::Paid(_) if self.cancels.is_empty() => "paid",
            Standing::Paid(_) if self.balance() > 0 && !settings.partial_is_cancelled => "paid",
            Standing::Paid(_) => "cancelled",
        }
    }

    /// The object of spec §3, with every documented field that KICC supplies.
    pub(super) fn json(&self, settings: &IamportSettings) -> Object {
        let parts = [self.what(settings), self.means(), self.course(settings)];
        let mut object: Object =
            parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect();
        for name in BUYER {
            object.insert(name.to_owned(), self.of.buyer.get(name).cloned().unwrap_or_default());
        }
        object
    }

    fn what(&self, settings: &IamportSettings) -> Value {
        let of = &self.of;
        json!({
            "imp_uid": self.imp_uid, "merchant_uid": of.merchant_uid, "pay_method": of.pay_method,
            "channel": of.channel, "pg_provider": "kicc", "emb_pg_provider": null, "pg_tid": self.tid(),
            "pg_id": settings.mid, "sandbox": settings.sandbox, "escrow": of.escrow, "name": of.name,
            "amount": of.amount, "cancel_amount": self.given_back(), "currency": "KRW",
            "custom_data": of.custom_data, "user_agent": "sandbox", "customer_uid": of.customer_uid,
            "customer_uid_usage": of.usage, "cash_receipt_issued": false,
        })
    }

    /// Card, bank or virtual account.
    fn means(&self) -> Value {
        let method = self.of.pay_method.as_str();
        let card = |value: Value| if method == "card" { value } else { Value::Null };
        let bank = |text: &str| (method == "trans").then(|| text.to_owned());
        let account = |text: &str| self.account.as_ref().map(|_| text.to_owned());
        let at = |time: u64| if self.account.is_some() { time } else { 0 };
        let approval = match &self.standing {
            Standing::Paid(number) => Some(number.as_str()),
            _ => None,
        };
        json!({
            "apply_num": card(approval.into()), "card_code": card("366".into()),
            "card_name": card("신한카드".into()), "card_quota": card(self.of.card_quota.into()),
            "card_number": card("941061******1234".into()), "card_type": card(0.into()),
            "bank_code": bank("004"), "bank_name": bank("국민은행"), "vbank_code": account("088"),
            "vbank_name": account("신한은행"), "vbank_num": self.account, "vbank_holder": null,
            "vbank_date": at(self.started_at + 7 * 24 * 60 * 60), "vbank_issued_at": at(self.started_at),
        })
    }

    /// What happened to it.
    fn course(&self, settings: &IamportSettings) -> Value {
        let last = self.cancels.last();
        let reason = match &self.standing {
            Standing::Failed(reason) => Some(reason.as_str()),
            _ => None,
        };
        let receipt = (self.paid_at > 0).then(|| format!("https://receipt.invalid/{}", self.imp_uid));
        let history: Vec<Value> = self.cancels.iter().map(|cancel| cancel.json(&self.tid())).collect();
        json!({
            "status": self.status(settings), "started_at": self.started_at, "paid_at": self.paid_at,
            "failed_at": self.failed_at, "cancelled_at": last.map_or(0, |cancel| cancel.at),
            "fail_reason": reason, "cancel_reason": last.map(|cancel| cancel.reason.as_str()),
            "receipt_url": receipt, "cancel_history": history, "cancel_receipt_urls": [],
        })
    }

    /// KICC's own number of it.
    fn tid(&self) -> String {
        self.imp_uid.replacen("imp_", "KICC", 1)
    }
}

impl Cancel {
    fn json(&self, tid: &str) -> Value {
        json!({
            "pg_tid": tid, "amount": self.amount, "cancelled_at": self.at, "reason": self.reason,
            "cancellation_id": self.id, "receipt_url": null
        })
    }
}
