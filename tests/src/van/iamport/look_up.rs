//! Look-ups (spec §4.2), and what the rescue faults make of them.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::payment::{Payment, Standing};
use super::store::Back;
use super::{answers, give_back, key, pairs, spoil};
use crate::van::choice::plan;
use crate::van::clock::machine_now;
use crate::van::faults::{Product, Rescue};
use crate::van::http::{Answer, Reply, Request};
use crate::van::ledger::{Books, Key, Kind};
use crate::van::{Shared, approval, rescue};

const NOT_FOUND: &str = "존재하지 않는 결제정보입니다.";
const STATUSES: [&str; 4] = ["ready", "paid", "failed", "cancelled"];
const SORTINGS: [&str; 3] = ["started", "paid", "updated"];

/// What is asked for.
struct Asked<'a> {
    request: &'a Request,
    of: Of<'a>,
    status: Option<&'a str>,
    query: Query,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of<'a> {
    /// A payment.
    Id(&'a str),
    /// The first payment of an order.
    First(&'a str),
    /// All payments of an order.
    All(&'a str),
}

struct Query {
    include_sandbox: bool,
    /// From 1.
    page: usize,
    limit: usize,
    /// One of [`SORTINGS`], with a `-` where the latest comes first.
    sorting: String,
}

/// `GET /payments/{imp_uid}`.
pub(super) fn one(shared: &Shared, request: &Request, imp_uid: &str) -> Answer {
    look_up(shared, request, Of::Id(imp_uid), None)
}

/// `GET /payments/find/{merchant_uid}`, or of one status.
pub(super) fn first(shared: &Shared, request: &Request, number: &str, status: Option<&str>) -> Answer {
    look_up(shared, request, Of::First(number), status)
}

/// `GET /payments/findAll/{merchant_uid}`, or of one status.
pub(super) fn all(shared: &Shared, request: &Request, number: &str, status: Option<&str>) -> Answer {
    look_up(shared, request, Of::All(number), status)
}

/// `GET /payments?imp_uid[]=…&merchant_uid[]=…`; 207 where some are not there.
pub(super) fn many(shared: &Shared, query: &str) -> Answer {
    let pairs = pairs(query);
    let ids: Vec<_> = pairs.iter().filter(|(name, _)| name.ends_with("_uid[]")).collect();
    if ids.is_empty() || ids.len() > 100 {
        return bad(shared, "/payments", "between 1 and 100 ids are wanted");
    }
    let sandbox = pairs.iter().any(|(name, value)| name == "include_sandbox" && value == "true");
    let (books, settings) = (shared.books(), &shared.config.iamport);
    let find = |(name, value): &&&(String, String)| match name.as_str() {
        "imp_uid[]" => books.iamport.payment(value),
        _ => books.iamport.of(value).next_back(),
    };
    let found = ids.iter().filter_map(|id| find(&id)).filter(|_| sandbox || !settings.sandbox);
    let found: Vec<Value> = found.map(|payment| payment.json(settings).into()).collect();
    Answer::Reply(match found.len() {
        0 => answers::not_found(NOT_FOUND),
        count if count < ids.len() => Reply { status: 207, ..answers::reply(found) },
        _ => answers::reply(found),
    })
}

fn look_up(shared: &Shared, request: &Request, of: Of<'_>, status: Option<&str>) -> Answer {
    shared.counts().status_queries += 1;
    let asked = match Query::read(request) {
        Ok(query) if status.is_none_or(|status| STATUSES.contains(&status)) => {
            Asked { request, of, status, query }
        }
        Ok(_) => return bad(shared, "/payments/find", "no such status"),
        Err(what) => return bad(shared, "/payments/find", what),
    };
    let mut books = shared.books();
    let number = match of {
        Of::Id(imp_uid) => books.iamport.payment(imp_uid).map(|payment| payment.of.merchant_uid.clone()),
        Of::First(number) | Of::All(number) => Some(number.to_owned()),
    };
    let Some(number) = number else { return Answer::Reply(answers::not_found(NOT_FOUND)) };
    asked.answer(shared, &mut books, &key(shared, &number))
}

impl Query {
    fn read(request: &Request) -> Result<Self, &'static str> {
        let mut query = Self { include_sandbox: false, page: 1, limit: 20, sorting: "-started".into() };
        for (name, value) in pairs(request.path.split_once('?').map_or("", |(_, query)| query)) {
            match name.as_str() {
                "include_sandbox" => {
                    query.include_sandbox = value.parse().map_err(|_| "include_sandbox is no flag")?;
                }
                "page" => query.page = value.parse().ok().filter(|page| *page > 0).ok_or("no such page")?,
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=1000).contains(limit));
                    query.limit = limit.ok_or("limit is not from 1 to 1000")?;
                }
                "sorting" if SORTINGS.contains(&value.trim_start_matches('-')) => query.sorting = value,
                "sorting" => return Err("no such sorting"),
                _ => return Err("a parameter that is in no table"),
            }
        }
        Ok(query)
    }
}

