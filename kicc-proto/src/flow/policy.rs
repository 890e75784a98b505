//! What a merchant may decide about the flow, with the safe choice first.

use crate::{
    codes::Codes,
    iamport,
    product::{self, Product},
    time::Millis,
};

/// Times, limits and choices of the flow. Make one with [`Policy::default`], change fields, and [`Policy::check`] it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long an answer may take, from the last byte written. KICC asks for 30 s (spec A.5); default 33 s. i'mport
    /// has its own, and its own quiet period ([`iamport::Settings`]).
    pub answer_timeout: Millis,
    /// How long after it was written down a message's first byte may still go (R4); default 10 s.
    pub send_by: Millis,
    /// How long after give-up a late approval may still be booked (R13b); default 35 s. It rests on the
    /// assumption that the gateway books nothing later than its own 30 s: confirm with KICC.
    pub quiet_period: Millis,
    /// Ask once more after the quiet period when a net-cancel succeeded inside it (R13c); default on.
    pub confirm_reversal: bool,
    /// When the caller is told of a reversal (R13d).
    pub report_reversal: ReportReversal,
    /// What a refusal with an unlisted code means (R6).
    pub unlisted_codes: UnlistedCodes,
    /// Whether a net-cancel with the approval's data settles a refund that was not answered (R16).
    pub net_cancel_settles_refund: SettlesRefund,
    /// How many rescue messages may be sent for one attempt (R14); those never sent are not counted.
    pub rescue_attempts: u32,
    /// How many rescues may be in flight at once in one client (R14): the driver counts them.
    pub rescues_in_flight: u32,
    /// The first pause between two rescue messages (R14).
    pub backoff_first: Millis,
    /// The longest pause, up to the tenth message; after it, it doubles each time (R14).
    pub backoff_cap: Millis,
    /// After this long a person must look (R14), and a *nothing to void* proves nothing any more (R13b).
    pub horizon: Millis,
    /// How long a worker holds a record; it covers one exchange (R20).
    pub lease: Millis,
    /// What the result codes mean.
    pub codes: Codes,
    /// What only one product needs.
    pub products: product::Settings,
}

/// When the caller is told that an attempt was reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportReversal {
    /// When it is final.
    #[default]
    Confirmed,
    /// At the first success answer; the confirmation follows while the record stays open. For attended shops.
    FirstSuccess,
}

/// What a refusal with a code in no table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnlistedCodes {
    /// It is settled by a rescue message before it counts as declined.
    #[default]
    Settle,
    /// It is a decline.
    Decline,
}

/// Whether a net-cancel with the approval's data may settle a refund of unknown outcome. The documentation
/// says "verify via the Net-Cancel API" and no more (spec A.6, F.2): confirm with KICC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SettlesRefund {
    /// On the approval's own Korean day.
    #[default]
    SameDay,
    /// On any day.
    Always,
    /// Not at all: a person looks.
    Never,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The values cannot hold together, whatever the gateway.
    #[error("{field}: {why}")]
    Impossible {
        /// The field.
        field: &'static str,
        /// What does not hold.
        why: &'static str,
    },
    /// Too short for a real gateway; only a simulated one on loopback may be driven so.
    #[error("{field} = {got} ms is unsafe against a real gateway (at least {least} ms)")]
    Unsafe {
        /// The field.
        field: &'static str,
        /// What was asked for.
        got: u64,
        /// The least that is safe.
        least: u64,
    },
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            answer_timeout: Millis::from_secs(33),
            send_by: Millis::from_secs(10),
            quiet_period: Millis::from_secs(35),
            confirm_reversal: true,
            report_reversal: ReportReversal::default(),
            unlisted_codes: UnlistedCodes::default(),
            net_cancel_settles_refund: SettlesRefund::default(),
            rescue_attempts: 20,
            rescues_in_flight: 16,
            backoff_first: Millis::from_secs(1),
            backoff_cap: Millis::from_secs(60),
            horizon: Millis::from_secs(24 * 60 * 60),
            lease: Millis::from_secs(60),
            codes: Codes::default(),
            products: product::Settings::default(),
        }
    }
}

