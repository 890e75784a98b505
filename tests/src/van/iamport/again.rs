//! The charge of a billing key (spec §4.1).

use std::sync::Arc;
use std::thread;

use serde_json::Value;

use super::answers::{self, DIALECT};
use super::payment::Draft;
use super::store::Back;
use super::{give_back, key};
use crate::van::choice::plan;
use crate::van::faults::{Fault, Product};
use crate::van::fields::Message;
use crate::van::http::{Answer, Reply};
use crate::van::ledger::{Books, Charge, Key, Kind};
use crate::van::{IamportSettings, Shared, approval, damage};

/// The text of a decline, as the card company gave it.
const OVER_THE_LIMIT: &str = "[8521] 한도초과";

pub(super) fn answer(shared: &Arc<Shared>, message: &Message, body: &[u8]) -> Answer {
    let (key, amount) = (key(shared, message.text("merchant_uid")), message.won("amount"));
    let plan = plan(&shared.config, Product::Iamport, &key.1, amount);
    approval::count(shared, plan);
    let mut books = shared.books();
    let entry = books.entry_or_new(&key, amount, plan);
    if entry.approvals == 0 {
        // A look-up may have come first, which knows no amount.
        (entry.amount, entry.plan) = (amount, plan.to_string());
    }
    entry.saw(Kind::Approval, body);
    let (again, after_query) = (entry.approvals > 1, entry.status_queries > 0);
    let (pending, now) = (entry.booking_pending, message.now.unix);
    if again {
        books.violation(format!("{}: a second approval request", key.1));
    }
    if after_query {
        books.violation(format!("{}: the approval came after a look-up of all its payments", key.1));
    }
    if pending || books.iamport.was_paid(&key.1) {
        return refuse(&mut books, &key, "a duplicate", "이미 결제가 이루어진 거래건입니다.");
    }
    if !super::customers::is_known(shared, &books.iamport, message.text("customer_uid")) {
        return refuse(&mut books, &key, "refused: no such billing key", "등록되지 않은 구매자입니다.");
    }
    books.iamport.expect(&key, Draft::of_charge(message));
    let teller = Teller { settings: &shared.config.iamport };
    match plan.fault {
        Fault::Unauthorized => {
            books.entry_or_new(&key, amount, plan).did("ignored: 401");
            Answer::Reply(answers::unauthorized())
        }
        Fault::Decline => {
            let failed = books.iamport.fail(&key, OVER_THE_LIMIT, now);
            let entry = books.entry_or_new(&key, amount, plan);
            entry.decline();
            entry.did("declined");
            Answer::Reply(teller.as_it_stands(&books, failed))
        }
        Fault::Ready | Fault::ReadyFails => {
            let begun = books.iamport.begin(&key, now);
            let entry = books.entry_or_new(&key, amount, plan);
            entry.booking_pending = true;
            entry.did("ready");
            settle_soon(shared, key, amount, plan.fault);
            Answer::Reply(teller.as_it_stands(&books, begun))
        }
        Fault::PaidTwice => {
            books.entry_or_new(&key, amount, plan).did("booked twice");
            for _ in 0..2 {
                books.book(&key, amount, shared.clock.now());
            }
            Answer::Hang(None)
        }
        Fault::CancelledAtOnce => {
            let entry = books.entry_or_new(&key, amount, plan);
            entry.did("booked");
            entry.did_later(Kind::Cancel, "voided by the VAN itself");
            let Some(charge) = books.book(&key, amount, shared.clock.now()) else { return Answer::Reset };
            let back = Back { amount, tax_free: 0, reason: "승인 직후 취소", now, webhook: false };
            give_back(&mut books, &key, &charge.van_number, back);
            Answer::Reply(teller.as_it_stands(&books, Some(charge.van_number)))
        }
        fault => approval::act(shared, &mut books, &key, amount, fault, &teller),
    }
}

fn refuse(books: &mut Books, key: &Key, did: &str, text: &str) -> Answer {
    if let Some(entry) = books.entry(key) {
        entry.did(did);
    }
    Answer::Reply(answers::refused(1, text))
}

/// Books or fails a ready payment a little later, by itself.
fn settle_soon(shared: &Arc<Shared>, key: Key, amount: u64, fault: Fault) {
    let shared = Arc::clone(shared);
    let settle = move || {
        if fault == Fault::Ready {
            approval::book_late(&shared, &key, amount, fault);
        } else if shared.stop.wait(shared.config.late) {
            let (mut books, now) = (shared.books(), shared.clock.now().unix);
            books.iamport.fail(&key, OVER_THE_LIMIT, now);
            let Some(entry) = books.entry(&key) else { return };
            entry.booking_pending = false;
            entry.decline();
            entry.did_later(Kind::Approval, "failed late");
        }
    };
    // Without a thread it stays ready for ever, which a test that waits for its end shows.
    let _ = thread::Builder::new().stack_size(256 * 1024).spawn(settle);
}

/// Answers one charge.
struct Teller<'a> {
    settings: &'a IamportSettings,
}

impl Teller<'_> {
    fn as_it_stands(&self, books: &Books, imp_uid: Option<String>) -> Reply {
        let payment = imp_uid.and_then(|id| books.iamport.payment(&id));
        answers::reply(payment.map_or(Value::Null, |payment| payment.json(self.settings).into()))
    }
}

impl approval::Teller for Teller<'_> {
    fn not_booked(&self, _: Fault) -> Answer {
        Answer::Reply(answers::refused(1, "PG사 오류로 결제에 실패하였습니다."))
    }

    fn booked(&self, books: &Books, fault: Fault, charge: &Charge) -> Answer {
        let payment = books.iamport.payment(&charge.van_number);
        let mut payment = payment.map(|payment| payment.json(self.settings)).unwrap_or_default();
        let mut put = |name: &str, value: Value| drop(payment.insert(name.into(), value));
        match fault {
            Fault::UnauthorizedAfter => return Answer::Reply(answers::unauthorized()),
            Fault::Http404 => {
                return Answer::Reply(answers::not_found("존재하지 않는 결제정보입니다."));
            }
            Fault::NoPayment => return Answer::Reply(answers::reply(Value::Null)),
            Fault::Duplicate => {
                return Answer::Reply(answers::refused(1, "이미 결제가 이루어진 거래건입니다."));
            }
            Fault::OtherStatus => put("status", "settling".into()),
            Fault::OtherCurrency => put("currency", "USD".into()),
            Fault::AmountText => put("amount", charge.amount.to_string().into()),
            // Amounts are far below the 2^53 won that a double holds.
            Fault::AmountDecimal => put("amount", (charge.amount as f64).into()),
            Fault::AmountMissing => drop(payment.shift_remove("amount")),
            _ => {}
        }
        damage::answer(&DIALECT, fault, answers::done(payment))
    }
}