fn bad(shared: &Shared, path: &str, what: &str) -> Answer {
    shared.counts().malformed += 1;
    shared.books().violation(format!("{path}: {what}"));
    Answer::Reply(answers::bad_request("잘못된 파라미터입니다."))
}

impl Asked<'_> {
    fn answer(&self, shared: &Shared, books: &mut Books, key: &Key) -> Answer {
        let amount = books.entry(key).map_or(0, |entry| entry.amount);
        let plan = plan(&shared.config, Product::Iamport, &key.1, amount);
        if let Of::All(_) = self.of {
            books.entry_or_new(key, amount, plan);
        }
        let mut spoiled = None;
        let paged = plan.rescue == Some(Rescue::QueryPaged);
        if let Some(entry) = books.entry(key) {
            entry.saw(Kind::StatusQuery, self.request.path.as_bytes());
            approval::given_up(shared, books, key, plan.fault);
        }
        if let Some(entry) = books.entry(key)
            && !(paged && self.query.page > 1)
        {
            spoiled = match spoil(shared, entry, plan, Kind::StatusQuery) {
                Ok(spoiled) => spoiled,
                Err(answer) => return answer,
            };
            let began = entry.requests.first().map_or(0, |seen| seen.at);
            let lag = u64::try_from(shared.config.late.as_millis()).unwrap_or(u64::MAX);
            if plan.rescue == Some(Rescue::QueryLags) && machine_now() < began.saturating_add(lag) {
                entry.did("not found: not yet");
                return Answer::Reply(answers::not_found(NOT_FOUND));
            }
        }
        interfere(shared, books, key, spoiled);
        let found = self.find(shared, books, &key.1);
        let did = found.iter().map(|payment| payment.status(&shared.config.iamport)).collect::<Vec<_>>();
        let did = if did.is_empty() { "not found".into() } else { format!("found {}", did.join(", ")) };
        if let Some(entry) = books.entry(key) {
            entry.did(did);
        }
        let decoy = (paged && (spoiled.is_some() || self.query.page > 1)).then(|| decoy(&found)).flatten();
        let mut reply = match spoiled {
            _ if found.is_empty() => answers::not_found(NOT_FOUND),
            Some(Rescue::QueryNeither) => answers::reply(Value::Null),
            Some(Rescue::QueryHtml404) => {
                let html = "<html><head><title>404 Not Found</title></head></html>\n";
                Reply { content_type: "text/html", ..Reply::text(404, html) }
            }
            _ => answers::reply(self.shape(shared, found, spoiled, decoy)),
        };
        if spoiled == Some(Rescue::QueryBroken) {
            reply.body.truncate(reply.body.len() / 2);
        }
        rescue::done(spoiled, reply)
    }

    /// What there is, in the order that was asked for.
    fn find(&self, shared: &Shared, books: &Books, number: &str) -> Vec<Payment> {
        let settings = &shared.config.iamport;
        let shown = match self.of {
            _ if !settings.sandbox => true,
            Of::Id(_) => self.query.include_sandbox,
            Of::First(_) | Of::All(_) => self.query.include_sandbox && settings.lists_show_sandbox,
        };
        let is_meant = |payment: &&Payment| match self.of {
            Of::Id(imp_uid) => payment.imp_uid == imp_uid,
            _ => self.status.is_none_or(|status| payment.status(settings) == status),
        };
        let mut found: Vec<Payment> =
            books.iamport.of(number).filter(is_meant).filter(|_| shown).cloned().collect();
        let sorting = match (self.of, self.status) {
            (Of::First(_), Some(_)) => "-started",
            _ => &self.query.sorting,
        };
        let time = |payment: &Payment| match sorting.trim_start_matches('-') {
            "paid" => payment.paid_at,
            "updated" => payment.updated_at,
            _ => payment.started_at,
        };
        if sorting.starts_with('-') {
            found.sort_by_key(|payment| Reverse((time(payment), payment.imp_uid.clone())));
        } else {
            found.sort_by_key(|payment| (time(payment), payment.imp_uid.clone()));
        }
        found
    }

    /// A payment, or a page of them; a decoy makes every payment a page of its own, itself the first.
    fn shape(
        &self,
        shared: &Shared,
        found: Vec<Payment>,
        spoiled: Option<Rescue>,
        decoy: Option<Payment>,
    ) -> Value {
        let show = |payment: &Payment| {
            let mut object = payment.json(&shared.config.iamport);
            match spoiled {
                Some(Rescue::QueryForeign) => {
                    object.insert("merchant_uid".into(), "SOMEBODY-ELSES-0001".into());
                }
                Some(Rescue::QueryReady) => {
                    object.extend(
                        [("status", "ready".into()), ("paid_at", 0.into()), ("apply_num", Value::Null)]
                            .map(|(name, value)| (name.to_owned(), value)),
                    );
                }
                _ => {}
            }
            Value::Object(object)
        };
        let Of::All(_) = self.of else { return found.first().map_or(Value::Null, show) };
        let limit = if decoy.is_some() { 1 } else { self.query.limit };
        let list: Vec<Payment> = decoy.into_iter().chain(found).collect();
        let (page, total) = (self.query.page, list.len());
        let from = (page - 1).saturating_mul(limit);
        let shown: Vec<Value> = list.iter().skip(from).take(limit).map(show).collect();
        let next = if from.saturating_add(limit) < total { page + 1 } else { 0 };
        json!({ "total": total, "previous": page - 1, "next": next, "list": shown })
    }
}

