//! The transition table: every stage of a record against everything that can happen to it. It knows no bytes.
//!
//! [`next`] is total. The diagram and the table in the documentation are written from [`Row::ALL`].

/// Where an attempt stands, as its record says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Written down; the approval may have been sent, once.
    Intent,
    /// Declined with a code that no table lists: settled before it is believed (R6).
    Settling,
    /// Unknown: being rescued (R10 to R14).
    Reversing,
    /// Approved; the merchant has not yet said whether its books hold it (R18).
    Undecided,
    /// Approved and not wanted: being cancelled; the merchant is never asked again (R18).
    Voiding,
    /// A refund whose cancel may have been sent (R16).
    Refunding,
    /// A refund whose cancel was not answered (R16).
    RefundUnknown,
    /// Waits for a person; nothing is sent (R20).
    Parked,
    /// Ended.
    Closed,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 9] = [
        Stage::Intent,
        Stage::Settling,
        Stage::Reversing,
        Stage::Undecided,
        Stage::Voiding,
        Stage::Refunding,
        Stage::RefundUnknown,
        Stage::Parked,
        Stage::Closed,
    ];
}

/// What a message asks of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Take the money. Sent at most once (R4).
    Approve,
    /// Void the approval that has these data, if there is one.
    NetCancel,
    /// Say what became of it.
    Query,
    /// Cancel the approval that has this number.
    Cancel,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The approval was answered with a success that is ours (R6).
    Approved,
    /// The same, over another amount (R8).
    AmountDiffers,
    /// A refusal whose code is in the table of issuer refusals.
    Declined,
    /// A refusal whose code is in no table.
    Unlisted,
    /// A rescue message or cancel succeeded; `card`: the answer names what was voided.
    Voided {
        /// Whether a card was stated.
        card: bool,
    },
    /// A configured code: it was voided before.
    AlreadyVoided,
    /// A configured code, or a query: there is nothing to void.
    NothingStands,
    /// A query shows the approval standing.
    StandsApproved,
    /// A readable answer that proves nothing (R15).
    ProvesNothing,
    /// No trustworthy answer; bytes may have left (R7).
    Unknown,
    /// Not one byte left.
    NotSent,
    /// A success of the approval was read after it had been given up, taken over or closed (R9).
    LateSuccess,
    /// The merchant's books hold the approval.
    Held,
    /// They do not, and will not.
    NotHeld,
    /// The merchant cannot tell.
    CannotTell,
    /// The approval is known not to be stored: the merchant must not be told of it (R18).
    NotRecorded,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 17] = [
        Event::Approved,
        Event::AmountDiffers,
        Event::Declined,
        Event::Unlisted,
        Event::Voided { card: true },
        Event::Voided { card: false },
        Event::AlreadyVoided,
        Event::NothingStands,
        Event::StandsApproved,
        Event::ProvesNothing,
        Event::Unknown,
        Event::NotSent,
        Event::LateSuccess,
        Event::Held,
        Event::NotHeld,
        Event::CannotTell,
        Event::NotRecorded,
    ];
}

/// A success answer to a net-cancel that waits for its confirmation (R13c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstSuccess {
    /// There was none.
    #[default]
    None,
    /// It named no card: it may have voided nothing.
    WithoutCard,
    /// It named a card: something was really voided.
    WithCard,
}

impl FirstSuccess {
    /// Whether there was none.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_none(&self) -> bool {
        *self == FirstSuccess::None
    }
}

/// What else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// The message that was answered, or not.
    pub verb: Verb,
    /// The message was sent after the quiet period (R13b).
    pub quiet_over: bool,
    /// The gateway is known to remember so far back (R13b).
    pub in_window: bool,
    /// Tries are left, and the horizon has not come (R14).
    pub may_try_again: bool,
    /// See [`FirstSuccess`].
    pub first_success: FirstSuccess,
    /// Policy: a success inside the quiet period is confirmed (R13c).
    pub confirm: bool,
    /// Policy: an unlisted code is settled first (R6).
    pub settle_unlisted: bool,
    /// A refund of unknown outcome may be settled by the product's rescue message now (R16).
    pub refund_settles: bool,
    /// An earlier cancel was not answered: it may have taken effect.
    pub cancel_unclear: bool,
    /// The product has a rescue message, by nature or by configuration.
    pub has_rescue: bool,
    /// That message asks what became of a transaction.
    pub has_query: bool,
    /// That message sees at once what was booked.
    pub sees_at_once: bool,
    /// What a query shows standing is put to the accept step, not cancelled (R12).
    pub adopt: bool,
    /// It is closed, and ended approved.
    pub ended_approved: bool,
}

