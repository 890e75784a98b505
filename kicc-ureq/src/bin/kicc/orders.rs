//! Orders as JSON, one per line.

use std::{
    collections::HashMap,
    io::{self, BufRead},
    sync::Arc,
};

use kicc_proto::{
    simple::Order,
    values::{
        Amount, AuthorizationId, Instalment, Invalid, Parts, TokenKey, TransactionNumber, UserData, Won,
    },
    wire::{sign::Sign, token_key::Aes256Cbc},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The longest line that is read, in bytes (our choice: far above what all fields together may have).
const LINE_MAX: u64 = 64 * 1024;

/// Makes orders of lines.
pub struct Reader {
    /// Marks authorisations (R3).
    pub signer: Arc<dyn Sign + Send + Sync>,
    /// Enciphers them, where the configuration has a key for that.
    pub cipher: Option<Aes256Cbc>,
    /// Whether numbers may have up to 40 bytes instead of 20.
    pub long_numbers: bool,
}

/// An order and the line that it stands on, from 1.
pub struct Numbered {
    /// The line.
    pub line: usize,
    /// The order.
    pub order: Order,
    /// What later lines with the same number are compared with.
    data: Fields,
}

/// A line that is no order.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1.
    pub line: usize,
    /// The number, if it could be read.
    pub number: Option<String>,
    /// What is wrong: the field and its limit, never a value that may be secret (R23).
    pub why: String,
}

impl Reader {
    /// Reads everything; the bad lines, all of them, if there is one. Empty lines are passed over.
    pub fn all(&self, input: impl BufRead) -> io::Result<Result<Vec<Numbered>, Vec<BadLine>>> {
        let (mut orders, mut bad) = (Vec::<Numbered>::new(), Vec::new());
        let mut first = HashMap::<TransactionNumber, usize>::new();
        self.each(input, |read| {
            match read {
                Err(line) => bad.push(line),
                Ok(numbered) => match first.get(number(&numbered.order)).map(|at| &orders[*at]) {
                    Some(earlier) if earlier.data != numbered.data => bad.push(BadLine {
                        line: numbered.line,
                        number: Some(number(&numbered.order).to_string()),
                        why: format!("line {} has the same number with other data", earlier.line),
                    }),
                    Some(_) => orders.push(numbered),
                    None => {
                        first.insert(number(&numbered.order).clone(), orders.len());
                        orders.push(numbered);
                    }
                },
            }
            true
        })?;
        Ok(if bad.is_empty() { Ok(orders) } else { Err(bad) })
    }

    /// Reads line by line until the end, or until `take` says `false`.
    pub fn each(
        &self,
        mut input: impl BufRead,
        mut take: impl FnMut(Result<Numbered, BadLine>) -> bool,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            if io::Read::take(&mut input, LINE_MAX).read_until(b'\n', &mut text)? == 0 {
                break;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let read = if text.len() as u64 == LINE_MAX && !text.ends_with(b"\n") {
                input.skip_until(b'\n')?;
                Err((None, format!("is longer than {LINE_MAX} bytes")))
            } else {
                self.order(&text)
            };
            let read = match read {
                Ok((order, data)) => Ok(Numbered { line, order, data }),
                Err((number, why)) => Err(BadLine { line, number, why }),
            };
            if !take(read) {
                break;
            }
        }
        Ok(())
    }

    fn order(&self, text: &[u8]) -> Result<(Order, Fields), (Option<String>, String)> {
        let text = std::str::from_utf8(text).map_err(|_| (None, "is not UTF-8".to_owned()))?.trim();
        if !text.starts_with('{') {
            return Err((None, "is not a JSON object".into()));
        }
        let fields: Fields = serde_json::from_str(text).map_err(|error| (None, error.to_string()))?;
        match self.checked(&fields) {
            Ok(order) => Ok((order, fields)),
            Err(why) => Err((fields.number.as_ref().and_then(Value::as_str).map(str::to_owned), why)),
        }
    }

    fn checked(&self, fields: &Fields) -> Result<Order, String> {
        let text = required("number", string("number", &fields.number)?)?;
        let number = if self.long_numbers { TransactionNumber::new_long } else { TransactionNumber::new };
        let number = number(text).map_err(plain)?;
        let parts = Parts {
            vat: won("vat", &fields.vat)?.unwrap_or_default(),
            service_charge: won("service_charge", &fields.service_charge)?.unwrap_or_default(),
            tax_free: won("tax_free", &fields.tax_free)?.unwrap_or_default(),
        };
        let amount = required("amount", won("amount", &fields.amount)?)?;
        let amount = Amount::new(amount, parts).map_err(plain)?;
        let token_key = string("token_key", &fields.token_key)?;
        let authorization = string("authorization_id", &fields.authorization_id)?;
        let mut order = match (token_key, authorization) {
            (Some(token_key), None) => Order::new(number, amount, TokenKey::new(token_key).map_err(plain)?),
            (None, Some(id)) => {
                let id = AuthorizationId::new(id).map_err(plain)?;
                let cipher = self.cipher.as_ref();
                let cipher =
                    cipher.ok_or("authorization_id: needs [secrets] token_key in the configuration")?;
                Order::authorised(number, amount, &id, cipher, &*self.signer)
                    .map_err(|error| error.to_string())?
            }
            _ => return Err("token_key or authorization_id: exactly one of them must be there".into()),
        };
        if let Some(instalment) = string("instalment", &fields.instalment)? {
            order = order.instalment(Instalment::new(instalment).map_err(plain)?);
        }
        if let Some(user_data) = string("user_data", &fields.user_data)? {
            order = order.user_data(UserData::new(user_data).map_err(plain)?);
        }
        Ok(order)
    }
}

