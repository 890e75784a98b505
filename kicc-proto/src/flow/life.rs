//! A record on its way through the table, with the clocks of the process that drives it.

use alloc::{boxed::Box, sync::Arc};

use super::{
    ApprovalBody, Driver, Step,
    outcome::{Ending, OperatorReason},
    persist::{Persist, Then},
    policy::{Policy, UnlistedCodes},
    said::{Said, Unclear},
    table::{self, Action, End, Event, Facts, FirstSuccess, Message, Row, Stage, Verb},
    wait::WaitReason,
};
use crate::{
    journal::{
        Kind,
        record::{Cancel, Happening, Parked, Pending, Record, Why},
    },
    product::{Reading, Rules, Times},
    time::{Deadline, Millis, Mono, Now, UnixMillis},
    values::KstDateTime,
    wire::{MaybeSent, NotSent},
};

pub(super) struct Life {
    pub record: Record,
    pub policy: Arc<Policy>,
    pub holder: Arc<str>,
    /// The revision that the journal holds; 0: none yet.
    pub revision: u64,
    pub token: u64,
    pub lease_until: UnixMillis,
    /// The approval's body, until it was encoded.
    pub body: Option<ApprovalBody>,
    /// A success of the approval that no stored record tells of yet (R9).
    pub unrecorded_success: bool,
    pub quiet_end: Mono,
    /// When the message whose answer is read was encoded.
    pub sent_at: Mono,
    /// The message that is written down may begin until then (R4, R20).
    pub permit: Deadline,
    horizon: Deadline,
    window: Deadline,
}

impl Life {
    pub fn new(record: Record, body: Option<ApprovalBody>, driver: &Driver, now: Now) -> Box<Self> {
        let policy = Arc::clone(&driver.policy);
        let horizon = counted_from(record.rescue.since, policy.horizon, now);
        let rules = record.key.product.rules();
        let (from, to) = rules.proof_window(&record, &policy);
        let window = counted_from(from, Millis(to.0.saturating_sub(from.0)), now);
        Box::new(Life {
            record,
            holder: driver.holder.clone(),
            revision: 0,
            token: 1,
            lease_until: now.wall + policy.lease,
            body,
            unrecorded_success: false,
            quiet_end: now.mono + rules.times(&policy).quiet_period,
            sent_at: now.mono,
            permit: now.after(policy.send_by),
            horizon,
            window,
            policy,
        })
    }

    pub fn driver(&self) -> Driver {
        Driver {
            policy: Arc::clone(&self.policy),
            holder: self.holder.clone(),
            accept_step: self.record.accept_step,
        }
    }

