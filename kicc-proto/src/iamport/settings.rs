//! What the documentation leaves to the merchant, or does not say.

use crate::time::Millis;

/// i'mport's settings. The channel must be said: begin with [`Settings::live`] or [`Settings::test`] and change fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The kind of channel that the console has for this merchant.
    pub channel: ChannelKind,
    /// Whether the look-ups by `merchant_uid` show the payments of a test channel; it is not documented (spec §14.8).
    /// As long as it is not known that they do (the default), *absent* closes nothing there (R13b).
    pub sees_sandbox: bool,
    /// What becomes of a charge without an answer that a look-up finds paid, with the right amount.
    pub on_found_paid: OnFoundPaid,
    /// How long an answer may take: i'mport asks for 60 s at least (spec §8). The policy's lease must cover it
    /// ([`Policy::with_iamport`](crate::flow::Policy::with_iamport) sees to that).
    pub answer_timeout: Millis,
    /// How long after give-up a charge may still be booked (R12, R13b); default 90 s.
    pub quiet_period: Millis,
}

/// What a channel sells: the host is the same (spec §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Real money. A payment that says of itself that it is a test is no approval there, and is cancelled.
    Live,
    /// Tests: no money is withdrawn. Look-ups ask for test payments (`include_sandbox`). A payment that says of itself
    /// that it is real is no approval here, and is cancelled.
    Test,
}

/// What becomes of a charge without an answer that a look-up finds paid (R12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFoundPaid {
    /// It is cancelled.
    #[default]
    Cancel,
    /// It is put to the accept step: for sales that nobody waits for, such as subscriptions.
    Adopt,
}

impl Settings {
    /// Of a channel that takes real money.
    #[must_use]
    pub fn live() -> Self {
        Self::of(ChannelKind::Live)
    }

    /// Of a test channel.
    #[must_use]
    pub fn test() -> Self {
        Self::of(ChannelKind::Test)
    }

    /// Whether the answer that there is no payment of a `merchant_uid` could be believed, once it is time.
    #[must_use]
    pub fn absence_counts(&self) -> bool {
        self.channel == ChannelKind::Live || self.sees_sandbox
    }

    fn of(channel: ChannelKind) -> Self {
        Settings {
            channel,
            sees_sandbox: false,
            on_found_paid: OnFoundPaid::default(),
            answer_timeout: Millis::from_secs(60),
            quiet_period: Millis::from_secs(90),
        }
    }
}
