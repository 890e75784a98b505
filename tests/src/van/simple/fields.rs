//! The request tables of spec A.5 to A.7 as data, and what must hold beyond them.

use crate::van::clock::Moment;
use crate::van::fields::{Field, Is, Message, field, optional};
use crate::van::json::Charset;
use crate::van::ledger::{Recorded, hash};

/// `reqAprv`, spec A.5.
pub(super) const APPROVAL: &[Field<'_>] = &[
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
pub(super) const CANCEL: &[Field<'_>] = &[
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
pub(super) const NET_CANCEL: &[Field<'_>] = &[
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

/// Reads a body by a table. An error says everything that is wrong, and no value.
pub(super) fn read(table: &[Field<'_>], body: &[u8], now: Moment) -> Result<Message, Vec<String>> {
    let message = crate::van::fields::read(table, Charset::Utf8, body, now)?;
    let mut problems = Vec::new();
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

/// What a net-cancel must repeat (spec A.7), the token key as its hash.
pub(super) fn recorded(message: &Message) -> Recorded {
    NET_CANCEL.iter().map(|field| (field.name, as_recorded(message, field.name))).collect()
}

/// One value of [`recorded`].
pub(super) fn as_recorded(message: &Message, name: &str) -> String {
    match name {
        "tokenKey" => hash(message.text(name).as_bytes()),
        "trxAmt" | "vatAmt" | "svcAmt" => message.won(name).to_string(),
        _ => message.text(name).to_owned(),
    }
}
