//! The same of i'mport: payments that are looked up by their own id or by the order's number, and given back by id and
//! checksum.

use kicc_proto::flow::table::Verb;
use serde_json::Value;

use super::{
    super::super::shop::{IMP_UIDS, Sent, listed, payment, with_code},
    Gateway, Ledger,
};

/// What i'mport does in one way or another, and what the sale is.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The customer paid in the window, before the attempt began.
    pub window: bool,
    /// What is found paid is put to the accept step.
    pub adopts: bool,
    /// A charge whose answer is lost is made twice; in the window, the page asked for another amount.
    pub twice: bool,
    /// A second cancel is answered with the payment, not refused.
    again: bool,
    /// A number without payments is an empty list, not 404.
    empty: bool,
}

impl Habits {
    pub fn of(bits: u8) -> Self {
        let [window, adopts, twice, again, empty] = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
        Habits { window, adopts, twice, again, empty }
    }
}

impl Gateway {
    /// Books what one request can wrongly make of itself.
    pub fn book_again(&mut self) {
        if self.habits.twice {
            self.second = Ledger::Standing;
        }
    }

    /// A charge that the card company refuses.
    pub fn declined(&mut self) -> String {
        self.ledger = Ledger::Failed;
        self.success(IMP_UIDS[0], Ledger::Failed)
    }

    pub(super) fn of_iamport(&mut self, sent: &Sent) -> (u16, String) {
        if sent.verb == Verb::Cancel {
            return (200, self.given_back(&sent.body));
        }
        let payments = [(IMP_UIDS[0], self.ledger), (IMP_UIDS[1], self.second)];
        let known = payments.into_iter().filter(|(_, ledger)| *ledger != Ledger::Nothing);
        if sent.path.starts_with("/payments/findAll/") {
            let list: Vec<_> = known.map(|(imp_uid, ledger)| self.stated(imp_uid, ledger)).collect();
            return match list.is_empty() && !self.habits.empty {
                true => (404, self.code("-1")),
                false => (200, listed(&list)),
            };
        }
        let asked = sent.path.strip_prefix("/payments/").expect("R12: a look-up");
        match known.into_iter().find(|(imp_uid, _)| *imp_uid == asked) {
            Some((imp_uid, ledger)) => (200, self.success(imp_uid, ledger)),
            None => (404, self.code("-1")),
        }
    }

    /// With another balance than the checksum nothing is done.
    fn given_back(&mut self, body: &str) -> String {
        let asked: Value = serde_json::from_str(body).expect("JSON");
        let amounts = [asked["amount"].as_u64(), asked["checksum"].as_u64()];
        assert_eq!(amounts[0], amounts[1], "R16: all that is left");
        let (imp_uid, ledger) = match asked["imp_uid"].as_str() {
            Some(id) if id == IMP_UIDS[0] => (IMP_UIDS[0], &mut self.ledger),
            Some(id) if id == IMP_UIDS[1] => (IMP_UIDS[1], &mut self.second),
            _ => return self.code("1"),
        };
        match *ledger {
            Ledger::Standing if amounts[0] == Some(self.paid) => *ledger = Ledger::Voided,
            Ledger::Voided if self.habits.again => {}
            _ => return self.code("1"),
        }
        self.success(imp_uid, Ledger::Voided)
    }

    fn success(&self, imp_uid: &str, ledger: Ledger) -> String {
        with_code(self.product, "0", &self.stated(imp_uid, ledger))
    }

    fn stated(&self, imp_uid: &str, ledger: Ledger) -> String {
        let (status, cancelled) = match ledger {
            Ledger::Standing => ("paid", 0),
            Ledger::Voided => ("cancelled", self.paid),
            Ledger::Failed => ("failed", 0),
            Ledger::Nothing | Ledger::Ready => ("ready", 0),
        };
        payment(imp_uid, status, self.paid, cancelled)
    }
}
