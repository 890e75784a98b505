//! The same of i'mport: its token, payments, registered amounts and billing keys; and a payment object by itself.

use kicc_proto::{
    iamport::{
        AccessToken, ApiKeys, CustomerUid, Expected, GetToken, ImpUid, Payment, Settings, Verdict,
        calls::{self, BillingKey, Prepared, Rest},
        verify,
    },
    values::{Amount, Parts, Won},
    wire::{
        Reply,
        call::{Call, CallError},
    },
};
use serde_json::Value;

use super::{
    super::shop::{CUSTOMER, IMP_UIDS, NUMBER, TOKEN, TOTAL, number},
    excused,
};

/// How many there are.
pub const CALLS: usize = 10;

pub fn check(which: usize, reply: Reply<'_>, text: &str) {
    let settings = Settings::live();
    let (number, imp_uid) = (number(NUMBER), ImpUid::new(IMP_UIDS[0]).unwrap());
    let customer = CustomerUid::new(CUSTOMER).unwrap();
    let amount = Amount::new(Won(TOTAL), Parts::default()).unwrap();
    let told = Told { reply, said: serde_json::from_str(text), is_token: which == 0 };
    match which {
        0 => {
            let keys = ApiKeys::new("key", "secret").unwrap();
            told.judge(GetToken(&keys).read(reply), |granted, said| {
                assert_eq!(said["access_token"].as_str(), Some(granted.token.expose()));
                assert!(granted.life.0 > 0, "a token that has ended");
            });
        }
        1 => told.sent(&calls::payment(&imp_uid, &settings), |payment, said| {
            same_or_absent(payment.as_ref(), said);
            assert!(payment.as_ref().is_none_or(|payment| payment.imp_uid == imp_uid), "R6");
        }),
        2 => told.sent(&calls::latest(&number, &settings), |payment, said| {
            same_or_absent(payment.as_ref(), said);
            assert!(payment.as_ref().is_none_or(|payment| &*payment.merchant_uid == NUMBER), "R6");
        }),
        3 => told.sent(&calls::payments(&number, 1, &settings), |page, said| {
            let listed = said["list"].as_array().map_or(&[][..], Vec::as_slice);
            assert_eq!(page.list.len(), listed.len(), "a payment was lost or made up");
            for (payment, said) in page.list.iter().zip(listed) {
                same(payment, said);
                assert_eq!(&*payment.merchant_uid, NUMBER, "R6");
            }
        }),
        4 => told.sent(&calls::prepare(&number, &amount), |prepared, said| registered(Some(prepared), said)),
        5 => told.sent(&calls::prepare_again(&number, &amount), |prepared, said| {
            registered(prepared.as_ref(), said);
        }),
        6 => told.sent(&calls::prepared(&number), |prepared, said| registered(prepared.as_ref(), said)),
        7 => told.sent(&calls::billing_key(&customer), |key, said| stored(key.as_ref(), said)),
        8 => told.sent(&calls::delete_billing_key(&customer, None).unwrap(), |key, said| {
            stored(key.as_ref(), said);
        }),
        _ => match (Payment::from_json(text), told.said) {
            (Ok(payment), Ok(said)) => {
                same(&payment, &said);
                let expected = Expected { merchant_uid: &number, amount: Won(TOTAL), sandbox: false };
                if verify(&expected, &payment) == Verdict::Paid {
                    assert_eq!(said["status"].as_str(), Some("paid"));
                    assert_eq!(said["merchant_uid"].as_str(), Some(NUMBER));
                    assert_eq!(
                        [won(&said["amount"]), won(&said["cancel_amount"])],
                        [Some(TOTAL as f64), Some(0.0)]
                    );
                    assert_ne!(said["sandbox"], true);
                    assert!(said["currency"].is_null() || said["currency"] == "KRW");
                }
            }
            (Ok(_), Err(error)) => excused(&error),
            (Err(_), _) => {}
        },
    }
}

struct Told<'a> {
    reply: Reply<'a>,
    said: serde_json::Result<Value>,
    is_token: bool,
}

impl Told<'_> {
    fn sent<A>(&self, rest: &Rest<A>, success: impl FnOnce(&A, &Value)) {
        let token = AccessToken::new(TOKEN).unwrap();
        self.judge(rest.with(&token, None).read(self.reply), success);
    }

    /// What a success says is compared with `response`.
    fn judge<A>(&self, read: Result<A, CallError>, success: impl FnOnce(&A, &Value)) {
        let Told { reply, said, is_token } = self;
        match (&read, said) {
            (Err(CallError::Unclear(_)), _) => {}
            (Ok(answer), Ok(said)) => {
                let code = said["code"].as_i64().expect("R6: a code is an integer");
                assert!(matches!(reply.status, 200 | 404), "R6: {} was believed", reply.status);
                assert!(reply.status == 200 || code != 0, "R6: 404, and a success");
                success(answer, &said["response"]);
            }
            (Err(CallError::Refused(answer)), Ok(said)) => {
                // To a token alone 401 says something: that the keys are wrong.
                assert!(reply.status == 200 || reply.status == 401 && *is_token, "R6");
                assert_eq!(
                    said["code"].as_i64().map(|code| code.to_string()).as_deref(),
                    Some(&*answer.code)
                );
                assert_ne!(&*answer.code, "0", "R6");
            }
            (_, Err(error)) => excused(error),
        }
    }
}

fn won(amount: &Value) -> Option<f64> {
    amount.as_f64().or_else(|| amount.as_str()?.parse().ok())
}

fn same_or_absent(payment: Option<&Payment>, said: &Value) {
    match payment {
        Some(payment) => same(payment, said),
        None => assert!(said.is_null(), "a payment was lost"),
    }
}

/// R7: what decides is what was said.
fn same(payment: &Payment, said: &Value) {
    assert_eq!(said["imp_uid"].as_str(), Some(payment.imp_uid.as_str()));
    assert_eq!(said["merchant_uid"].as_str(), Some(&*payment.merchant_uid));
    assert_eq!(said["status"].as_str(), Some(payment.status.as_str()));
    let [amount, cancelled] = [payment.amount, payment.cancel_amount].map(|won| Some(won.0 as f64));
    assert_eq!([won(&said["amount"]), won(&said["cancel_amount"])], [amount, cancelled]);
    assert_eq!(said["sandbox"].as_bool(), payment.sandbox);
    assert!(payment.cancel_amount <= payment.amount);
}

fn registered(prepared: Option<&Prepared>, said: &Value) {
    match prepared {
        Some(prepared) => {
            assert_eq!(said["merchant_uid"], NUMBER, "R6");
            assert_eq!(won(&said["amount"]), Some(prepared.amount.0 as f64));
        }
        None => assert!(said.is_null()),
    }
}

fn stored(key: Option<&BillingKey>, said: &Value) {
    if key.is_some() {
        assert_eq!(said["customer_uid"], CUSTOMER, "R6");
    }
}
