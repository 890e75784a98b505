//! What a product can meet: its own rules and readers, every stage, event and fact.

use alloc::{string::String, vec, vec::Vec};
use core::slice;
#[allow(clippy::disallowed_types, reason = "its order does not come into the page: `conditions` sorts")]
use std::collections::HashSet;

use super::super::{easytalk, iamport, scenario::*};
use crate::{
    flow::{
        Opening, PartialRefund, Policy, RefundCall, Step, call_refund,
        said::Unclear,
        table::{Action, End, Event, Facts, FirstSuccess, Message, Row, Stage, Verb, next},
    },
    journal::{
        Kind, Row as Stored,
        record::{Record, Why},
    },
    product::{Moment, Reading},
    time::{Millis, Now},
    values::RefundId,
    wire::{MaybeSent, Reply},
};

/// One way to sell, in each of its configurations that differ in what can happen.
pub struct Way {
    pub name: &'static str,
    /// Heads its column.
    pub short: &'static str,
    scenes: fn() -> Vec<Scene>,
    answers: fn() -> Vec<(u16, String)>,
}

pub const WAYS: [Way; 5] = [
    Way { name: "Simple Payment", short: "S", scenes: || vec![Scene::new()], answers: of_simple },
    Way { name: "EasyTalkPay", short: "E", scenes: || vec![easytalk::scene()], answers: of_easytalk },
    Way {
        name: "EasyTalkPay without a status query",
        short: "E′",
        scenes: || vec![easytalk::without_query(|_| {})],
        answers: of_easytalk,
    },
    Way {
        name: "i'mport, the charge of a billing key",
        short: "I",
        scenes: || vec![iamport::charging(), iamport::adopting()],
        answers: of_iamport,
    },
    Way {
        name: "i'mport, a payment in the window",
        short: "W",
        scenes: || vec![iamport::in_window()],
        answers: of_iamport,
    },
];

/// A row, and with what it was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Met {
    pub kind: Kind,
    pub event: Event,
    pub facts: Facts,
    pub row: Row,
}

/// Everything that a way of selling can meet, and which messages are sent in which stage.
pub struct Reach {
    pub met: Vec<Met>,
    pub sent: Vec<(Kind, Stage, Verb)>,
    /// The ends that a success read late opens again.
    pub reopened: Vec<End>,
}

impl Reach {
    pub fn has(&self, row: Row) -> bool {
        self.met.iter().any(|met| met.row == row)
    }
}

pub fn reach(way: &Way) -> Reach {
    let mut all = Reach { met: Vec::new(), sent: Vec::new(), reopened: Vec::new() };
    for mut scene in (way.scenes)() {
        let original = {
            let step = scene.begin();
            let Step::Persist(persist) = &step else { panic!() };
            let approval = Record::of_row(&persist.row()).unwrap();
            walk(&Seen::of(&scene, way, vec![approval]), &mut all);
            let approved = (way.answers)().into_iter().next().unwrap().1;
            drop(scene.play(step, &[In::Body(approved), In::Held]));
            scene.record()
        };
        let whole = match scene.refund(&original) {
            Step::Persist(persist) => persist.row(),
            other => panic!("{other:?}"),
        };
        let refunds = [Some(whole), part(&scene, &original)].into_iter().flatten();
        let records = refunds.map(|row| Record::of_row(&row).unwrap()).collect();
        walk(&Seen::of(&scene, way, records), &mut all);
    }
    all
}

/// The refund of a part, where there is one.
fn part(scene: &Scene, original: &Record) -> Option<Stored> {
    let part = PartialRefund { id: RefundId::new("PART-1").unwrap(), amount: iamport::amount(3_000) };
    let opening = Opening { merchant: &scene.merchant, driver: &scene.driver, attempt: [9; 16] };
    match call_refund(original, &[], Some(&part), 0, &opening, scene.now) {
        Ok(RefundCall::New(persist)) => Some(persist.row()),
        _ => None,
    }
}

