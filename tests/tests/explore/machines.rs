//! Machines that break one rule each, at the engine's seams: its driver, its journal, its policy. The shipped core
//! has no hook for them.

use kicc_proto::{
    flow::{Policy, policy::UnlistedCodes},
    product::Product,
    time::Millis,
};

use super::place::{ALREADY, EXPLORED, Habits, NOTHING, Place, VAGUE, code, codes, places};

macro_rules! machines {
    ($($machine:ident: $what:literal;)*) => {
        /// Which machine is explored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Machine {
            /// The one that is shipped.
            Real,
            $(#[doc = $what] $machine,)*
        }

        impl Machine {
            /// The known-bad ones.
            pub const BAD: &'static [Machine] = &[$(Machine::$machine,)*];

            /// What it does wrong.
            pub fn what(self) -> &'static str {
                match self { Machine::Real => "nothing", $(Machine::$machine => $what,)* }
            }
        }
    };
}

machines! {
    SkipsTheRecord: "sends before the record is written (R1)";
    WritesWithoutFlush: "a crash takes the latest row with it (R1)";
    TakesNotKnownForStored: "takes a write that is not known for stored (R2)";
    KnownNumberIsNeverSent: "reports a known number as never sent (R3)";
    RetriesTheApproval: "sends the approval again when it was not answered (R4)";
    IgnoresSendBy: "sends after the permission has passed (R4)";
    CodeIsADecline: "takes a code that no table lists for a decline, and does not settle it (R6)";
    TimeoutIsADecline: "reads no answer as a decline (R7)";
    ResetIsNeverSent: "takes a broken connection for proof that nothing was sent (R7)";
    BrokenAnswerIsADecline: "reads an answer that cannot be parsed as a decline (R7)";
    AnyAmountWillDo: "accepts another amount (R8)";
    LateAnswerApproves: "accepts an answer that came after give-up (R9)";
    RebuildsTheNetCancel: "builds the net-cancel anew on every try (R10)";
    CancelsOnlyOne: "cancels one of several payments of the number (R12)";
    ReadyIsDead: "takes what may yet be paid for dead (R12)";
    NoQuietPeriod: "does not wait for late approvals (R13b)";
    NothingAtOnce: "trusts \"nothing stands\" at once (R13b)";
    NothingForEver: "trusts \"nothing stands\" outside its window (R13b)";
    NoConfirmation: "does not confirm an early reversal (R13c)";
    AnyConfirmation: "takes any code of a net-cancel for a reversal (R13c, R15)";
    CancelsWithoutChecksum: "cancels whatever is left, not what the record says (R16)";
    RefundsUnderAFreshNumber: "refunds under a fresh number after a crash (R16)";
    TellsBeforeItIsStored: "asks the merchant before the approval is stored (R18)";
    CancelsBeforeRefusalIsStored: "cancels before the refusal is stored (R18)";
    WritesWithoutComparing: "the last to write wins (R18)";
    CannotTellIsHeld: "takes \"cannot tell\" for held (R19)";
    RefusalIsIgnored: "accepts what the merchant does not hold (R19)";
    IntentIsNeverSent: "resumes an intent as never sent (R17)";
    IgnoresTheLease: "does not look at the lease before the first byte (R20)";
    WaitsByTheWallClock: "takes the wall clock for the quiet period (R25)";
    DrivesTheParked: "goes on with a parked record by itself (R20)";
}

impl Machine {
    /// Whose messages it breaks.
    pub fn products(self) -> &'static [Product] {
        match self {
            Machine::RebuildsTheNetCancel
            | Machine::NothingForEver
            | Machine::NoConfirmation
            | Machine::AnyConfirmation => &[Product::Simple],
            Machine::CancelsOnlyOne | Machine::ReadyIsDead | Machine::CancelsWithoutChecksum => {
                &[Product::Iamport]
            }
            // i'mport's cancels have no number, and a checksum: a second one does nothing.
            Machine::RefundsUnderAFreshNumber => &[Product::Simple, Product::EasyTalk],
            _ => &EXPLORED,
        }
    }

    /// Where it is explored.
    pub fn places(self, product: Product) -> Vec<Place> {
        let all = places(product);
        match self {
            Machine::CodeIsADecline => changed(&all, |policy| policy.unlisted_codes = UnlistedCodes::Decline),
            Machine::NoQuietPeriod => changed(&all, do_not_wait),
            Machine::NothingForEver => changed(&all, |policy| policy.horizon = Millis::from_secs(7 * 86_400)),
            Machine::NoConfirmation => changed(&all, |policy| policy.confirm_reversal = false),
            Machine::NothingAtOnce if product == Product::Simple => {
                changed(&all, |policy| policy.codes = codes(Vec::new(), vec![code(NOTHING), code(ALREADY)]))
            }
            // Before a look-up shows what was booked.
            Machine::NothingAtOnce if product == Product::Iamport => {
                let lagging: Vec<Place> = all.into_iter().filter(|place| place.habits.lags).collect();
                changed(&lagging, do_not_wait)
            }
            Machine::AnyConfirmation => changed(&all, |policy| {
                policy.codes = codes(vec![code(NOTHING)], vec![code(VAGUE), code(ALREADY)])
            }),
            _ => all,
        }
    }
}

fn do_not_wait(policy: &mut Policy) {
    policy.quiet_period = Millis(1);
    if let Some(settings) = &mut policy.products.iamport {
        settings.quiet_period = Millis(1);
    }
}

fn changed(places: &[Place], change: impl Fn(&mut Policy) + Copy) -> Vec<Place> {
    let habits: Vec<Habits> = places.iter().map(|place| place.habits).collect();
    habits.into_iter().map(|habits| Place::with(habits, change)).collect()
}