impl Policy {
    /// Refuses what cannot hold together and, unless the gateway is `simulated` (on loopback), what is unsafe. The driver
    /// asks it once, before the first order: nothing else does.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self, simulated: bool) -> Result<(), PolicyError> {
        let spans = [
            ("answer_timeout", self.answer_timeout, 30_000),
            ("send_by", self.send_by, 1_000),
            ("quiet_period", self.quiet_period, 31_000),
            ("backoff.first", self.backoff_first, 100),
            ("backoff.cap", self.backoff_cap, 1_000),
            ("horizon", self.horizon, 3_600_000),
        ];
        let of_iamport = self.products.iamport.iter().flat_map(|settings| {
            [
                ("iamport.answer_timeout", settings.answer_timeout, 60_000),
                ("iamport.quiet_period", settings.quiet_period, 61_000),
            ]
        });
        for (field, span, least) in spans.into_iter().chain(of_iamport) {
            if span.0 == 0 {
                return Err(PolicyError::Impossible { field, why: "must not be zero" });
            }
            if !simulated && span.0 < least {
                return Err(PolicyError::Unsafe { field, got: span.0, least });
            }
        }
        let impossible = |field, why| Err(PolicyError::Impossible { field, why });
        if self.backoff_cap < self.backoff_first {
            return impossible("backoff.cap", "must not be below backoff.first");
        }
        if self.rescue_attempts < 2 {
            return impossible("rescue_attempts", "a reversal and its confirmation are two");
        }
        if self.rescues_in_flight == 0 {
            return impossible("rescues_in_flight", "must not be zero");
        }
        if self.lease.0 < self.exchange().0 {
            return impossible(
                "lease",
                "must cover send_by + answer_timeout + a sixth of answer_timeout (R20)",
            );
        }
        let quiet_period = Product::ALL.map(|product| product.rules().times(self).quiet_period);
        if quiet_period.into_iter().any(|quiet_period| self.horizon < quiet_period) {
            return impossible("horizon", "must not be below quiet_period");
        }
        Ok(())
    }

    /// The same with i'mport among the products, and a lease that covers its longer exchange (R20).
    #[must_use]
    pub fn with_iamport(mut self, settings: iamport::Settings) -> Self {
        self.products.iamport = Some(settings);
        self.lease = self.lease.max(self.exchange());
        self
    }

    /// The longest that one exchange can take, of whatever product, from the moment it is written down, with a margin
    /// (R20).
    #[must_use]
    pub fn exchange(&self) -> Millis {
        let answer = Product::ALL.map(|product| product.rules().times(self).answer_timeout.0);
        let answer = answer.into_iter().max().unwrap_or_default();
        Millis(self.send_by.0.saturating_add(answer).saturating_add(answer / 6))
    }

    /// The pause before the message after the `sent`-th (R14): doubled each time up to the cap, and from the
    /// tenth on the cap doubles, so that the default budget lasts to the horizon.
    #[must_use]
    pub fn backoff(&self, sent: u32, unsent: u32) -> Millis {
        let doublings = sent.saturating_add(unsent).saturating_sub(1).min(40);
        let grown = self.backoff_first.0.saturating_mul(1 << doublings);
        let cap = self.backoff_cap.0.saturating_mul(1 << sent.saturating_sub(9).min(20));
        Millis(grown.min(cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R14: the default budget lasts to the horizon.
    #[test]
    fn r14_the_default_budget_lasts_to_the_horizon() {
        let policy = Policy::default();
        // After the last message there is no pause.
        let total: u64 = (1..policy.rescue_attempts).map(|n| policy.backoff(n, 0).0).sum();
        assert!(total >= policy.horizon.0, "{total}");
        assert_eq!(policy.backoff(1, 0), Millis(1_000));
        assert_eq!(policy.backoff(9, 0), Millis(60_000));
        assert_eq!(policy.backoff(10, 0), Millis(120_000));
    }

    /// R20: a lease that does not cover an exchange is refused; unsafe times only for a simulated gateway.
    /// R14: pauses double up to the cap; what was not sent counts too; after the tenth message the cap doubles.
    #[test]
    fn r14_pauses_double_up_to_a_cap_that_grows() {
        let policy = Policy::default();
        let seconds = |sent, unsent| policy.backoff(sent, unsent).0 / 1_000;
        assert_eq!([seconds(0, 0), seconds(0, 1), seconds(2, 0), seconds(1, 2)], [1, 1, 2, 4]);
        assert_eq!([seconds(6, 0), seconds(7, 0), seconds(0, 90)], [32, 60, 60]);
        assert_eq!([seconds(11, 0), seconds(12, 500)], [240, 480]);
        let highest = Policy { backoff_first: Millis(u64::MAX), backoff_cap: Millis(u64::MAX), ..policy };
        assert_eq!(highest.backoff(u32::MAX, u32::MAX), Millis(u64::MAX));
    }

    /// What cannot work is refused always, what is merely too short against a real gateway there alone.
    #[test]
    fn limits_hold_to_the_millisecond() {
        type Set = fn(&mut Policy, u64);
        let spans: [(&str, u64, Set); 6] = [
            ("answer_timeout", 30_000, |policy, span| policy.answer_timeout = Millis(span)),
            ("send_by", 1_000, |policy, span| policy.send_by = Millis(span)),
            ("quiet_period", 31_000, |policy, span| policy.quiet_period = Millis(span)),
            ("backoff.first", 100, |policy, span| policy.backoff_first = Millis(span)),
            ("backoff.cap", 1_000, |policy, span| policy.backoff_cap = Millis(span)),
            ("horizon", 3_600_000, |policy, span| policy.horizon = Millis(span)),
        ];
        let check = |set: Set, span, simulated| {
            let mut policy = Policy { backoff_first: Millis(100), ..Policy::default() };
            set(&mut policy, span);
            policy.check(simulated)
        };
        for (name, least, set) in spans {
            assert_eq!(check(set, least, false), Ok(()), "{name}");
            let short = PolicyError::Unsafe { field: name, got: least - 1, least };
            assert_eq!(check(set, least - 1, false), Err(short));
            assert_eq!(check(set, least - 1, true), Ok(()), "{name}");
            let zero = check(set, 0, true);
            assert!(matches!(zero, Err(PolicyError::Impossible { field, .. }) if field == name), "{zero:?}");
        }
        let exchange = Policy::default().exchange();
        assert_eq!(exchange, Millis(10_000 + 33_000 + 33_000 / 6));
        let pairs: [(&str, Policy, Policy); 5] = [
            (
                "backoff.cap",
                Policy { backoff_cap: Millis(1_000), ..Policy::default() },
                Policy { backoff_cap: Millis(999), ..Policy::default() },
            ),
            (
                "rescue_attempts",
                Policy { rescue_attempts: 2, ..Policy::default() },
                Policy { rescue_attempts: 1, ..Policy::default() },
            ),
            (
                "rescues_in_flight",
                Policy { rescues_in_flight: 1, ..Policy::default() },
                Policy { rescues_in_flight: 0, ..Policy::default() },
            ),
            (
                "lease",
                Policy { lease: exchange, ..Policy::default() },
                Policy { lease: Millis(exchange.0 - 1), ..Policy::default() },
            ),
            (
                "horizon",
                Policy { horizon: Millis(35_000), ..Policy::default() },
                Policy { horizon: Millis(34_999), ..Policy::default() },
            ),
        ];
        for (name, good, bad) in pairs {
            assert_eq!(good.check(true), Ok(()), "{name}");
            let bad = bad.check(true);
            assert!(matches!(bad, Err(PolicyError::Impossible { field, .. }) if field == name), "{bad:?}");
        }
    }

    #[test]
    fn r20_a_lease_must_cover_an_exchange() {
        let mut policy = Policy::default();
        assert_eq!(policy.check(false), Ok(()));
        policy.lease = Millis::from_secs(45);
        assert!(matches!(policy.check(true), Err(PolicyError::Impossible { field: "lease", .. })));
        policy = Policy { answer_timeout: Millis(300), ..Policy::default() };
        assert!(matches!(policy.check(false), Err(PolicyError::Unsafe { field: "answer_timeout", .. })));
        assert_eq!(policy.check(true), Ok(()));
    }
}
