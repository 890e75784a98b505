//! The request tables of spec B.2, B.4 and B.5 as data, and that of a status query as we suppose it.

use crate::van::clock::Moment;
use crate::van::fields::{self, Field, Is, Message, field, optional};
use crate::van::json::Charset;

/// `orders.do`, spec B.2.
const ORDER: &[Field<'_>] = &[
    field("vanTid", Is::Text(8)),
    field("shopTransactionId", Is::Text(60)),
    field("shopReqDate", Is::Digits(14)),
    field("inflowPath", Is::Word(&["SHP"])),
    field("shopOrderNo", Is::Text(40)),
    field("productNm", Is::Text(500)),
    field("amount", Is::Won),
    field("tax", Is::Won),
    field("returnUrl", Is::Text(1000)),
    optional("completeUrl", Is::Text(1000)),
    field("mallNm", Is::Text(200)),
    field("bussNo", Is::Digits(10)),
    optional("noticeMsg", Is::List(3000)),
];

/// `approval.do`, spec B.4.
pub(super) const APPROVAL: &[Field<'_>] = &[
    field("vanTid", Is::Text(8)),
    field("shopTransactionId", Is::Text(60)),
    field("certControlNo", Is::Text(40)),
    field("approvalReqDate", Is::Digits(8)),
];

/// `cancel.do`, spec B.5.
pub(super) const CANCEL: &[Field<'_>] = &[
    field("vanTid", Is::Text(8)),
    field("shopTransactionId", Is::Text(60)),
    field("controlNo", Is::Text(20)),
    field("approvalReqDate", Is::Digits(8)),
    field("cancelReqDate", Is::Digits(8)),
];

/// Reads a body by a table. An error says everything that is wrong, and no value.
pub(super) fn read(table: &[Field<'_>], body: &[u8], now: Moment) -> Result<Message, Vec<String>> {
    fields::read(table, Charset::EucKr, body, now)
}

/// Reads `orders.do`.
pub(super) fn read_order(body: &[u8], now: Moment) -> Result<Message, Vec<String>> {
    let message = read(ORDER, body, now)?;
    if message.won("amount") == 0 || message.won("tax") > message.won("amount") {
        return Err(vec!["amount is zero, or less than tax".into()]);
    }
    Ok(message)
}

/// Reads a status query, whose date has this name.
pub(super) fn read_status(date: &str, body: &[u8], now: Moment) -> Result<Message, Vec<String>> {
    let table =
        [field("vanTid", Is::Text(8)), field("shopTransactionId", Is::Text(60)), field(date, Is::Digits(8))];
    read(&table, body, now)
}
