//! What i'mport remembers beside the ledger: payments, registered amounts, billing keys, windows, webhooks.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::customers::Customer;
use super::payment::{Cancel, Draft, Payment, Standing};
use super::webhook::Webhook;
use super::window::Window;
use crate::van::ledger::Key;

/// All of it.
#[derive(Default)]
pub(crate) struct Store {
    payments: Vec<Payment>,
    /// What the next booking under an order's key pays: the ready payment of that id, or a new one.
    drafts: HashMap<Key, (Draft, Option<String>)>,
    /// Registered amounts in won.
    pub(super) prepared: BTreeMap<String, u64>,
    /// By `customer_uid`; `None`: it was deleted.
    pub(super) customers: BTreeMap<String, Option<Customer>>,
    pub(super) windows: HashMap<String, Window>,
    webhooks: Vec<Webhook>,
    /// The cancels of parts by what they name themselves, as they came first.
    parts: HashMap<String, Vec<u8>>,
}

/// Billing keys are secrets, and buyers private (R23).
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} payments)", self.payments.len())
    }
}

/// A refund to be noted.
pub(super) struct Back<'a> {
    pub(super) amount: u64,
    pub(super) tax_free: u64,
    pub(super) reason: &'a str,
    /// Unix seconds.
    pub(super) now: u64,
    /// Whether the merchant wants to hear of it.
    pub(super) webhook: bool,
}

impl Store {
    /// What the next booking under this key is about.
    pub(super) fn expect(&mut self, key: &Key, draft: Draft) {
        self.drafts.insert(key.clone(), (draft, None));
    }

    /// The payment that the key's draft becomes, not yet paid. Its id.
    pub(super) fn begin(&mut self, key: &Key, now: u64) -> Option<String> {
        let (draft, _) = self.drafts.get(key)?.clone();
        let id = self.add(draft.clone(), now);
        self.drafts.insert(key.clone(), (draft, Some(id.clone())));
        Some(id)
    }

    /// Takes a payment that was begun as the one that the next booking under its key pays.
    pub(super) fn resume(&mut self, key: &Key, imp_uid: &str) {
        if let Some(payment) = self.payment(imp_uid) {
            self.drafts.insert(key.clone(), (payment.of.clone(), Some(imp_uid.to_owned())));
        }
    }

    /// Marks as paid what a booking under this key pays. Its id; `None` where the order is not i'mport's.
    pub(crate) fn pay(&mut self, key: &Key, amount: u64, approval_number: &str, now: u64) -> Option<String> {
        let id = self.settle(key, now)?;
        let payment = self.payment_mut(&id)?;
        payment.of.amount = amount;
        payment.standing = Standing::Paid(approval_number.to_owned());
        payment.paid_at = now;
        self.notify(&id, "paid", None);
        Some(id)
    }

    /// Marks as failed what the key's draft would have paid. Its id.
    pub(super) fn fail(&mut self, key: &Key, reason: &str, now: u64) -> Option<String> {
        let id = self.settle(key, now)?;
        let payment = self.payment_mut(&id)?;
        payment.standing = Standing::Failed(reason.to_owned());
        payment.failed_at = now;
        Some(id)
    }

    fn settle(&mut self, key: &Key, now: u64) -> Option<String> {
        let (draft, begun) = self.drafts.get_mut(key)?;
        let (draft, begun) = (draft.clone(), begun.take());
        let id = begun.unwrap_or_else(|| self.add(draft, now));
        self.payment_mut(&id)?.updated_at = now;
        Some(id)
    }

    /// Marks the issue of a billing key as done: `paid`, though no money moves.
    pub(super) fn issue(&mut self, imp_uid: &str, now: u64) {
        if let Some(payment) = self.payment_mut(imp_uid) {
            payment.standing = Standing::Paid(String::new());
            (payment.paid_at, payment.updated_at) = (now, now);
        }
        self.notify(imp_uid, "paid", None);
    }

    /// Gives a ready payment its virtual account.
    pub(super) fn open_account(&mut self, imp_uid: &str) {
        if let Some(payment) = self.payment_mut(imp_uid) {
            payment.account = Some(format!("110-{}", &imp_uid[4..]));
        }
        self.notify(imp_uid, "ready", None);
    }

    /// Whether the cancel of a part came before as another one.
    pub(super) fn is_another_cancel(&mut self, reason: &str, body: &[u8]) -> bool {
        self.parts.entry(reason.to_owned()).or_insert_with(|| body.to_vec()) != body
    }

    /// Notes a refund. The id of the cancellation.
    pub(super) fn cancel(&mut self, imp_uid: &str, back: Back<'_>) -> String {
        let Some(payment) = self.payment_mut(imp_uid) else { return String::new() };
        let Back { amount, tax_free, reason, now, webhook } = back;
        let id = format!("cancellation_{}_{}", &imp_uid[4..], payment.cancels.len() + 1);
        payment.cancels.push(Cancel { amount, tax_free, at: now, reason: reason.to_owned(), id: id.clone() });
        payment.updated_at = now;
        if webhook {
            self.notify(imp_uid, "cancelled", Some(id.clone()));
        }
        id
    }

    pub(super) fn payment(&self, imp_uid: &str) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.imp_uid == imp_uid)
    }

    /// The payments of an order, the oldest first.
    pub(super) fn of(&self, merchant_uid: &str) -> impl DoubleEndedIterator<Item = &Payment> {
        self.payments.iter().filter(move |payment| payment.of.merchant_uid == merchant_uid)
    }

    /// Was an order ever paid?
    pub(super) fn was_paid(&self, merchant_uid: &str) -> bool {
        self.of(merchant_uid).any(|payment| matches!(payment.standing, Standing::Paid(_)))
    }

    pub(crate) fn webhooks(&self) -> Vec<Webhook> {
        self.webhooks.clone()
    }

    fn add(&mut self, of: Draft, now: u64) -> String {
        let imp_uid = format!("imp_{:012}", self.payments.len() + 1);
        self.payments.push(Payment {
            imp_uid: imp_uid.clone(),
            of,
            standing: Standing::Ready,
            started_at: now,
            paid_at: 0,
            failed_at: 0,
            updated_at: now,
            account: None,
            cancels: Vec::new(),
        });
        imp_uid
    }

    fn payment_mut(&mut self, imp_uid: &str) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.imp_uid == imp_uid)
    }

    fn notify(&mut self, imp_uid: &str, status: &str, cancellation_id: Option<String>) {
        let Some(payment) = self.payment(imp_uid) else { return };
        self.webhooks.push(Webhook {
            to: payment.of.notice_url.clone(),
            imp_uid: imp_uid.to_owned(),
            merchant_uid: payment.of.merchant_uid.clone(),
            status: status.to_owned(),
            cancellation_id,
        });
    }
}
