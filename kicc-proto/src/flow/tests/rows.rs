//! Rows of the table that differ by one fact.

use crate::flow::table::{Event, Facts, FirstSuccess, Row, Stage, Verb, next};

/// A query that was sent after the quiet period and inside the window, with tries left.
fn facts() -> Facts {
    Facts {
        verb: Verb::Query,
        quiet_over: true,
        in_window: true,
        may_try_again: true,
        first_success: FirstSuccess::None,
        confirm: true,
        settle_unlisted: true,
        refund_settles: true,
        cancel_unclear: false,
        has_rescue: true,
        has_query: true,
        sees_at_once: true,
        ended_approved: false,
        adopt: false,
    }
}

/// R15: a query that was not sent is sent again, and not the cancel.
#[test]
fn r15_what_was_not_sent_is_what_is_sent_again() {
    let cancel = Facts { verb: Verb::Cancel, ..facts() };
    assert_eq!(next(Stage::Voiding, Event::NotSent, &facts()), Row::VoidingAgain);
    assert_eq!(next(Stage::Voiding, Event::NotSent, &cancel), Row::VoidingCancelUnsent);
}

/// R15: a refused cancel proves nothing, also where no message can ask what stands.
#[test]
fn r15_a_cancel_alone_proves_no_absence() {
    let cancel = Facts { verb: Verb::Cancel, ..facts() };
    let alone = Facts { has_rescue: false, has_query: false, ..cancel };
    for event in [Event::NothingStands, Event::ProvesNothing, Event::Unknown] {
        assert_eq!(next(Stage::Voiding, event, &cancel), Row::VoidingCancelUnclear, "{event:?}");
        assert_eq!(next(Stage::Voiding, event, &alone), Row::VoidingExhausted, "{event:?}");
    }
}

/// R13b: without tries left, *nothing stands* inside the quiet period ends with a person; outside the proof window the
/// reason is that.
#[test]
fn r13_nothing_stands_too_early_and_the_last_try() {
    let early = Facts { quiet_over: false, may_try_again: false, ..facts() };
    let outside = Facts { in_window: false, ..early };
    for (stage, inside, out) in [
        (Stage::Voiding, Row::VoidingExhausted, Row::VoidingNothingOutside),
        (Stage::Reversing, Row::ReversingNothingExhausted, Row::ReversingNothingOutside),
        (Stage::RefundUnknown, Row::RefundExhausted, Row::RefundNothingOutside),
    ] {
        assert_eq!(next(stage, Event::NothingStands, &early), inside);
        assert_eq!(next(stage, Event::NothingStands, &outside), out);
    }
    let (inside, outside) =
        (Facts { sees_at_once: false, ..early }, Facts { sees_at_once: false, ..outside });
    assert_eq!(next(Stage::Settling, Event::NothingStands, &inside), Row::SettlingExhausted);
    assert_eq!(next(Stage::Settling, Event::NothingStands, &outside), Row::SettlingNothingOutside);
}

/// R15, R16: what a refused refund is settled by: a query where there is one, else a person.
#[test]
fn r15_a_refused_refund_is_asked_about_where_a_query_exists() {
    let cancel = Facts { verb: Verb::Cancel, cancel_unclear: true, ..facts() };
    let alone = Facts { has_query: false, ..cancel };
    for event in [Event::ProvesNothing, Event::NothingStands, Event::Declined, Event::Unlisted] {
        assert_eq!(next(Stage::Refunding, event, &cancel), Row::RefundLost, "{event:?}");
        assert_eq!(next(Stage::Refunding, event, &alone), Row::RefundUnproven, "{event:?}");
    }
}
