//! The VAN's own books: what it saw, what it booked, what it voided, and what the client did wrong.
//!
//! [`Ledger`] is a snapshot to read and compare; [`Books`] is the living thing, behind one mutex, so that the moment
//! at which money moves is one moment for everybody.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::clock::{Moment, machine_now};
use super::faults::Plan;
use super::iamport::Store;

/// A snapshot of the books; also the JSON of `GET /ledger`. Times are Unix milliseconds, amounts are won.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// One entry per terminal and merchant number, sorted by these.
    pub entries: Vec<Entry>,
    /// What the client did against the protocol, one sentence each, in the order of arrival. Empty for a correct client.
    pub violations: Vec<String>,
}

impl Ledger {
    /// The entry of a merchant number; the first by terminal where several terminals use it.
    #[must_use]
    pub fn entry(&self, number: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// Is the customer of this order charged?
    #[must_use]
    pub fn standing(&self, number: &str) -> bool {
        self.entry(number).is_some_and(|entry| entry.state == State::Approved)
    }

    /// How many approval requests arrived under this number.
    #[must_use]
    pub fn approvals(&self, number: &str) -> u32 {
        self.entry(number).map_or(0, |entry| entry.approvals)
    }

    /// The same books with this terminal's entries only. Numbers are unique per terminal, so compare terminal by terminal.
    #[must_use]
    pub fn of_terminal(mut self, terminal: &str) -> Self {
        self.entries.retain(|entry| entry.terminal == terminal);
        self
    }
}

/// What the VAN knows of one merchant number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The merchant's number.
    pub number: String,
    /// The terminal; i'mport's store.
    pub terminal: String,
    /// What the request asked for (the first one, if there were several).
    pub amount: u64,
    /// The faults, such as `hang_after+rescue_reset`; `ok` for none.
    pub plan: String,
    /// How it stands now.
    pub state: State,
    /// Approval requests that arrived. Never more than one from a correct client.
    pub approvals: u32,
    /// Net-cancels that arrived.
    pub net_cancels: u32,
    /// Cancels that arrived and name this number's approval.
    pub cancels: u32,
    /// Status queries and look-ups that arrived and ask for this number, or for a cancel of its approval.
    pub status_queries: u32,
    /// A net-cancel found nothing to void and is remembered: an approval that comes later is refused.
    pub net_cancel_remembered: bool,
    /// Every time that money moved.
    pub charges: Vec<Charge>,
    /// Every request about this number, in the order of arrival.
    pub requests: Vec<Seen>,
    /// The approval's data which a net-cancel must repeat.
    #[serde(skip)]
    pub(crate) recorded: Option<Recorded>,
    /// An approval will be booked later.
    #[serde(skip)]
    pub(crate) booking_pending: bool,
    /// How many rescue messages have failed by plan.
    #[serde(skip)]
    pub(crate) rescues_failed: u32,
    /// How often tokens had been asked for when a rescue message was first called unauthorised by plan.
    #[serde(skip)]
    pub(crate) tokens_asked: Option<u64>,
}

/// Field names with values; secrets are in it as hashes only.
pub(crate) type Recorded = Vec<(&'static str, String)>;

/// How an order stands in the VAN's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was ever booked or declined.
    None,
    /// Declined; nothing is booked.
    Declined,
    /// At least one charge stands.
    Approved,
    /// Charged, and every charge is voided.
    Voided,
}

/// Money that moved, and perhaps moved back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Won.
    pub amount: u64,
    /// The card company's approval number, 8 digits.
    pub approval_number: String,
    /// The VAN's own number (Simple Payment's `vanTrxNo`, EasyTalkPay's `controlNo`), `V` and 11 digits; i'mport's
    /// `imp_uid`.
    pub van_number: String,
    /// The card company's approval date in Korea, `yyyyMMdd`.
    pub approval_date: String,
    /// The card company's approval time in Korea, `HHmmss`.
    pub approval_time: String,
    /// The masked card number.
    pub card: String,
    /// When it was booked.
    pub booked_at: u64,
    /// Won of it that partial refunds have given back.
    #[serde(default)]
    pub refunded: u64,
    /// When and by what it was voided.
    pub voided: Option<Voided>,
}

