//! A message on its way: its bytes, and what comes back.

use alloc::boxed::Box;

use super::{Step, life::Life, said::Unclear, table::Verb};
use crate::{
    journal::Key,
    product::{Credentials, Moment, Outgoing},
    time::{Deadline, Millis, Now},
    wire::{Failure, MaybeSent, Method, NotSent, Reply, Request, RequestBuffer, sign::Nonce},
};

/// A message that was written down and may be sent now.
#[must_use = "the message was written down; not sending it is a crash"]
#[derive(Debug)]
pub struct Transmit {
    pub(super) life: Box<Life>,
    pub(super) verb: Verb,
    /// It was sent, and its token refused.
    pub(super) again: bool,
}

/// A message under way. Feed exactly one of [`InFlight::reply`], [`InFlight::failed`] and [`InFlight::lost`].
#[must_use = "the answer is awaited; dropping this is a crash"]
#[derive(Debug)]
pub struct InFlight {
    life: Box<Life>,
    verb: Verb,
    again: bool,
    deadline: Deadline,
}

impl Transmit {
    /// What the message asks of the gateway.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The row under which it is sent.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.life.record.key
    }

    /// The fencing token; a driver asks its journal for it immediately before the first byte (R20).
    #[must_use]
    pub fn token(&self) -> u64 {
        self.life.token
    }

    /// No first byte may go after this moment (R4, R20). The driver looks once more after connect and TLS.
    #[must_use]
    pub fn permit(&self) -> Deadline {
        self.life.permit
    }

    /// Whether it asks about or undoes what may stand already. An approval and a refund's cancel are what somebody
    /// wanted.
    #[must_use]
    pub fn is_rescue(&self) -> bool {
        self.life.is_rescue()
    }

    /// Whoever wanted it is gone before it was sent, such as a dropped future's owner: it is not sent.
    pub fn withdraw(self, now: Now) -> Step {
        self.life.not_sent(self.verb, NotSent::PermitLapsed, now)
    }

    /// i'mport gave no token for it: it is not sent.
    pub fn no_token(self, now: Now) -> Step {
        self.life.not_sent(self.verb, NotSent::Token, now)
    }

    /// Path, headers and body in `buffer`, signed as they stand, with the half that waits for the answer. On a
    /// repeat the body is the same, byte for byte (R10); timestamp, nonce and signature are fresh.
    ///
    /// # Errors
    /// The next step, when the permission has passed or the signer did not sign: nothing is sent then.
    #[allow(clippy::result_large_err, reason = "the error is the next step, and is moved on at once")]
    pub fn encode<'b>(
        mut self,
        credentials: Credentials<'_>,
        nonce: Nonce,
        now: Now,
        buffer: &'b mut RequestBuffer,
    ) -> Result<(Request<'b>, InFlight), Step> {
        let verb = self.verb;
        if self.life.permit.passed(now) {
            return Err(self.life.not_sent(verb, NotSent::PermitLapsed, now));
        }
        let rules = self.life.rules();
        buffer.body.clear();
        match (verb, self.life.body.take()) {
            (Verb::Approve, Some(body)) => body.append_to(&self.life.record.net_cancel, &mut buffer.body),
            // Only a new attempt has an approval's body, and that is taken once.
            (Verb::Approve, None) => return Err(self.life.not_sent(verb, NotSent::PermitLapsed, now)),
            (_, _) => rules.body(verb, &self.life.record, &self.life.policy, &mut buffer.body),
        }
        buffer.method = rules.method(verb, &self.life.record);
        buffer.path.clear();
        rules.path(verb, &self.life.record, &self.life.policy, &mut buffer.path);
        buffer.headers.clear();
        let (record, policy) = (&self.life.record, &*self.life.policy);
        let message = Outgoing { verb, path: &buffer.path, body: &buffer.body, record, policy, nonce, now };
        if rules.headers(&message, credentials, &mut buffer.headers).is_err() {
            return Err(self.life.not_sent(verb, NotSent::Signing, now));
        }
        self.life.sent_at = now.mono;
        let deadline = self.life.answer_by();
        let request = buffer.request();
        Ok((request, InFlight { life: self.life, verb, again: self.again, deadline }))
    }
}

impl InFlight {
    /// What the message asks of the gateway.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// How long an answer may take, counted from the last byte written.
    #[must_use]
    pub fn answer_within(&self) -> Millis {
        self.life.times().answer_timeout
    }

    /// The last byte was written at that moment ([`Exchange::written_at`](crate::wire::exchange::Exchange::written_at)): the
    /// answer's time runs from there. Said as soon as it is known, before the answer is waited for or handed over.
    pub fn written(&mut self, at: Now) {
        self.deadline = at.after(self.answer_within());
    }

    /// When it is given up. Until [`InFlight::written`] was said, the latest that it can be: `send_by` and the whole time
    /// for an answer (R20).
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// A complete reply. One that comes after the deadline never makes the attempt approved (R9). A look-up whose token
    /// was refused was not carried out (iamport spec §2): it is due once more, under the same permission and as the same
    /// try (R14), and the driver asks for another token first.
    pub fn reply(mut self, reply: Reply<'_>, now: Now) -> Step {
        let rules = self.life.rules();
        let is_look_up =
            self.verb == Verb::Query && rules.method(self.verb, &self.life.record) == Method::Get;
        if reply.status == 401 && is_look_up && !self.again {
            self.life.repeated(self.verb, Unclear::Status(reply.status), now);
            return Step::Transmit(Transmit { life: self.life, verb: self.verb, again: true });
        }
        let late = self.deadline.passed(now);
        let moment = Moment { now, nothing_counts: self.life.nothing_counts() };
        let Life { record, policy, .. } = &mut *self.life;
        let reading = record.key.product.rules().read(self.verb, record, reply, policy, moment);
        self.life.read(self.verb, reading, late, now)
    }

    /// The exchange failed.
    pub fn failed(self, failure: Failure, now: Now) -> Step {
        match failure {
            Failure::NotSent(why) => self.life.not_sent(self.verb, why, now),
            Failure::MaybeSent(why) => self.life.unclear(self.verb, Unclear::Exchange(why), now),
        }
    }

    /// Whoever waited for the answer is gone: a dropped future, a thread that panicked (R17).
    pub fn lost(self, now: Now) -> Step {
        self.failed(Failure::MaybeSent(MaybeSent::Lost), now)
    }

    /// Whether the customer may have been charged while this is under way.
    #[must_use]
    pub fn is_rescue(&self) -> bool {
        self.life.is_rescue()
    }
}
