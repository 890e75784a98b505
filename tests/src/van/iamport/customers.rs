//! Billing keys, which are issued in the window only (spec §4.5).

use serde_json::{Value, json};

use super::answers;
use super::payment::Draft;
use super::store::Store;
use crate::van::http::{Answer, Reply};
use crate::van::{IamportSettings, Shared};

/// One customer's card.
#[derive(Clone)]
pub(super) struct Customer {
    of: Draft,
    /// Unix seconds.
    inserted: u64,
    updated: u64,
}

/// Notes an issue; it replaces what was there.
pub(super) fn issue(store: &mut Store, of: Draft, now: u64) {
    let Some(uid) = of.customer_uid.clone() else { return };
    let before = store.customers.get(&uid).and_then(Option::as_ref);
    let inserted = before.map_or(now, |customer| customer.inserted);
    store.customers.insert(uid, Some(Customer { of, inserted, updated: now }));
}

/// May it be charged?
pub(super) fn is_known(shared: &Shared, store: &Store, uid: &str) -> bool {
    find(shared, store, uid).is_some()
}

pub(super) fn show(shared: &Shared, uid: &str) -> Answer {
    Answer::Reply(match find(shared, &shared.books().iamport, uid) {
        Some(customer) => answers::reply(customer.json(uid, &shared.config.iamport)),
        None => unknown(shared, uid),
    })
}

/// `DELETE`; answers what was there.
pub(super) fn delete(shared: &Shared, uid: &str) -> Answer {
    let mut books = shared.books();
    let Some(customer) = find(shared, &books.iamport, uid) else {
        return Answer::Reply(unknown(shared, uid));
    };
    books.iamport.customers.insert(uid.to_owned(), None);
    Answer::Reply(answers::reply(customer.json(uid, &shared.config.iamport)))
}

fn find(shared: &Shared, store: &Store, uid: &str) -> Option<Customer> {
    match store.customers.get(uid) {
        Some(customer) => customer.clone(),
        None => {
            let made_up = shared.config.magic && !uid.starts_with("none");
            made_up.then(|| Customer { of: Draft::default(), inserted: 1, updated: 1 })
        }
    }
}

/// In one of the two ways that are told of it.
fn unknown(shared: &Shared, uid: &str) -> Reply {
    let text = format!("요청하신 customer_uid({uid})로 등록된 정보를 찾을 수 없습니다.");
    match shared.config.iamport.unknown_customer_is_404 {
        true => answers::not_found(&text),
        false => answers::refused(1, &text),
    }
}

impl Customer {
    fn json(&self, uid: &str, settings: &IamportSettings) -> Value {
        let buyer = |name: &str| self.of.buyer.get(name).cloned().unwrap_or_default();
        json!({
            "customer_uid": uid, "pg_provider": "kicc", "pg_id": settings.mid, "sandbox": settings.sandbox,
            "customer_id": null, "card_name": "신한카드", "card_code": "366",
            "card_number": "941061******1234", "card_type": 0,
            "customer_name": buyer("buyer_name"), "customer_tel": buyer("buyer_tel"),
            "customer_email": buyer("buyer_email"), "customer_addr": buyer("buyer_addr"),
            "customer_postcode": buyer("buyer_postcode"), "inserted": self.inserted, "updated": self.updated,
        })
    }
}