/// The end of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voided {
    /// When.
    pub at: u64,
    /// By what kind of request.
    pub by: Kind,
}

/// The kinds of request that a ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Asks for money.
    Approval,
    /// Voids an approval whose outcome is not known.
    NetCancel,
    /// Cancels a known approval.
    Cancel,
    /// Asks what became of an approval or a cancel.
    StatusQuery,
}

/// One request, and what the VAN did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it had arrived whole.
    pub at: u64,
    /// What it was.
    pub kind: Kind,
    /// SHA-256 of the body in hex: two requests with the same body have the same value. Absent for what the VAN did
    /// later by itself.
    pub body: Option<String>,
    /// What became of it, in words.
    pub did: String,
}

/// Terminal and merchant number.
pub(crate) type Key = (String, String);

/// A request as its idempotency key and its status query know it (spec C.1).
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The VAN's day at its arrival: the key lapses with it.
    pub(crate) day: String,
    /// The date that the request stated; empty where it has none.
    pub(crate) date: String,
    /// The entry that it is about; `None` for what moves no money.
    pub(crate) about: Option<Key>,
}

/// The books as the VAN keeps them.
#[derive(Debug, Default)]
pub(crate) struct Books {
    entries: BTreeMap<Key, Entry>,
    by_van_number: HashMap<String, Key>,
    nonces: HashSet<String>,
    requests: HashMap<Key, Request>,
    /// By the hash of an authorisation, the approval that used it last.
    authorisations: HashMap<String, Key>,
    violations: Vec<String>,
    /// What i'mport knows beside.
    pub(crate) iamport: Store,
}

impl Books {
    pub(crate) fn snapshot(&self) -> Ledger {
        Ledger { entries: self.entries.values().cloned().collect(), violations: self.violations.clone() }
    }

    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Notes a nonce; false if it was used before.
    pub(crate) fn nonce_is_fresh(&mut self, nonce: &str) -> bool {
        self.nonces.insert(nonce.to_owned())
    }

    pub(crate) fn entry(&mut self, key: &Key) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(crate) fn entry_or_new(&mut self, key: &Key, amount: u64, plan: Plan) -> &mut Entry {
        self.entries.entry(key.clone()).or_insert_with(|| Entry {
            number: key.1.clone(),
            terminal: key.0.clone(),
            amount,
            plan: plan.to_string(),
            state: State::None,
            approvals: 0,
            net_cancels: 0,
            cancels: 0,
            status_queries: 0,
            net_cancel_remembered: false,
            charges: Vec::new(),
            requests: Vec::new(),
            recorded: None,
            booking_pending: false,
            rescues_failed: 0,
            tokens_asked: None,
        })
    }

    pub(crate) fn key_of_van_number(&self, van_number: &str) -> Option<Key> {
        self.by_van_number.get(van_number).cloned()
    }

    /// Notes a request under its key; false if that key was used on the same day, and then nothing is noted.
    pub(crate) fn request_is_fresh(&mut self, key: &Key, request: Request) -> bool {
        let fresh = self.requests.get(key).is_none_or(|before| before.day != request.day);
        if fresh {
            self.requests.insert(key.clone(), request);
        }
        fresh
    }

    /// What came last under this key.
    pub(crate) fn request_of(&self, key: &Key) -> Option<Request> {
        self.requests.get(key).cloned()
    }

    /// Notes that an approval uses an authorisation, and gives the other approval that used it and was booked.
    pub(crate) fn authorise(&mut self, authorisation: &str, key: &Key) -> Option<&Entry> {
        let before = self.authorisations.insert(hash(authorisation.as_bytes()), key.clone())?;
        let other = self.entries.get(&before).filter(|_| before != *key)?;
        if other.charges.is_empty() && !other.booking_pending {
            return None;
        }
        self.authorisations.insert(hash(authorisation.as_bytes()), before);
        Some(other)
    }

