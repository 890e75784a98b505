//! Customers who pay one order after the other, each at a replica of theirs, and at the next one when it does not answer.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use kicc_testkit::van::faults::Plan;
use serde_json::Value;

use super::Fleet;
use crate::{
    http,
    load::{PLANS, order},
};

/// What they buy.
pub struct Customers {
    pub count: usize,
    /// At least so many orders, and until [`Customers::enough`] is set.
    pub orders: u32,
    pub enough: AtomicBool,
    /// Of so many orders one has a fault; 0: none has.
    pub one_fault_in: u32,
    /// How long each of them rests after an order.
    pub rest: Duration,
    pub ordered: AtomicU32,
}

/// Sets [`Customers::enough`] when it is dropped: a panic must not leave them buying for ever.
pub struct UntilDropped<'c>(pub &'c Customers);

impl Drop for UntilDropped<'_> {
    fn drop(&mut self) {
        self.0.enough.store(true, Ordering::SeqCst);
    }
}

impl Customers {
    /// Buys; the numbers, and what was answered.
    pub fn buy(&self, fleet: &Fleet) -> (Vec<String>, Vec<Value>) {
        let bought = Mutex::new((Vec::new(), Vec::new()));
        thread::scope(|scope| {
            for which in 0..self.count {
                let bought = &bought;
                scope.spawn(move || {
                    while let Some(number) = self.next() {
                        let answers = pay(fleet, which, &number);
                        let mut bought = bought.lock().unwrap();
                        bought.0.push(number);
                        bought.1.extend(answers);
                        drop(bought);
                        thread::sleep(self.rest);
                    }
                });
            }
        });
        bought.into_inner().unwrap()
    }

    fn next(&self) -> Option<String> {
        let serial = self.ordered.fetch_add(1, Ordering::SeqCst);
        if serial >= self.orders && self.enough.load(Ordering::SeqCst) {
            return None;
        }
        let plan = match serial.checked_rem(self.one_fault_in) {
            Some(0) => PLANS[(serial / self.one_fault_in) as usize % PLANS.len()].parse().unwrap(),
            _ => Plan::OK,
        };
        Some(plan.number(serial))
    }
}

/// Asks one replica after the other under the same number, until one says where the payment stands.
fn pay(fleet: &Fleet, at: usize, number: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for which in at..at + 6 {
        let Some(url) = fleet.url(which) else { continue };
        let asked =
            http::post_json_within(&format!("{url}/api/approvals"), &order(number), Duration::from_secs(3));
        if let Ok(answer) = asked {
            answers.push(serde_json::from_str(&answer.body).expect("JSON"));
            if answer.status != 503 {
                break;
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    answers
}