/// What to do, beside moving to the next stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send a message at once.
    Send(Message),
    /// Send it after a growing pause (R14).
    Retry(Message),
    /// Send it when the quiet period is over (R13b).
    AfterQuiet(Message),
    /// Put the approval to the accept step (R19).
    Ask,
    /// Put it there again after a pause.
    AskAgain,
    /// It has ended.
    Close(End),
    /// Hand it to a person.
    Park,
    /// Write down what was seen, and change nothing else.
    Note,
}

/// Which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// The product's rescue message: net-cancel, or query.
    Rescue,
    /// The cancel that is recorded.
    Cancel,
    /// A new cancel: next number, today's date (R16).
    NextCancel,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Charged, and the merchant holds it.
    Approved,
    /// Refused.
    Declined,
    /// Not one byte left.
    NeverSent,
    /// Nothing stands any more.
    Reversed,
    /// The refund took effect.
    Refunded,
    /// The refund was refused: still charged.
    RefundRefused,
    /// The refund was never sent: still charged.
    RefundNotAttempted,
}

macro_rules! rows {
    ($($row:ident: $stage:ident, $what:literal => $next:ident, $action:expr;)*) => {
        /// One row of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Row { $(#[doc = $what] $row,)* }

        impl Row {
            /// All rows, in the order of the documentation.
            pub const ALL: &'static [Row] = &[$(Row::$row,)*];

            /// The stage in which it applies.
            #[must_use]
            pub const fn stage(self) -> Stage { match self { $(Row::$row => Stage::$stage,)* } }
            /// What happened, in words.
            #[must_use]
            pub const fn what(self) -> &'static str { match self { $(Row::$row => $what,)* } }
            /// The stage after it.
            #[must_use]
            pub const fn next(self) -> Stage { match self { $(Row::$row => Stage::$next,)* } }
            /// What to do.
            #[must_use]
            pub const fn action(self) -> Action { match self { $(Row::$row => $action,)* } }
        }
    };
}

use Action::{AfterQuiet, Ask, AskAgain, Close, Note, Park, Retry, Send};
use Message::{Cancel, NextCancel, Rescue};

