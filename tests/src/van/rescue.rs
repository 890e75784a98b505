//! What a rescue fault makes of net-cancels, status queries and cancels: the same in every product.

use super::faults::{Plan, Rescue};
use super::http::{Answer, Reply};
use super::ledger::{Entry, Kind};

/// The rescue fault that spoils this message, if one does; its turn is used up.
pub(super) fn spoils(entry: &mut Entry, plan: Plan, kind: Kind, failures: u32) -> Option<Rescue> {
    let rescue = plan.rescue.filter(|rescue| rescue.concerns(kind))?;
    if matches!(rescue, Rescue::ProvesNothing | Rescue::QueryForgets) {
        return Some(rescue);
    }
    if entry.rescues_failed >= failures {
        return None;
    }
    entry.rescues_failed += 1;
    Some(rescue)
}

/// The answer of a rescue fault that does nothing else.
pub(super) fn undone(
    entry: &mut Entry,
    spoiled: Option<Rescue>,
    refusal: impl FnOnce(&str, &str) -> Reply,
) -> Option<Answer> {
    let (did, answer) = match spoiled? {
        Rescue::Hang | Rescue::CancelHang => ("ignored", Answer::Hang(None)),
        Rescue::ServerError => ("ignored: 503", server_error()),
        Rescue::ProvesNothing | Rescue::CancelRefused => {
            ("refused: 7777", Answer::Reply(refusal("7777", "처리 불가")))
        }
        _ => return None,
    };
    entry.did(did);
    Some(answer)
}

/// The answer to what was done, unless the rescue fault swallows it.
pub(super) fn done(spoiled: Option<Rescue>, reply: Reply) -> Answer {
    match spoiled {
        Some(Rescue::HangDone | Rescue::CancelHangDone) => Answer::Hang(None),
        Some(Rescue::Reset) => Answer::Reset,
        _ => Answer::Reply(reply),
    }
}

pub(super) fn server_error() -> Answer {
    Answer::Reply(Reply::text(503, "try again\n"))
}