/// What the rules and readers of a product say of an approval, or of its refunds.
struct Seen {
    kind: Kind,
    rescue: Option<Verb>,
    sees_at_once: bool,
    is_paid_before: bool,
    settles: Vec<bool>,
    adopts: Vec<bool>,
    /// Whether what is known of an approval suffices for a cancel.
    cancels: Vec<bool>,
    /// Of a message, while the approval is known or not.
    answers: Vec<(Verb, bool, Event)>,
}

impl Seen {
    /// Reads every answer to every message, from every state of the record that earlier answers have left.
    fn of(scene: &Scene, way: &Way, mut records: Vec<Record>) -> Self {
        let rules = records[0].key.product.rules();
        let policy = scene.policy();
        let made = records.len();
        let tomorrow = scene.now.after(Millis::from_secs(24 * 60 * 60));
        let tomorrow = Now { mono: tomorrow.mono, wall: tomorrow.wall };
        let mut seen = Seen {
            kind: records[0].kind,
            rescue: rules.rescue(policy),
            sees_at_once: rules.sees_at_once(),
            is_paid_before: rules.is_paid_before(&records[0]),
            settles: Vec::new(),
            adopts: vec![false],
            cancels: Vec::new(),
            answers: Vec::new(),
        };
        for now in [scene.now, tomorrow] {
            push(&mut seen.settles, rules.refund_settles(&records[0], policy, now));
        }
        let verbs = [Some(Verb::Approve), seen.rescue, Some(Verb::Cancel)];
        let replies = (way.answers)();
        let mut at = 0;
        while at < records.len() {
            let record = records[at].clone();
            if record.approval.is_some() {
                push(&mut seen.cancels, rules.prepare_cancel(&mut record.clone(), scene.now));
            }
            // An approval is answered once, before all else (R4).
            let first = at < made && seen.kind == Kind::Approval;
            for verb in verbs.into_iter().flatten().filter(|verb| first || *verb != Verb::Approve) {
                for ((status, body), nothing_counts) in
                    replies.iter().flat_map(|reply| [(reply, true), (reply, false)])
                {
                    let reply = Reply { status: *status, content_type: None, body: body.as_bytes() };
                    let moment = Moment { now: scene.now, nothing_counts };
                    if let Some(after) = seen.hear(record.clone(), verb, reply, policy, moment) {
                        push(&mut records, after);
                    }
                }
            }
            assert!(records.len() < 2_000, "the answers leave ever new records");
            at += 1;
        }
        seen
    }

    /// Reads an answer; what it leaves of the record, if the message could be sent at all.
    fn hear(
        &mut self,
        mut record: Record,
        verb: Verb,
        reply: Reply<'_>,
        policy: &Policy,
        moment: Moment,
    ) -> Option<Record> {
        let rules = record.key.product.rules();
        let unprepared = verb == Verb::Cancel && record.cancel.is_none();
        if unprepared && !rules.prepare_cancel(&mut record, moment.now) {
            return None;
        }
        let known = record.approval.is_some();
        let reading = rules.read(verb, &mut record, reply, policy, moment);
        let event = event(verb, &reading);
        push(&mut self.answers, (verb, known, event));
        if let Reading::Approved(found) = reading {
            record.approval = Some(found);
        }
        if event == Event::StandsApproved {
            let why = Some(Why::Unclear(Unclear::Exchange(MaybeSent::Timeout)));
            push(&mut self.adopts, rules.adopts(&Record { why, ..record.clone() }, policy));
        }
        Some(record)
    }

    fn events(&self, at: &At) -> Vec<(Verb, Event)> {
        let mut events = Vec::new();
        if at.stage == Stage::Undecided {
            let merchant = [Event::Held, Event::NotHeld, Event::CannotTell, Event::NotRecorded];
            events.extend(merchant.map(|event| (Verb::Approve, event)));
        }
        if let Some(verb) = at.pending {
            let heard = self.answers.iter().filter(|heard| (heard.0, heard.1) == (verb, at.known));
            events.extend(heard.map(|heard| (verb, heard.2)));
            let unsent = match verb {
                Verb::Approve if self.is_paid_before => Event::Unknown,
                _ => Event::NotSent,
            };
            events.extend([(verb, Event::Unknown), (verb, unsent)]);
        }
        // An approval has one answer (R4), and what was closed in knowledge of it is left alone.
        let closed_knowing = at.stage == Stage::Closed && at.known;
        if self.kind == Kind::Approval && !at.refused && !closed_knowing {
            events.push((Verb::Approve, Event::LateSuccess));
        }
        events
    }