/// Any values, so that no message of the JSON reader can quote one (R23): it only meets unknown and doubled keys.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, deserialize_with = "some")]
    number: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    amount: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    vat: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    service_charge: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    tax_free: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    instalment: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    token_key: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    authorization_id: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    user_data: Option<Value>,
}

/// An explicit `null` is a value like any other, and then a wrong one.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn number(order: &Order) -> &TransactionNumber {
    kicc_proto::product::Order::number(order)
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{field}: is missing"))
}

fn string<'a>(field: &str, value: &'a Option<Value>) -> Result<Option<&'a str>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{field}: must be a text in quotes")),
    }
}

fn won(field: &str, value: &Option<Value>) -> Result<Option<Won>, String> {
    let Some(value) = value else { return Ok(None) };
    value.as_u64().map(|won| Some(Won(won))).ok_or_else(|| format!("{field}: must be a whole number of won"))
}

/// Whether anything was sent is for the caller to say, once for all lines.
fn plain(invalid: Invalid) -> String {
    format!("{}: {}", invalid.field, invalid.problem)
}

#[cfg(test)]
mod tests {
    use kicc_proto::{values::Secret, wire::sign::HmacSha256, wire::token_key::Output};

    use super::*;

    fn read(text: &str) -> Result<Vec<Numbered>, Vec<BadLine>> {
        let key = Secret::from_utf8("01234567890123456789012345678901");
        let iv = Secret::from_utf8("0123456789012345");
        let reader = Reader {
            signer: Arc::new(HmacSha256::new(&Secret::from_utf8("secret"))),
            cipher: Some(Aes256Cbc::new(&key, &iv, Output::Hex).unwrap()),
            long_numbers: false,
        };
        reader.all(text.as_bytes()).unwrap()
    }

    fn bad(line: &str) -> String {
        read(line).err().unwrap().remove(0).why
    }

    #[test]
    fn all_fields_are_read() {
        let line = r#"{"number":"A1","amount":52000,"vat":4727,"service_charge":0,"tax_free":0,"instalment":"03",
            "token_key":"TOKEN","user_data":"일번"}"#;
        let orders = read(&format!(
            "{}\n\n{}",
            line.replace('\n', " "),
            r#"{"number":"A2","amount":1,"authorization_id":"AUTH"}"#
        ));
        let orders = orders.ok().unwrap();
        assert_eq!(orders.iter().map(|order| order.line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(orders[0].order.amount().vat(), Won(4_727));
    }

    /// R5: every field is checked, and the error names it. R23: no value is shown.
    #[test]
    fn r5_r23_bad_lines_name_field_and_limit_and_no_value() {
        let with =
            |rest: &str| bad(&format!(r#"{{"number":"A1","amount":1000,"token_key":"SECRET"{rest}}}"#));
        assert!(with(r#","vatt":1"#).contains("unknown field `vatt`"));
        assert!(with(r#","amount":1"#).contains("duplicate field `amount`"));
        assert!(with(r#","vat":1001"#).starts_with("vat: is above"));
        assert!(with(r#","vat":"1""#).starts_with("vat: must be a whole number"));
        assert!(with(r#","vat":null"#).starts_with("vat: must be a whole number"));
        assert!(with(r#","instalment":"01""#).starts_with("instalment: "));
        assert!(with(r#","authorization_id":"SECRET""#).starts_with("token_key or authorization_id"));
        assert!(bad(r#"{"amount":1}"#).starts_with("number: is missing"));
        assert!(bad(r#"{"number":"A1","amount":0,"token_key":"T"}"#).starts_with("amount: must be from 1"));
        assert!(bad(r#"{"number":"A1","amount":-1,"token_key":"T"}"#).starts_with("amount: "));
        assert!(
            bad(r#"{"number":"123456789012345678901","amount":1,"token_key":"T"}"#).contains("at most 20")
        );
        for secret in [
            r#""SECRET""#,
            r#"{"number":"A","amount":1,"token_key":["SECRET"]}"#,
            r#"{"number":"A","amount":"SECRET","token_key":"SECRET"}"#,
            r#"{"number":"A","amount":1,"token_key":"SECRET "}"#,
            r#"{"number":"A","amount":1,"token_key":"SECRET""#,
            r#"{"number":"A","amount":1,"token_key":"T","user_data":"SECRET|"}"#,
        ] {
            assert!(!bad(secret).contains("SECRET"), "{secret}");
        }
    }

    #[test]
    fn every_bad_line_is_named() {
        let bad = read("{}\n{\"number\":\"A1\"}\nx\n").err().unwrap();
        assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(bad[1].number.as_deref(), Some("A1"));
    }

    /// R3: the same data under one number is a repeat, other data an error.
    #[test]
    fn r3_a_number_may_come_twice_with_the_same_data_only() {
        let line = |amount: u64| format!("{{\"number\":\"A1\",\"amount\":{amount},\"token_key\":\"T\"}}\n");
        assert_eq!(read(&(line(5) + &line(5))).ok().unwrap().len(), 2);
        let bad = read(&(line(5) + &line(6))).err().unwrap();
        assert_eq!((bad[0].line, &*bad[0].why), (2, "line 1 has the same number with other data"));
    }

    #[test]
    fn a_line_without_end_is_refused_and_the_next_one_read() {
        let long = format!("{{\"number\":\"{}\"}}\n{{}}\n", "x".repeat(LINE_MAX as usize));
        let bad = read(&long).err().unwrap();
        assert!(bad[0].why.contains("longer than"), "{}", bad[0].why);
        assert_eq!(bad[1].line, 2);
    }
}