rows! {
    IntentApproved: Intent, "approved" => Undecided, Ask;
    IntentAmountDiffers: Intent, "approved over another amount (R8)" => Voiding, Send(Cancel);
    IntentDeclined: Intent, "declined with a listed code" => Closed, Close(End::Declined);
    IntentUnlistedSettled: Intent, "declined with an unlisted code, to be settled (R6)" => Settling, Send(Rescue);
    IntentUnlistedTaken: Intent, "declined with an unlisted code, taken at its word" => Closed, Close(End::Declined);
    IntentNotSent: Intent, "proof that nothing was sent" => Closed, Close(End::NeverSent);
    IntentUnknown: Intent, "no trustworthy answer (R7)" => Reversing, Send(Rescue);
    IntentNoRescue: Intent, "no trustworthy answer or an unlisted code, and no rescue message" => Parked, Park;
    IntentLate: Intent, "a success after give-up (R9)" => Reversing, Send(Rescue);
    IntentLateCancelled: Intent, "a success after give-up, and no rescue message" => Voiding, Send(Cancel);

    SettlingCleared: Settling, "voided, voided before, or nothing to void" => Closed, Close(End::Declined);
    SettlingStands: Settling, "a query shows an approval" => Voiding, Send(Cancel);
    SettlingNothingEarly: Settling, "nothing to void, inside the quiet period, by a look-up that may lag (R13b)" => Settling, AfterQuiet(Rescue);
    SettlingNothingOutside: Settling, "nothing to void, outside the proof window (R13b)" => Parked, Park;
    SettlingAgain: Settling, "nothing proved, tries left" => Settling, Retry(Rescue);
    SettlingExhausted: Settling, "nothing proved, no tries left or no rescue message" => Parked, Park;
    SettlingLate: Settling, "a success after give-up (R9)" => Reversing, Send(Rescue);
    SettlingLateCancelled: Settling, "a success after give-up, and no rescue message" => Voiding, Send(Cancel);

    ReversingVoided: Reversing, "voided, after the quiet period or unconfirmed by policy" => Closed, Close(End::Reversed);
    ReversingVoidedEarly: Reversing, "voided inside the quiet period (R13c)" => Reversing, AfterQuiet(Rescue);
    ReversingVoidedUnconfirmed: Reversing, "voided inside the quiet period, no tries left to confirm it" => Parked, Park;
    ReversingAlready: Reversing, "voided before" => Closed, Close(End::Reversed);
    ReversingNothing: Reversing, "nothing to void, after the quiet period and inside the proof window" => Closed, Close(End::Reversed);
    ReversingNothingEarly: Reversing, "nothing to void, inside the quiet period" => Reversing, AfterQuiet(Rescue);
    ReversingNothingExhausted: Reversing, "nothing to void, inside the quiet period, no tries left" => Parked, Park;
    ReversingNothingOutside: Reversing, "nothing to void, outside the proof window (R13b)" => Parked, Park;
    ReversingConfirmedByAny: Reversing, "a readable code confirms a success that named a card" => Closed, Close(End::Reversed);
    ReversingAdopted: Reversing, "a query shows it standing with the right amount, and it is to be adopted (R12)" => Undecided, Ask;
    ReversingStands: Reversing, "a query shows the approval standing" => Voiding, Send(Cancel);
    ReversingAgain: Reversing, "nothing proved, tries left" => Reversing, Retry(Rescue);
    ReversingExhausted: Reversing, "nothing proved, no tries left or no rescue message" => Parked, Park;
    ReversingLate: Reversing, "a success after give-up: no answer from before it counts (R9)" => Reversing, Send(Rescue);
    ReversingLateCancelled: Reversing, "a success after give-up, and no rescue message" => Voiding, Send(Cancel);

    UndecidedHeld: Undecided, "the merchant holds it" => Closed, Close(End::Approved);
    UndecidedNotHeld: Undecided, "the merchant does not hold it" => Voiding, Send(Cancel);
    UndecidedCannotTell: Undecided, "the merchant cannot tell, horizon not reached" => Undecided, AskAgain;
    UndecidedExhausted: Undecided, "the merchant cannot tell, horizon reached" => Parked, Park;
    UndecidedNotRecorded: Undecided, "known not stored: the merchant is not told (R18)" => Reversing, Send(Rescue);
    UndecidedNotRecordedCancelled: Undecided, "known not stored, and no rescue message" => Voiding, Send(Cancel);
    UndecidedLate: Undecided, "its success was read once more, late" => Undecided, Note;

    VoidingDone: Voiding, "cancelled, voided, or voided before" => Closed, Close(End::Reversed);
    VoidingNothing: Voiding, "nothing to void, after the quiet period and inside the proof window" => Closed, Close(End::Reversed);
    VoidingNothingEarly: Voiding, "nothing to void, inside the quiet period" => Voiding, AfterQuiet(Rescue);
    VoidingNothingOutside: Voiding, "nothing to void, outside the proof window" => Parked, Park;
    VoidingCancelUnclear: Voiding, "the cancel proved nothing or was not answered (R15)" => Voiding, Send(Rescue);
    VoidingCancelUnsent: Voiding, "the cancel was not sent, tries left" => Voiding, Retry(Cancel);
    VoidingRefusedAgain: Voiding, "the rescue message proved nothing, tries left" => Voiding, Retry(Cancel);
    VoidingStandsEarly: Voiding, "a query shows it standing, inside the quiet period" => Voiding, AfterQuiet(Rescue);
    VoidingStands: Voiding, "a query shows it standing, after the quiet period" => Voiding, Send(NextCancel);
    VoidingAgain: Voiding, "the rescue message was not answered, tries left" => Voiding, Retry(Rescue);
    VoidingStandsExhausted: Voiding, "a query shows it standing, after the quiet period, and no tries left" => Parked, Park;
    VoidingExhausted: Voiding, "no tries left, or nothing proved and no rescue message" => Parked, Park;
    VoidingLate: Voiding, "its success was read once more, late" => Voiding, Note;

    RefundDone: Refunding, "cancelled, or voided before" => Closed, Close(End::Refunded);
    RefundDeclined: Refunding, "refused with a listed code" => Closed, Close(End::RefundRefused);
    RefundUnlistedTaken: Refunding, "refused with an unlisted code, taken at its word" => Closed, Close(End::RefundRefused);
    RefundUnproven: Refunding, "an answer that proves nothing, and no query (R15)" => Parked, Park;
    RefundNotSent: Refunding, "proof that nothing was sent" => Closed, Close(End::RefundNotAttempted);
    RefundLost: Refunding, "no trustworthy answer, and the rescue message settles it (R16)" => RefundUnknown, Send(Rescue);
    RefundLostForPerson: Refunding, "no trustworthy answer, and nothing may settle it (R16)" => Parked, Park;

    RefundSettled: RefundUnknown, "voided, or voided before" => Closed, Close(End::Refunded);
    RefundNothing: RefundUnknown, "nothing stands, after the quiet period and inside the proof window" => Closed, Close(End::Refunded);
    RefundNothingOutside: RefundUnknown, "nothing stands, outside the proof window (R13b)" => Parked, Park;
    RefundNothingEarly: RefundUnknown, "nothing stands, inside the quiet period" => RefundUnknown, AfterQuiet(Rescue);
    RefundStandsEarly: RefundUnknown, "a query shows it standing, inside the quiet period" => RefundUnknown, AfterQuiet(Rescue);
    RefundStands: RefundUnknown, "a query shows it standing, after the quiet period" => Refunding, Send(NextCancel);
    RefundStillRefused: RefundUnknown, "refused in plain words, and a query shows that nothing went back, after the quiet period where it may lag" => Closed, Close(End::RefundRefused);
    RefundAgain: RefundUnknown, "nothing proved, tries left, and it may be settled now" => RefundUnknown, Retry(Rescue);
    RefundExhausted: RefundUnknown, "nothing proved, and no try left or allowed" => Parked, Park;

    ParkedLate: Parked, "a success read late: written down, for the person who looks" => Parked, Note;
    ParkedOther: Parked, "anything else" => Parked, Note;
    ClosedOther: Closed, "anything else" => Closed, Note;
    ClosedLate: Closed, "a success read late, not ended as approved: opened again (R9)" => Reversing, Send(Rescue);
    ClosedLateCancelled: Closed, "the same, and no rescue message" => Voiding, Send(Cancel);
}

