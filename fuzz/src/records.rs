//! A record's text. The first byte says whether the rest is the whole text, or the JSON behind a right check sum, and
//! what is done with the record that it holds.

use kicc_proto::{
    flow::{self, Opening, Step, outcome::Resolution},
    journal::{Row, record::Record},
    product::Merchant,
    time::UnixMillis,
    wire::{MaybeSent, Reply},
};

use super::shop::{IMP_UIDS, Shop, TOTAL, approved, listed, payment, voided};

/// The steps that are taken with a record that may be driven.
const STEPS: usize = 12;

/// R21: what decodes is written again as it was, and R17: whatever decodes can be driven; nothing panics.
///
/// # Panics
/// Where that does not hold.
pub fn check(data: &[u8]) {
    let [how, text @ ..] = data else { return };
    let text = String::from_utf8_lossy(text);
    let text = match how & 1 {
        0 => text.into_owned(),
        _ => format!("kicc/1 {:08x} {text}", crc32fast::hash(text.as_bytes())),
    };
    let Ok(record) = Record::decode(&text) else { return };
    let again = record.encode();
    let decoded = Record::decode(&again.0).expect("what is written can be read");
    assert_eq!(decoded, record, "R21");
    assert_eq!(decoded.encode(), again, "R21");
    let _ = (record.verdict(), record.live(), format!("{record:?}"));
    drive(record, *how);
}

fn drive(record: Record, how: u8) {
    let product = record.key.product;
    let mut shop = Shop::new(product);
    let row = Row {
        key: record.key.clone(),
        kind: record.kind,
        original: record.original.clone(),
        authorisation_mark: record.authorisation_mark,
        live: record.live(),
        standing: record.standing(),
        told: false,
        revision: 7,
        token: 3,
        holder: "two".into(),
        lease_until: UnixMillis(0),
        created_at: record.made_at,
        updated_at: record.made_at,
        suspect: how & 2 != 0,
        record: record.encode(),
    };
    shop.rows.insert(row.key.clone(), row.clone());
    let Shop { now, driver, merchant, .. } = &shop;
    let resolution = Resolution { charged: how & 4 != 0, note: "looked".into() };
    let _ = flow::resolve(row.clone(), resolution, merchant, driver, *now);
    let retried = flow::retry(row.clone(), merchant, driver, *now);
    let _ = flow::refund(&record, u32::from(how >> 6), &opening(merchant, driver), *now);
    let resumed = flow::resume(row, merchant, driver, *now);
    let first = match how & 8 {
        0 => resumed.ok(),
        _ => retried.ok().map(Step::Persist),
    };
    let Some(mut step) = first else { return };
    let key = record.origin.key;
    let mut answers = how >> 4;
    for _ in 0..STEPS {
        answers = answers.rotate_left(3);
        step = match step {
            Step::Persist(persist) => {
                let row = persist.row();
                Record::of_row(&row).expect("a record that is written can be read");
                let written = match shop.rows.contains_key(&key) && row.key == key {
                    true => shop.store(row, persist.expect()),
                    false => return,
                };
                persist.written(Ok(written), shop.now)
            }
            Step::Transmit(transmit) => match shop.encode(transmit) {
                Err(step) => step,
                Ok((sent, in_flight)) => {
                    let one = |status, cancelled| listed(&[payment(IMP_UIDS[0], status, TOTAL, cancelled)]);
                    let bodies = match sent.path.starts_with("/payments/findAll/") {
                        true => [one("cancelled", TOTAL), one("paid", 0)],
                        false => [voided(product), approved(product)],
                    };
                    match answers & 3 {
                        0 => in_flight.lost(shop.now),
                        1 => {
                            in_flight.failed(kicc_proto::wire::Failure::MaybeSent(MaybeSent::Reset), shop.now)
                        }
                        n => {
                            let body = bodies[usize::from(n - 2)].as_bytes();
                            in_flight.reply(Reply { status: 200, content_type: None, body }, shop.now)
                        }
                    }
                }
            },
            Step::Wait(wait) => {
                shop.later(wait.until(0, shop.now).0.saturating_sub(shop.now.mono.0));
                wait.wake(shop.now)
            }
            Step::Settle(settle) if answers & 1 == 0 => settle.accept(shop.now),
            Step::Settle(settle) => settle.refuse(shop.now),
            Step::AskBooks(ask) if answers & 1 == 0 => ask.not_held(shop.now),
            Step::AskBooks(ask) => ask.held(shop.now),
            Step::InFlight(_) | Step::Done(_) => return,
        };
    }
}

fn opening<'a>(merchant: &'a Merchant, driver: &'a flow::Driver) -> Opening<'a> {
    Opening { merchant, driver, attempt: [9; 16] }
}