    pub fn rules(&self) -> &'static dyn Rules {
        self.record.key.product.rules()
    }

    /// How long the product's gateway may take.
    pub fn times(&self) -> Times {
        self.rules().times(&self.policy)
    }

    /// The product's rescue message, if there is one.
    pub fn rescue(&self) -> Option<Verb> {
        self.rules().rescue(&self.policy)
    }

    /// Whether *nothing stands* in the answer that is read would count (R6, R13b).
    pub fn nothing_counts(&self) -> bool {
        let settles = self.record.stage == Stage::Settling && self.rules().sees_at_once();
        settles || self.sent_at >= self.quiet_end
    }

    /// A new lease, and a new permission for the message that is about to be written down, if one is.
    pub fn renew(&mut self, now: Now) {
        self.permit = now.after(self.policy.send_by);
        self.lease_until = now.wall + self.policy.lease;
        if matches!(self.record.pending, Pending::Message(_)) {
            self.record.rescue.last_deadline = now.wall + self.policy.exchange();
        }
    }

    /// When the answer to the message that is written down is given up, at the latest.
    pub fn answer_by(&self) -> Deadline {
        let answer = self.times().answer_timeout;
        Deadline { mono: self.permit.mono + answer, wall: self.permit.wall + answer }
    }

    /// Whether the time in which anything is tried without a person is over (R14, R19).
    pub fn horizon_passed(&self, now: Now) -> bool {
        self.horizon.passed(now)
    }

    /// What an answer says, and the record of it.
    pub fn read(mut self: Box<Self>, verb: Verb, reading: Reading, late: bool, now: Now) -> Step {
        let approval = verb == Verb::Approve;
        if approval && late {
            return match reading {
                Reading::Approved(found) => {
                    self.record.approval = Some(found);
                    self.record.note(now.wall, Happening::LateSuccess);
                    self.record.why = Some(Why::Unclear(Unclear::TooLate));
                    self.advance(verb, Event::LateSuccess, now)
                }
                _ => self.unclear(verb, Unclear::Exchange(MaybeSent::Timeout), now),
            };
        }
        let (event, said) = match reading {
            Reading::Unclear(why) => return self.unclear(verb, why, now),
            Reading::Approved(found) => {
                let differs = found.amount.is_mismatch();
                self.record.approval = Some(found);
                let event = match (approval, differs) {
                    (true, false) => Event::Approved,
                    (true, true) => Event::AmountDiffers,
                    (false, _) => Event::StandsApproved,
                };
                (event, None)
            }
            Reading::Voided { card } => (Event::Voided { card }, None),
            Reading::Declined(said) => (Event::Declined, Some(said)),
            Reading::Unlisted(said) => (Event::Unlisted, Some(said)),
            Reading::AlreadyVoided(said) => (Event::AlreadyVoided, Some(said)),
            Reading::NothingStands(said) => (Event::NothingStands, Some(said)),
            Reading::ProvesNothing(said) => (Event::ProvesNothing, Some(said)),
        };
        let happening = match &said {
            None => Happening::Succeeded(verb),
            Some(said) => Happening::Answered(verb, said.clone()),
        };
        self.record.note(now.wall, happening);
        self.record.said = said;
        self.advance(verb, event, now)
    }

    /// No trustworthy answer.
    pub fn unclear(mut self: Box<Self>, verb: Verb, why: Unclear, now: Now) -> Step {
        self.record.note(now.wall, Happening::Unclear(verb, why.clone()));
        if verb == Verb::Approve {
            self.record.why = Some(Why::Unclear(why));
        } else {
            self.record.rescue.unclear = self.record.rescue.unclear.saturating_add(1);
        }
        self.advance(verb, Event::Unknown, now)
    }

    /// Whether what is done now asks about or undoes what may stand already.
    pub fn is_rescue(&self) -> bool {
        !matches!(self.record.stage, Stage::Intent | Stage::Refunding)
    }

    /// Not one byte left.
    pub fn not_sent(mut self: Box<Self>, verb: Verb, why: NotSent, now: Now) -> Step {
        self.record.note(now.wall, Happening::NotSent(verb, why));
        if verb != Verb::Approve {
            self.record.rescue.sent = self.record.rescue.sent.saturating_sub(1);
            self.record.rescue.unsent = self.record.rescue.unsent.saturating_add(1);
        }
        if let (Verb::Cancel, Some(cancel)) = (verb, &mut self.record.cancel) {
            cancel.sent = cancel.sent.saturating_sub(1);
        }
        // What was paid before is looked up until it is known.
        let paid = verb == Verb::Approve && self.rules().is_paid_before(&self.record);
        if paid {
            self.record.why = Some(Why::Unclear(Unclear::Exchange(MaybeSent::Other)));
        }
        let row = self.transition(verb, if paid { Event::Unknown } else { Event::NotSent }, now);
        match row {
            Row::IntentNotSent => self.record.ending = Some(Ending::NeverSent(why)),
            Row::RefundNotSent => self.record.ending = Some(Ending::RefundNotAttempted(why)),
            _ => {}
        }
        self.perform(row, now)
    }

    /// Takes the row of the table that applies, and does what it says.
    pub fn advance(mut self: Box<Self>, verb: Verb, event: Event, now: Now) -> Step {
        let row = self.transition(verb, event, now);
        self.perform(row, now)
    }

    /// Takes the row of the table that applies.
    pub fn transition(&mut self, verb: Verb, event: Event, now: Now) -> Row {
        let row = table::next(self.record.stage, event, &self.facts(verb, now));
        self.evidence(row, verb, event, now);
        self.record.stage = row.next();
        row
    }

    /// Does what a row says.
    pub fn perform(mut self: Box<Self>, row: Row, now: Now) -> Step {
        match row.action() {
            Action::Send(message) => match self.choose(message, now) {
                Some(verb) => self.send(verb, now),
                None => self.without_message(row, now),
            },
            Action::Retry(message) => {
                let Some(verb) = self.choose(message, now) else { return self.without_message(row, now) };
                let pause = self.pause(now);
                self.wait(Pending::Backoff(verb), WaitReason::Backoff, now.mono + pause, now)
            }
            Action::AfterQuiet(message) => {
                let Some(verb) = self.choose(message, now) else { return self.without_message(row, now) };
                let until = self.quiet_end;
                self.wait(Pending::Quiet(verb), WaitReason::Quiet, until, now)
            }
            Action::Ask => {
                self.record.pending = Pending::Nothing;
                self.store(Then::Ask, now)
            }
            Action::AskAgain => {
                self.record.rescue.asked = self.record.rescue.asked.saturating_add(1);
                let pause = self.policy.backoff(0, self.record.rescue.asked);
                self.store(Then::AskAgain { until: now.mono + pause }, now)
            }
            Action::Close(end) => {
                self.close(end, now);
                self.store(Then::Done, now)
            }
            Action::Park => {
                self.park(row, now);
                self.store(Then::Done, now)
            }
            Action::Note => self.store(Then::Done, now),
        }
    }

    /// Writes a message down, to be sent once that is durable.
    pub fn send(mut self: Box<Self>, verb: Verb, now: Now) -> Step {
        self.record.rescue.sent = self.record.rescue.sent.saturating_add(1);
        self.record.pending = Pending::Message(verb);
        match (verb, &mut self.record.cancel) {
            (Verb::Cancel, Some(cancel)) => cancel.sent = cancel.sent.saturating_add(1),
            (Verb::Cancel, None) => {}
            _ => self.rules().prepare_rescue(&mut self.record, now),
        }
        let count = self.record.rescue.sent;
        self.record.note(now.wall, Happening::Sending(verb, count));
        self.store(Then::Send(verb), now)
    }

    /// A message that was not carried out is sent once more. Of this the record tells with the next write.
    pub fn repeated(&mut self, verb: Verb, why: Unclear, now: Now) {
        self.record.note(now.wall, Happening::Unclear(verb, why));
        self.record.note(now.wall, Happening::Sending(verb, self.record.rescue.sent));
    }

    /// Sends the message that a wait was for, if it still may be sent.
    pub fn due(mut self: Box<Self>, verb: Verb, now: Now) -> Step {
        // The day on which a net-cancel may settle the refund can end while it waits (R16).
        if self.record.stage == Stage::RefundUnknown && !self.refund_settles(now) {
            return self.advance(verb, Event::Unknown, now);
        }
        let there_is_one = match verb {
            Verb::Cancel => self.record.cancel.is_some(),
            _ => self.rescue() == Some(verb),
        };
        if !there_is_one {
            return self.advance(verb, Event::Unknown, now);
        }
        if verb == Verb::Cancel && self.cancel_is_stale(now) {
            self.rules().prepare_cancel(&mut self.record, now);
        }
        self.send(verb, now)
    }

    /// Whether the recorded cancel has never been sent, and is not the one to send any more (R16).
    fn cancel_is_stale(&self, now: Now) -> bool {
        let Some(Cancel { sent: 0, only_on: Some(day), .. }) = self.record.cancel.as_deref() else {
            return false;
        };
        KstDateTime::from_unix(now.wall).is_ok_and(|at| at.date() != *day)
    }

    fn wait(mut self: Box<Self>, pending: Pending, reason: WaitReason, until: Mono, now: Now) -> Step {
        self.record.pending = pending;
        self.store(Then::Wait { reason, until }, now)
    }

    fn store(self: Box<Self>, then: Then, now: Now) -> Step {
        Step::Persist(Persist::next(self, then, now))
    }

    fn facts(&self, verb: Verb, now: Now) -> Facts {
        let rescue = &self.record.rescue;
        let horizon = !self.horizon_passed(now);
        let budget = self.record.stage == Stage::Undecided || rescue.sent < self.policy.rescue_attempts;
        Facts {
            verb,
            quiet_over: self.sent_at >= self.quiet_end,
            in_window: !self.window.passed(now),
            may_try_again: horizon && budget,
            first_success: rescue.first_success,
            confirm: self.policy.confirm_reversal,
            settle_unlisted: self.policy.unlisted_codes == UnlistedCodes::Settle,
            // Of a refund alone; it may need the date.
            refund_settles: self.record.kind == Kind::Refund && self.refund_settles(now),
            cancel_unclear: rescue.unclear > 0,
            has_rescue: self.rescue().is_some(),
            has_query: self.rescue() == Some(Verb::Query),
            sees_at_once: self.rules().sees_at_once(),
            adopt: self.rules().adopts(&self.record, &self.policy),
            ended_approved: self.record.ending == Some(Ending::Approved),
        }
    }

    /// How long until the next try (R14). The last one goes so early that its answer still counts.
    fn pause(&self, now: Now) -> Millis {
        let rescue = &self.record.rescue;
        let pause = self.policy.backoff(rescue.sent, rescue.unsent);
        let room = self.horizon.left(now).0.saturating_sub(self.policy.exchange().0);
        if room == 0 { pause } else { pause.min(Millis(room)) }
    }

    /// Whether a message may tell now what became of a refund that was not answered (R16).
    pub fn refund_settles(&self, now: Now) -> bool {
        self.rules().refund_settles(&self.record, &self.policy, now)
    }

    /// What a row says beside stage and action: evidence, reasons, and when the quiet period runs.
    fn evidence(&mut self, row: Row, verb: Verb, event: Event, now: Now) {
        let given_up =
            matches!(verb, Verb::Approve | Verb::Cancel) && matches!(row.action(), Action::Send(_));
        if given_up || event == Event::LateSuccess {
            self.quiet_end = now.mono + self.times().quiet_period;
        }
        if matches!(event, Event::Approved | Event::AmountDiffers | Event::LateSuccess) {
            self.unrecorded_success = true;
        }
        if let (Row::ReversingVoidedEarly, Event::Voided { card }) = (row, event) {
            let rescue = &mut self.record.rescue;
            let seen = rescue.first_success == FirstSuccess::WithCard || card;
            rescue.first_success = if seen { FirstSuccess::WithCard } else { FirstSuccess::WithoutCard };
        }
        match row {
            Row::IntentAmountDiffers => self.record.why = Some(Why::AmountDiffers),
            Row::IntentUnlistedSettled => {
                self.record.why = self.record.said.take().map(Why::UnlistedCode);
            }
            Row::UndecidedNotHeld => self.record.why = Some(Why::NotHeld),
            Row::UndecidedNotRecorded | Row::UndecidedNotRecordedCancelled => {
                self.record.why = Some(Why::NotRecorded);
            }
            Row::ReversingStands | Row::SettlingStands => self.record.why = Some(Why::FoundApproved),
            // Whatever was not answered before has not taken effect, and will not any more (R16).
            Row::VoidingStands | Row::RefundStands => self.record.rescue.unclear = 0,
            // Refused is not proof that it was not done, where a query could show (R15).
            Row::VoidingCancelUnclear | Row::VoidingExhausted if self.is_refused_cancel(verb, event) => {
                self.record.rescue.unclear = self.record.rescue.unclear.saturating_add(1);
            }
            Row::IntentNoRescue if event == Event::Unlisted => {
                self.record.why = self.record.said.clone().map(Why::UnlistedCode);
            }
            Row::IntentLate
            | Row::IntentLateCancelled
            | Row::SettlingLate
            | Row::SettlingLateCancelled
            | Row::ReversingLate
            | Row::ReversingLateCancelled
            | Row::ParkedLate
            | Row::ClosedLate
            | Row::ClosedLateCancelled => {
                let rescue = &mut self.record.rescue;
                rescue.late_success = true;
                rescue.first_success = FirstSuccess::None;
                if row != Row::ParkedLate {
                    self.record.why = Some(Why::LateSuccess);
                }
            }
            _ => {}
        }
        if matches!(row, Row::ClosedLate | Row::ClosedLateCancelled) {
            self.reopen(now);
        }
    }

    fn is_refused_cancel(&self, verb: Verb, event: Event) -> bool {
        let refused =
            matches!(event, Event::ProvesNothing | Event::NothingStands | Event::Declined | Event::Unlisted);
        refused && verb == Verb::Cancel && self.rescue() == Some(Verb::Query)
    }

    /// A closed record whose money turns out to have moved (R9): a new budget, and no end.
    fn reopen(&mut self, now: Now) {
        self.record.ending = None;
        self.record.parked = None;
        self.restart(now);
    }

    /// A new budget and horizon, from now.
    pub fn restart(&mut self, now: Now) {
        let rescue = &mut self.record.rescue;
        rescue.since = now.wall;
        rescue.sent = 0;
        rescue.unsent = 0;
        self.horizon = counted_from(now.wall, self.policy.horizon, now);
    }

    /// The message, written into the record as far as it must be; `None`: there is none.
    pub fn choose(&mut self, message: Message, now: Now) -> Option<Verb> {
        let rules = self.rules();
        let prepared = match message {
            Message::Rescue => return self.rescue(),
            Message::Cancel => self.record.cancel.is_some() || rules.prepare_cancel(&mut self.record, now),
            Message::NextCancel => rules.prepare_cancel(&mut self.record, now),
        };
        // Too little is known of the approval for a cancel: the rescue message needs only our own data.
        if prepared { Some(Verb::Cancel) } else { self.rescue() }
    }

    /// The row wants a message, and there is neither a rescue message nor what a cancel needs.
    fn without_message(mut self: Box<Self>, row: Row, now: Now) -> Step {
        let charged = self.record.approval.is_some() && self.record.rescue.unclear == 0;
        self.park_as(OperatorReason::NoStatusQuery, charged, row.next(), now);
        self.store(Then::Done, now)
    }

    fn close(&mut self, end: End, now: Now) {
        let said = || self.record.said.clone().unwrap_or_else(nothing_said);
        let unlisted = match &self.record.why {
            Some(Why::UnlistedCode(said)) => Some(said.clone()),
            _ => None,
        };
        let ending = match end {
            End::Approved => Ending::Approved,
            End::Declined => Ending::Declined(unlisted.unwrap_or_else(said)),
            End::Reversed => Ending::Reversed,
            End::Refunded => Ending::Refunded,
            End::RefundRefused => Ending::RefundRefused(said()),
            End::NeverSent | End::RefundNotAttempted => match self.record.ending.take() {
                Some(ending) => ending,
                None => Ending::NeverSent(NotSent::PermitLapsed),
            },
        };
        self.record.ending = Some(ending);
        self.record.pending = Pending::Nothing;
        self.record.note(now.wall, Happening::Closed);
    }

    fn park(&mut self, row: Row, now: Now) {
        let rescue = &self.record.rescue;
        let why = match (row, &self.record.said) {
            (Row::UndecidedExhausted, _) => OperatorReason::AcceptCannotTell,
            (Row::VoidingStandsExhausted, _) => OperatorReason::StillStands,
            (Row::RefundLostForPerson, _) => OperatorReason::RefundUnknown,
            (Row::RefundExhausted, _) if !self.refund_settles(now) => OperatorReason::RefundUnknown,
            (Row::RefundUnproven, Some(said)) => OperatorReason::CancelRefused(said.clone()),
            (
                Row::SettlingNothingOutside
                | Row::ReversingNothingOutside
                | Row::VoidingNothingOutside
                | Row::RefundNothingOutside,
                _,
            ) => OperatorReason::OutsideProofWindow,
            (Row::ReversingVoidedUnconfirmed, _) => OperatorReason::Unconfirmed,
            (Row::VoidingExhausted, said) if self.rescue().is_none() && rescue.unclear == 0 => {
                said.clone().map_or(OperatorReason::Unanswered, OperatorReason::CancelRefused)
            }
            _ if self.rescue().is_none() => OperatorReason::NoStatusQuery,
            _ if rescue.first_success != FirstSuccess::None => OperatorReason::Unconfirmed,
            (_, Some(said)) => OperatorReason::ProvesNothing(said.clone()),
            _ => OperatorReason::Unanswered,
        };
        let known = self.record.approval.is_some() && rescue.unclear == 0;
        let charged = match row {
            Row::UndecidedExhausted | Row::VoidingStandsExhausted => true,
            Row::RefundUnproven => rescue.unclear == 0,
            Row::VoidingExhausted => known && rescue.first_success == FirstSuccess::None,
            _ => false,
        };
        self.park_as(why, charged, row.stage(), now);
    }

    pub fn park_as(&mut self, why: OperatorReason, charged: bool, from: Stage, now: Now) {
        self.record.note(now.wall, Happening::Parked(why.clone()));
        self.record.stage = Stage::Parked;
        self.record.parked = Some(Box::new(Parked { why, charged, from, resolution: None }));
        self.record.pending = Pending::Nothing;
    }
}

fn nothing_said() -> Said {
    Said { code: "".into(), message: "".into() }
}

/// A permission that began at `since`, on both clocks; a wall clock that went back does not lengthen it.
fn counted_from(since: UnixMillis, span: Millis, now: Now) -> Deadline {
    let wall = since + span;
    let left = wall.0.saturating_sub(now.wall.0).min(span.0);
    Deadline { mono: now.mono + Millis(left), wall }
}

impl core::fmt::Debug for Life {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Life")
            .field("record", &self.record)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