/// The row that applies. Total: an event that a stage cannot meet is taken as its *nothing proved*.
#[must_use]
pub fn next(stage: Stage, event: Event, facts: &Facts) -> Row {
    let event = match event {
        Event::Voided { card: false } if may_have_voided_nothing(facts) => Event::NothingStands,
        event => event,
    };
    match stage {
        Stage::Intent => intent(event, facts),
        Stage::Settling => settling(event, facts),
        Stage::Reversing => reversing(event, facts),
        Stage::Undecided => undecided(event, facts),
        Stage::Voiding => voiding(event, facts),
        Stage::Refunding => refunding(event, facts),
        Stage::RefundUnknown => refund_unknown(event, facts),
        Stage::Parked if event == Event::LateSuccess => Row::ParkedLate,
        Stage::Parked => Row::ParkedOther,
        Stage::Closed if event == Event::LateSuccess && !facts.ended_approved => {
            if facts.has_rescue {
                Row::ClosedLate
            } else {
                Row::ClosedLateCancelled
            }
        }
        Stage::Closed => Row::ClosedOther,
    }
}

/// A net-cancel's success that names no card may say that there was nothing to void, which outside the proof window
/// proves nothing (R13b), unless one before it has named a card.
fn may_have_voided_nothing(facts: &Facts) -> bool {
    facts.verb == Verb::NetCancel && !facts.in_window && facts.first_success != FirstSuccess::WithCard
}

fn intent(event: Event, facts: &Facts) -> Row {
    match event {
        Event::Approved => Row::IntentApproved,
        Event::AmountDiffers => Row::IntentAmountDiffers,
        Event::Declined => Row::IntentDeclined,
        Event::Unlisted if !facts.settle_unlisted => Row::IntentUnlistedTaken,
        Event::NotSent => Row::IntentNotSent,
        Event::LateSuccess if facts.has_rescue => Row::IntentLate,
        Event::LateSuccess => Row::IntentLateCancelled,
        _ if !facts.has_rescue => Row::IntentNoRescue,
        Event::Unlisted => Row::IntentUnlistedSettled,
        _ => Row::IntentUnknown,
    }
}

fn settling(event: Event, facts: &Facts) -> Row {
    let early = !facts.sees_at_once && !facts.quiet_over;
    match event {
        Event::Voided { .. } | Event::AlreadyVoided => Row::SettlingCleared,
        Event::NothingStands if early && facts.may_try_again && facts.has_rescue => Row::SettlingNothingEarly,
        Event::NothingStands if !facts.in_window => Row::SettlingNothingOutside,
        Event::NothingStands if early => Row::SettlingExhausted,
        Event::NothingStands => Row::SettlingCleared,
        Event::StandsApproved => Row::SettlingStands,
        Event::LateSuccess if facts.has_rescue => Row::SettlingLate,
        Event::LateSuccess => Row::SettlingLateCancelled,
        _ if facts.may_try_again && facts.has_rescue => Row::SettlingAgain,
        _ => Row::SettlingExhausted,
    }
}

