//! The request tables of spec A.5 to A.7 as data, and requests read by them.

use serde_json::{Map, Value};

use crate::van::ledger::{Recorded, hash};

/// One line of a request table.
pub(super) struct Field {
    name: &'static str,
    is: Is,
    required: bool,
}

enum Is {
    /// Text of one to so many bytes of UTF-8.
    Text(usize),
    /// Exactly so many digits.
    Digits(usize),
    /// A whole number of won.
    Won,
}

const fn field(name: &'static str, is: Is) -> Field {
    Field { name, is, required: true }
}

const fn optional(name: &'static str, is: Is) -> Field {
    Field { name, is, required: false }
}

/// `reqAprv`, spec A.5.
pub(super) const APPROVAL: &[Field] = &[
    field("tid", Is::Text(10)),
    field("svcId", Is::Text(10)),
    field("bizrNo", Is::Text(10)),
    field("mercTrxNo", Is::Text(40)),
    field("tokenKey", Is::Text(128)),
    field("alotMonth", Is::Digits(2)),
    field("trxAmt", Is::Won),
    field("vatAmt", Is::Won),
    optional("svcAmt", Is::Won),
    optional("taxFreeAmt", Is::Won),
    field("tranDt", Is::Digits(8)),
    field("tranTm", Is::Digits(6)),
    optional("userData", Is::Text(512)),
];

/// `reqCancel`, spec A.6.
pub(super) const CANCEL: &[Field] = &[
    field("tid", Is::Text(10)),
    field("svcId", Is::Text(10)),
    field("bizrNo", Is::Text(10)),
    field("mercTrxNo", Is::Text(40)),
    field("wcc", Is::Text(1)),
    field("cndTrxNo", Is::Text(20)),
    field("alotMonth", Is::Digits(2)),
    field("trxAmt", Is::Won),
    field("vatAmt", Is::Won),
    field("svcAmt", Is::Won),
    field("tranDt", Is::Digits(8)),
    field("tranTm", Is::Digits(6)),
    field("orgAprvDt", Is::Digits(8)),
    field("orgAprvNo", Is::Text(10)),
];

/// `reqRtran`, spec A.7. The token key has the approval's limit, not the 40 bytes of the table: it must be the same value.
pub(super) const NET_CANCEL: &[Field] = &[
    field("tid", Is::Text(10)),
    field("svcId", Is::Text(10)),
    field("bizrNo", Is::Text(10)),
    field("mercTrxNo", Is::Text(40)),
    field("tokenKey", Is::Text(128)),
    field("alotMonth", Is::Digits(2)),
    field("trxAmt", Is::Won),
    field("vatAmt", Is::Won),
    field("svcAmt", Is::Won),
    field("tranDt", Is::Digits(8)),
    field("tranTm", Is::Digits(6)),
];

/// A request whose fields are as its table says.
pub(super) struct Message(Map<String, Value>);

/// Reads a body by a table. An error says everything that is wrong, and no value.
pub(super) fn read(table: &[Field], body: &[u8]) -> Result<Message, Vec<String>> {
    let Ok(Value::Object(map)) = serde_json::from_slice(body) else {
        return Err(vec!["the body is no JSON object".into()]);
    };
    let unknown = map.keys().filter(|name| table.iter().all(|field| field.name != *name));
    let mut problems: Vec<String> = unknown.map(|name| format!("{name} is in no table")).collect();
    for Field { name, is, required } in table {
        match (map.get(*name), is) {
            (None, _) if *required => problems.push(format!("{name} is missing")),
            (Some(value), is) => problems.extend(is.problem(value).map(|what| format!("{name} is {what}"))),
            (None, _) => {}
        }
    }
    let message = Message(map);
    let number = message.text("mercTrxNo");
    if !number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        problems.push("mercTrxNo has characters beyond A-Z a-z 0-9 - _".into());
    }
    let parts = ["vatAmt", "svcAmt", "taxFreeAmt"].map(|name| u128::from(message.won(name)));
    if message.won("trxAmt") == 0 || parts.iter().sum::<u128>() > u128::from(message.won("trxAmt")) {
        problems.push("trxAmt is zero, or less than its parts".into());
    }
    if problems.is_empty() { Ok(message) } else { Err(problems) }
}

impl Is {
    fn problem(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Text(_), Value::String(text)) if text.is_empty() => Some("empty".into()),
            (Self::Text(max), Value::String(text)) if text.len() > *max => Some(format!("over {max} bytes")),
            (Self::Digits(count), Value::String(text))
                if text.len() != *count || !text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Some(format!("not {count} digits"))
            }
            (Self::Text(_) | Self::Digits(_), Value::String(_)) => None,
            (Self::Text(_) | Self::Digits(_), _) => Some("no text".into()),
            (Self::Won, value) => value.as_u64().is_none().then(|| "no whole number".into()),
        }
    }
}

impl Message {
    /// A text field; empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// An amount in won; 0 where it is absent.
    pub(super) fn won(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// What a net-cancel must repeat (spec A.7), the token key as its hash.
    pub(super) fn recorded(&self) -> Recorded {
        NET_CANCEL.iter().map(|field| (field.name, self.as_recorded(field.name))).collect()
    }

    /// One value of [`Message::recorded`].
    pub(super) fn as_recorded(&self, name: &str) -> String {
        match name {
            "tokenKey" => hash(self.text(name).as_bytes()),
            "trxAmt" | "vatAmt" | "svcAmt" => self.won(name).to_string(),
            _ => self.text(name).to_owned(),
        }
    }
}
