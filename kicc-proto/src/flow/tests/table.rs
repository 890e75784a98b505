//! The table by itself: every stage, event and fact.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::flow::table::{Action, End, Event, Facts, FirstSuccess, Message, Row, Stage, Verb, next};

/// Calls with every combination.
fn each(mut see: impl FnMut(Stage, Event, &Facts, Row)) {
    let firsts = [FirstSuccess::None, FirstSuccess::WithoutCard, FirstSuccess::WithCard];
    let verbs = [Verb::Approve, Verb::NetCancel, Verb::Query, Verb::Cancel];
    for bits in 0..1_u32 << 12 {
        let bit = |n: u32| bits >> n & 1 == 1;
        for (verb, first_success) in verbs.into_iter().flat_map(|verb| firsts.map(|first| (verb, first))) {
            let facts = Facts {
                verb,
                quiet_over: bit(0),
                in_window: bit(1),
                may_try_again: bit(2),
                first_success,
                confirm: bit(3),
                settle_unlisted: bit(4),
                refund_settles: bit(5),
                cancel_unclear: bit(6),
                has_rescue: bit(7) || bit(8),
                has_query: bit(8),
                ended_approved: bit(9),
                adopt: bit(10),
                sees_at_once: bit(11),
            };
            for stage in Stage::ALL {
                for event in Event::ALL {
                    see(stage, event, &facts, next(stage, event, &facts));
                }
            }
        }
    }
}

#[test]
fn every_row_applies_in_its_stage_and_is_reached() {
    let mut taken = BTreeSet::new();
    each(|stage, event, facts, row| {
        assert_eq!(row.stage(), stage, "{event:?} {facts:?}");
        taken.insert(row);
    });
    let never: Vec<_> = Row::ALL.iter().filter(|row| !taken.contains(row)).collect();
    assert!(never.is_empty(), "{never:?}");
}

/// R6, R9, R12, R18, R19: charged and kept only by the merchant's own word over a stored approval, and that only
/// after an answer that came in time, or what a query found and is to be adopted.
#[test]
fn r18_only_the_merchants_word_ends_approved() {
    each(|stage, event, facts, row| {
        if row.action() == Action::Close(End::Approved) {
            assert_eq!((stage, event), (Stage::Undecided, Event::Held));
        }
        if row.next() == Stage::Undecided && stage != Stage::Undecided {
            let adopted = (stage, event, facts.adopt) == (Stage::Reversing, Event::StandsApproved, true);
            assert!(adopted || (stage, event) == (Stage::Intent, Event::Approved), "{row:?}");
            assert_eq!(adopted, row == Row::ReversingAdopted);
        }
        if event == Event::LateSuccess {
            assert!(!matches!(row.action(), Action::Close(_) | Action::Ask), "{row:?}");
        }
        if stage == Stage::Voiding || stage == Stage::Reversing && row != Row::ReversingAdopted {
            assert!(!matches!(row.action(), Action::Ask | Action::AskAgain), "{row:?}");
        }
    });
}

/// R13b: nothing to void proves nothing early or outside the window; R13c; R15.
#[test]
fn r13_nothing_closes_a_rescue_without_proof() {
    let rescue = [Stage::Reversing, Stage::Voiding, Stage::RefundUnknown];
    each(|stage, event, facts, row| {
        let closes = matches!(row.action(), Action::Close(_));
        if !rescue.contains(&stage) || !closes {
            return;
        }
        let confirmed = facts.quiet_over && facts.first_success == FirstSuccess::WithCard;
        let names_nothing = event == Event::Voided { card: false } && facts.verb == Verb::NetCancel;
        if names_nothing && facts.first_success != FirstSuccess::WithCard {
            assert!(facts.in_window, "{row:?}");
        }
        match event {
            Event::AlreadyVoided => {}
            Event::Voided { .. } if stage != Stage::Reversing => {}
            Event::Voided { .. } => assert!(facts.quiet_over || !facts.confirm),
            Event::NothingStands => assert!(facts.quiet_over && facts.in_window, "{row:?}"),
            // R16: nothing went back, and nothing that may yet do so is under way.
            Event::Declined => assert!(stage == Stage::RefundUnknown && !facts.cancel_unclear, "{row:?}"),
            Event::ProvesNothing => assert!(stage == Stage::Reversing && confirmed, "{row:?}"),
            _ => panic!("{stage:?} {event:?} {facts:?} closes by {row:?}"),
        }
    });
}