    /// All facts that may go with it.
    fn facts(&self, at: &At, verb: Verb, event: Event) -> impl Iterator<Item = Facts> {
        let adopts = if event == Event::StandsApproved { self.adopts.clone() } else { vec![false] };
        let facts = Facts {
            verb,
            quiet_over: false,
            in_window: false,
            may_try_again: false,
            first_success: at.first_success,
            confirm: false,
            settle_unlisted: false,
            refund_settles: false,
            cancel_unclear: false,
            has_rescue: self.rescue.is_some(),
            has_query: self.rescue == Some(Verb::Query),
            sees_at_once: self.sees_at_once,
            adopt: false,
            ended_approved: at.end == Some(End::Approved),
        };
        let chosen: Vec<(bool, bool)> = self
            .settles
            .iter()
            .flat_map(|settles| adopts.iter().map(move |adopt| (*settles, *adopt)))
            .collect();
        (0..1_u8 << 6).flat_map(move |bits| {
            let bit = move |n: u8| bits >> n & 1 == 1;
            chosen.clone().into_iter().map(move |(refund_settles, adopt)| Facts {
                quiet_over: bit(0),
                in_window: bit(1),
                may_try_again: bit(2),
                confirm: bit(3),
                settle_unlisted: bit(4),
                cancel_unclear: bit(5),
                refund_settles,
                adopt,
                ..facts
            })
        })
    }

    /// Where a person's retry brings back what was parked, as [`retry`](crate::flow::retry) has it (R20).
    fn retried(&self, parked: At, row: Row) -> Vec<At> {
        let to = |stage, pending| At { stage, pending, ..parked };
        let settled = self.settles.contains(&true).then(|| to(Stage::RefundUnknown, self.rescue));
        match (row.action(), row.stage()) {
            (Action::Park, Stage::Undecided) => vec![to(Stage::Undecided, None)],
            (Action::Park, Stage::Refunding) => {
                settled.into_iter().chain([to(Stage::Refunding, Some(Verb::Cancel))]).collect()
            }
            (Action::Park, Stage::RefundUnknown) => settled.into_iter().collect(),
            (Action::Park, from) => {
                let from = if from == Stage::Intent { Stage::Reversing } else { from };
                vec![to(from, self.rescue.or(Some(Verb::Cancel)))]
            }
            _ => Vec::new(),
        }
    }

    /// The messages that an action can come to.
    fn messages(&self, action: Action) -> Vec<Option<Verb>> {
        match action {
            Action::Send(message) | Action::Retry(message) | Action::AfterQuiet(message) => match message {
                Message::Rescue => vec![self.rescue],
                Message::Cancel | Message::NextCancel => {
                    let message = |suffices: &bool| if *suffices { Some(Verb::Cancel) } else { self.rescue };
                    self.cancels.iter().map(message).collect()
                }
            },
            _ => vec![None],
        }
    }
}

/// Where an attempt stands, as far as it decides what can come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    stage: Stage,
    pending: Option<Verb>,
    /// The approval is known.
    known: bool,
    /// The approval's answer was another than a success, or it never left.
    refused: bool,
    first_success: FirstSuccess,
    end: Option<End>,
}

fn walk(seen: &Seen, all: &mut Reach) {
    let approval = seen.kind == Kind::Approval;
    let mut places = vec![At {
        stage: if approval { Stage::Intent } else { Stage::Refunding },
        pending: Some(if approval { Verb::Approve } else { Verb::Cancel }),
        known: !approval,
        refused: !approval,
        first_success: FirstSuccess::None,
        end: None,
    }];
    #[allow(clippy::disallowed_types, reason = "as above")]
    let mut met = HashSet::new();
    let mut at = 0;
    while at < places.len() {
        let place = places[at];
        at += 1;
        if let Some(verb) = place.pending {
            push(&mut all.sent, (seen.kind, place.stage, verb));
        }
        for (verb, event) in seen.events(&place) {
            for facts in seen.facts(&place, verb, event) {
                let row = next(place.stage, event, &facts);
                met.insert(Met { kind: seen.kind, event, facts, row });
                if let (Event::LateSuccess, Some(end), Action::Send(_)) = (event, place.end, row.action()) {
                    push(&mut all.reopened, end);
                }
                for pending in seen.messages(row.action()) {
                    let after = place.after(event, row, pending);
                    push(&mut places, after);
                    seen.retried(after, row).into_iter().for_each(|retried| push(&mut places, retried));
                }
            }
        }
    }
    all.met.extend(met);
}