fn reversing(event: Event, facts: &Facts) -> Row {
    let again = facts.may_try_again && facts.has_rescue;
    match event {
        Event::Voided { .. } if facts.quiet_over || !facts.confirm => Row::ReversingVoided,
        Event::Voided { .. } if again => Row::ReversingVoidedEarly,
        Event::Voided { .. } => Row::ReversingVoidedUnconfirmed,
        Event::AlreadyVoided => Row::ReversingAlready,
        Event::NothingStands if !facts.quiet_over && again => Row::ReversingNothingEarly,
        Event::NothingStands if !facts.in_window => Row::ReversingNothingOutside,
        Event::NothingStands if !facts.quiet_over => Row::ReversingNothingExhausted,
        Event::NothingStands => Row::ReversingNothing,
        Event::ProvesNothing if facts.quiet_over && facts.first_success == FirstSuccess::WithCard => {
            Row::ReversingConfirmedByAny
        }
        Event::StandsApproved if facts.adopt => Row::ReversingAdopted,
        Event::StandsApproved => Row::ReversingStands,
        Event::LateSuccess if facts.has_rescue => Row::ReversingLate,
        Event::LateSuccess => Row::ReversingLateCancelled,
        _ if again => Row::ReversingAgain,
        _ => Row::ReversingExhausted,
    }
}

fn undecided(event: Event, facts: &Facts) -> Row {
    match event {
        Event::Held => Row::UndecidedHeld,
        Event::NotHeld => Row::UndecidedNotHeld,
        Event::NotRecorded if facts.has_rescue => Row::UndecidedNotRecorded,
        Event::NotRecorded => Row::UndecidedNotRecordedCancelled,
        Event::LateSuccess => Row::UndecidedLate,
        _ if facts.may_try_again => Row::UndecidedCannotTell,
        _ => Row::UndecidedExhausted,
    }
}

fn voiding(event: Event, facts: &Facts) -> Row {
    let cancel = facts.verb == Verb::Cancel;
    match event {
        Event::Voided { .. } | Event::AlreadyVoided => Row::VoidingDone,
        Event::LateSuccess => Row::VoidingLate,
        Event::StandsApproved if !facts.may_try_again && facts.quiet_over => Row::VoidingStandsExhausted,
        _ if !facts.may_try_again && (cancel || event != Event::NothingStands) => Row::VoidingExhausted,
        Event::NotSent if cancel => Row::VoidingCancelUnsent,
        _ if cancel && facts.has_rescue => Row::VoidingCancelUnclear,
        _ if cancel => Row::VoidingExhausted,
        Event::NothingStands if facts.quiet_over && facts.in_window => Row::VoidingNothing,
        Event::NothingStands if facts.quiet_over || !facts.may_try_again && !facts.in_window => {
            Row::VoidingNothingOutside
        }
        Event::StandsApproved if facts.quiet_over => Row::VoidingStands,
        _ if !facts.has_rescue => Row::VoidingExhausted,
        Event::NothingStands if facts.may_try_again => Row::VoidingNothingEarly,
        Event::NothingStands => Row::VoidingExhausted,
        Event::StandsApproved => Row::VoidingStandsEarly,
        Event::ProvesNothing if !facts.has_query => Row::VoidingRefusedAgain,
        _ => Row::VoidingAgain,
    }
}

fn refunding(event: Event, facts: &Facts) -> Row {
    match event {
        Event::Voided { .. } | Event::AlreadyVoided => Row::RefundDone,
        Event::Declined if !facts.cancel_unclear => Row::RefundDeclined,
        Event::NotSent if !facts.cancel_unclear => Row::RefundNotSent,
        Event::Unlisted if !facts.cancel_unclear && !facts.settle_unlisted => Row::RefundUnlistedTaken,
        Event::ProvesNothing | Event::NothingStands | Event::Declined | Event::Unlisted
            if !facts.has_query =>
        {
            Row::RefundUnproven
        }
        _ if facts.refund_settles && facts.may_try_again => Row::RefundLost,
        _ => Row::RefundLostForPerson,
    }
}

fn refund_unknown(event: Event, facts: &Facts) -> Row {
    let again = facts.may_try_again && facts.refund_settles;
    match event {
        Event::Voided { .. } | Event::AlreadyVoided => Row::RefundSettled,
        Event::NothingStands if facts.quiet_over && facts.in_window => Row::RefundNothing,
        Event::NothingStands if !facts.quiet_over && again => Row::RefundNothingEarly,
        Event::NothingStands if !facts.in_window => Row::RefundNothingOutside,
        Event::StandsApproved if facts.quiet_over && again => Row::RefundStands,
        Event::StandsApproved if again => Row::RefundStandsEarly,
        Event::Declined if !facts.cancel_unclear => Row::RefundStillRefused,
        _ if again => Row::RefundAgain,
        _ => Row::RefundExhausted,
    }
}