/// What befalls the order's payments while they are looked up.
fn interfere(shared: &Shared, books: &mut Books, key: &Key, spoiled: Option<Rescue>) {
    let now = shared.clock.now().unix;
    let standing: Vec<Payment> = books.iamport.of(&key.1).filter(|own| own.balance() > 0).cloned().collect();
    for payment in standing {
        let amount = match spoiled {
            Some(Rescue::QueryCancelled) => payment.balance(),
            Some(Rescue::QueryPartly) if payment.cancels.is_empty() && payment.balance() > 10 => 10,
            _ => return,
        };
        if let Some(entry) = books.entry(key) {
            entry.did_later(Kind::Cancel, &format!("{amount} won given back by the VAN itself"));
        }
        let back = Back { amount, tax_free: 0, reason: "관리자 취소", now, webhook: true };
        give_back(books, key, &payment.imp_uid, back);
    }
}

/// A failed payment of the same order, if it has any payment.
fn decoy(found: &[Payment]) -> Option<Payment> {
    let payment = found.first()?.clone();
    let imp_uid = payment.imp_uid.replacen("imp_0", "imp_9", 1);
    let standing = Standing::Failed("[8521] 한도초과".into());
    Some(Payment {
        imp_uid,
        standing,
        paid_at: 0,
        failed_at: payment.started_at,
        cancels: Vec::new(),
        ..payment
    })
}