impl At {
    fn after(self, event: Event, row: Row, pending: Option<Verb>) -> At {
        let learnt = [Event::Approved, Event::AmountDiffers, Event::StandsApproved, Event::LateSuccess]
            .contains(&event);
        let answered = [Event::Declined, Event::Unlisted, Event::NotSent].contains(&event);
        let first_success = match event {
            Event::LateSuccess => FirstSuccess::None,
            Event::Voided { card: true } if row == Row::ReversingVoidedEarly => FirstSuccess::WithCard,
            Event::Voided { card: false } if row == Row::ReversingVoidedEarly => match self.first_success {
                FirstSuccess::WithCard => FirstSuccess::WithCard,
                _ => FirstSuccess::WithoutCard,
            },
            _ => self.first_success,
        };
        At {
            stage: row.next(),
            pending,
            known: self.known || learnt,
            refused: self.refused || self.stage == Stage::Intent && answered,
            first_success,
            end: match row.action() {
                Action::Close(end) => Some(end),
                _ => None,
            },
        }
    }
}

fn push<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// As [`Life::read`](crate::flow::life::Life::read) takes it.
fn event(verb: Verb, reading: &Reading) -> Event {
    match reading {
        Reading::Approved(found) if verb != Verb::Approve || !found.amount.is_mismatch() => match verb {
            Verb::Approve => Event::Approved,
            _ => Event::StandsApproved,
        },
        Reading::Approved(_) => Event::AmountDiffers,
        Reading::Declined(_) => Event::Declined,
        Reading::Unlisted(_) => Event::Unlisted,
        Reading::Voided { card } => Event::Voided { card: *card },
        Reading::AlreadyVoided(_) => Event::AlreadyVoided,
        Reading::NothingStands(_) => Event::NothingStands,
        Reading::ProvesNothing(_) => Event::ProvesNothing,
        Reading::Unclear(_) => Event::Unknown,
    }
}

/// Answers of every kind; the first is an approval.
fn of_simple() -> Vec<(u16, String)> {
    let codes = ["0000", DECLINED, UNLISTED, NOTHING, ALREADY].map(code_body);
    let bodies = [approval_body(""), approval_body(r#","trxAmt":1"#), voided_body()];
    bodies.into_iter().chain(codes).map(|body| (200, body)).collect()
}

fn of_easytalk() -> Vec<(u16, String)> {
    let codes = [easytalk::NOT_FOUND, DECLINED, UNLISTED, NOTHING, ALREADY];
    let bodies = [easytalk::standing(), easytalk::standing().replace("51004", "1"), easytalk::cancelled()];
    bodies.into_iter().chain(codes.map(|code| easytalk::body(code, ""))).map(|body| (200, body)).collect()
}

fn of_iamport() -> Vec<(u16, String)> {
    use iamport::{ONE, TWO, cancelled, failed, page, paid, payment, ready, refused, success};
    let part = payment(ONE, "paid", 3_000, r#","channel":"api""#);
    let other = paid(ONE).replace("10000", "10010");
    let payments = [paid(ONE), other, part, cancelled(ONE), failed(ONE), ready(ONE)];
    let pages = payments.iter().map(|payment| page(slice::from_ref(payment)));
    let absent = r#"{"code":-1,"message":"no such payment","response":null}"#;
    let alone = payments.iter().map(|payment| success(payment));
    let several = [page(&[]), page(&[paid(ONE), paid(TWO)]), refused()];
    let answers = alone.chain(pages).chain(several).map(|body| (200, body));
    answers.chain([(404, absent.into())]).collect()
}
