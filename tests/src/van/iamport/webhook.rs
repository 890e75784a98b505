//! What i'mport would post to the merchant (spec §7). Nothing is posted: a test fetches it and carries it over.

use serde::{Deserialize, Serialize};

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The `notice_url` of the payment; `None`: the address in the merchant's console.
    pub to: Option<String>,
    /// Which payment.
    pub imp_uid: String,
    /// Its order.
    pub merchant_uid: String,
    /// `ready`, `paid` or `cancelled`.
    pub status: String,
    /// Of a refund only.
    pub cancellation_id: Option<String>,
}

impl Webhook {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let fields = self.fields().map(|(name, value)| (name.to_owned(), value.into()));
        serde_json::Value::Object(fields.collect()).to_string()
    }

    /// The body as a form.
    #[must_use]
    pub fn form(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish()
    }

    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("imp_uid", self.imp_uid.as_str()),
            ("merchant_uid", self.merchant_uid.as_str()),
            ("status", self.status.as_str()),
        ];
        always.into_iter().chain(self.cancellation_id.as_deref().map(|id| ("cancellation_id", id)))
    }
}