    /// Moves the money. This is the moment of booking.
    pub(crate) fn book(&mut self, key: &Key, amount: u64, now: Moment) -> Option<Charge> {
        let serial = self.by_van_number.len() as u64 + 1;
        let approval_number = format!("{:08}", 10_000_000 + serial % 90_000_000);
        let van_number = self.iamport.pay(key, amount, &approval_number, now.unix);
        let charge = Charge {
            amount,
            approval_number,
            van_number: van_number.unwrap_or_else(|| format!("V{serial:011}")),
            approval_date: now.date,
            approval_time: now.time,
            card: format!("9410-61**-****-{:04}", serial % 10_000),
            booked_at: machine_now(),
            refunded: 0,
            voided: None,
        };
        let entry = self.entries.get_mut(key)?;
        entry.booking_pending = false;
        entry.state = State::Approved;
        entry.charges.push(charge.clone());
        self.by_van_number.insert(charge.van_number.clone(), key.clone());
        Some(charge)
    }
}

impl Entry {
    /// Notes a request; its `did` is filled by [`Entry::did`].
    pub(crate) fn saw(&mut self, kind: Kind, body: &[u8]) {
        *match kind {
            Kind::Approval => &mut self.approvals,
            Kind::NetCancel => &mut self.net_cancels,
            Kind::Cancel => &mut self.cancels,
            Kind::StatusQuery => &mut self.status_queries,
        } += 1;
        self.requests.push(Seen { at: machine_now(), kind, body: Some(hash(body)), did: String::new() });
    }

    /// What the approval stated in a field; empty where it is not known.
    pub(crate) fn recorded(&self, name: &str) -> &str {
        let field = self.recorded.iter().flatten().find(|(own, _)| *own == name);
        field.map_or("", |(_, value)| value)
    }

    /// Says what became of the latest request.
    pub(crate) fn did(&mut self, what: impl Into<String>) {
        if let Some(seen) = self.requests.iter_mut().rev().find(|seen| seen.body.is_some()) {
            seen.did = what.into();
        }
    }

    /// Notes what the VAN does by itself.
    pub(crate) fn did_later(&mut self, kind: Kind, what: &str) {
        self.requests.push(Seen { at: machine_now(), kind, body: None, did: what.to_owned() });
    }

    /// The body hash of the latest request of a kind.
    pub(crate) fn latest_body(&self, kind: Kind) -> Option<&str> {
        self.requests.iter().rev().filter(|seen| seen.kind == kind).find_map(|seen| seen.body.as_deref())
    }

    pub(crate) fn decline(&mut self) {
        if self.charges.is_empty() {
            self.state = State::Declined;
        }
    }

    /// Gives back so many won of a standing charge; what gives back all of it voids it.
    pub(crate) fn refund(&mut self, by: Kind, van_number: &str, amount: u64) {
        let named = |charge: &&mut Charge| charge.van_number == van_number && charge.voided.is_none();
        let Some(charge) = self.charges.iter_mut().find(named) else { return };
        if amount < charge.amount - charge.refunded {
            charge.refunded += amount;
        } else {
            self.void(by, |charge| charge.van_number == van_number);
        }
    }

    /// Voids the latest standing charge that `which` accepts.
    pub(crate) fn void(&mut self, by: Kind, which: impl Fn(&Charge) -> bool) -> Option<Charge> {
        let charge = self.charges.iter_mut().rev().find(|charge| charge.voided.is_none() && which(charge))?;
        charge.voided = Some(Voided { at: machine_now(), by });
        let charge = charge.clone();
        if self.charges.iter().all(|charge| charge.voided.is_some()) {
            self.state = State::Voided;
        }
        Some(charge)
    }
}

/// SHA-256 in hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