/// R13b: a look-up that may lag settles a refusal by *nothing stands* after the quiet period alone.
#[test]
fn r13_a_look_up_that_may_lag_clears_nothing_early() {
    each(|stage, event, facts, row| {
        if (stage, event) == (Stage::Settling, Event::NothingStands) && row == Row::SettlingCleared {
            assert!(facts.in_window && (facts.sees_at_once || facts.quiet_over), "{facts:?}");
        }
    });
}

/// R7: what is not an answer never ends anything by itself.
#[test]
fn r7_unknown_closes_nothing() {
    each(|_, event, _, row| {
        if event == Event::Unknown {
            assert!(!matches!(row.action(), Action::Close(_)), "{row:?}");
        }
        if matches!(row.action(), Action::Close(End::NeverSent | End::RefundNotAttempted)) {
            assert_eq!(event, Event::NotSent);
        }
    });
}

/// R16: a cancel that was not answered may have taken effect, whatever becomes of its repetition.
#[test]
fn r16_a_repeated_cancel_does_not_tell_of_the_first() {
    each(|stage, _, facts, row| {
        let still_charged =
            matches!(row.action(), Action::Close(End::RefundRefused | End::RefundNotAttempted));
        assert!(!(stage == Stage::Refunding && facts.cancel_unclear && still_charged), "{row:?}");
    });
}

/// R11: without a rescue message none is sent, and nothing is guessed: only what a gateway said in plain words, or
/// what never left, ends without a person.
#[test]
fn r11_without_a_rescue_message_a_person_must_look() {
    each(|stage, event, facts, row| {
        if facts.has_rescue || facts.refund_settles {
            return;
        }
        let rescue = [Action::Send(Message::Rescue), Action::Retry(Message::Rescue)];
        assert!(!rescue.contains(&row.action()), "{row:?} on {event:?} {facts:?}");
        assert_ne!(row.action(), Action::AfterQuiet(Message::Rescue), "{row:?} on {event:?} {facts:?}");
        let driven = !matches!(stage, Stage::Undecided | Stage::Parked | Stage::Closed);
        let unanswered = driven && event == Event::Unknown;
        assert!(!unanswered || row.action() == Action::Park, "{row:?} on {event:?} {facts:?}");
    });
}

/// R20: a parked record is driven by nobody; a closed one only by R9.
#[test]
fn r20_parked_and_closed_send_nothing() {
    each(|stage, event, facts, row| match stage {
        Stage::Parked => assert_eq!((row.next(), row.action()), (Stage::Parked, Action::Note)),
        Stage::Closed if event == Event::LateSuccess && !facts.ended_approved => {
            let next = if facts.has_rescue { Stage::Reversing } else { Stage::Voiding };
            assert_eq!(row.next(), next);
        }
        Stage::Closed => assert_eq!((row.next(), row.action()), (Stage::Closed, Action::Note)),
        _ => {}
    });
}

/// R4: no row sends an approval; the actions have no word for it. R14: every run ends. A rescue's tries are
/// counted; with none left each row goes strictly down this order, except that a success read late, of which
/// there is at most one, lifts it once, and so does an adoption: from there only a success that is known not stored
/// (R18), which an adoption is not, leads back.
#[test]
fn r14_without_tries_left_it_goes_down_to_its_end() {
    let height = |stage| match stage {
        Stage::Intent => 5,
        Stage::Undecided => 4,
        Stage::Settling | Stage::Reversing => 3,
        Stage::Voiding | Stage::Refunding => 2,
        Stage::RefundUnknown => 1,
        Stage::Parked | Stage::Closed => 0,
    };
    each(|stage, event, facts, row| {
        let lifted = event == Event::LateSuccess || row == Row::ReversingAdopted;
        if facts.may_try_again || lifted || height(stage) == 0 {
            return;
        }
        assert!(height(row.next()) < height(stage), "{row:?} on {event:?} {facts:?}");
        let waits = matches!(row.action(), Action::Retry(_) | Action::AfterQuiet(_) | Action::AskAgain);
        assert!(!waits, "{row:?} waits for a try that is not left");
    });
}
