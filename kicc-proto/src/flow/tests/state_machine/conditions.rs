//! Under which facts a row applies, in as few words as tell it from the others.

use alloc::{string::String, vec, vec::Vec};

use super::reach::Met;
use crate::flow::table::{Event, Facts, FirstSuccess, Row, Verb, next};

/// How many facts decide.
const FACTS: usize = 14;

/// For each fact the values that it may have, as bits.
type Cube = [u8; FACTS];

/// The events under which a row applies, and for each the conditions of which one must hold.
pub fn of(row: Row, met: &[Met]) -> Vec<(Vec<Event>, Vec<String>)> {
    let mut all: Vec<(Vec<Event>, Vec<Cube>)> = Vec::new();
    for event in Event::ALL {
        // This the page says once.
        let counts_as_nothing = |facts: &Facts| {
            next(row.stage(), event, facts) != next(row.stage(), Event::Voided { card: true }, facts)
        };
        let of_event = met.iter().filter(|met| {
            met.row.stage() == row.stage()
                && met.event == event
                && !(event == Event::Voided { card: false } && counts_as_nothing(&met.facts))
        });
        let (ours, others): (Vec<&Met>, Vec<&Met>) = of_event.partition(|met| met.row == row);
        if ours.is_empty() {
            continue;
        }
        let points = |met: Vec<&Met>| {
            let mut points: Vec<Cube> = met.into_iter().map(|met| point(&met.facts)).collect();
            points.sort_unstable();
            points.dedup();
            points
        };
        let cubes = cover(&points(ours), &points(others));
        match all.iter_mut().find(|(_, known)| *known == cubes) {
            Some((events, _)) => events.push(event),
            None => all.push((vec![event], cubes)),
        }
    }
    let in_words = |(events, cubes): (Vec<Event>, Vec<Cube>)| (events, cubes.iter().map(words).collect());
    all.into_iter().map(in_words).collect()
}

/// Cubes that hold all of `ours` and none of `others`.
fn cover(ours: &[Cube], others: &[Cube]) -> Vec<Cube> {
    let holds = |cube: &Cube, point: &Cube| cube.iter().zip(point).all(|(may, is)| may & is != 0);
    let mut cubes: Vec<Cube> = Vec::new();
    for point in ours {
        if cubes.iter().any(|cube| holds(cube, point)) {
            continue;
        }
        let mut cube = *point;
        for fact in 0..FACTS {
            for value in 0..8 {
                let wider = core::array::from_fn(|at| cube[at] | u8::from(at == fact) << value);
                if !others.iter().any(|other| holds(&wider, other)) {
                    cube = wider;
                }
            }
        }
        cubes.push(cube);
    }
    cubes.sort_unstable();
    let mut at = 0;
    while at < cubes.len() {
        let mut fewer = cubes.clone();
        fewer.remove(at);
        if ours.iter().all(|point| fewer.iter().any(|cube| holds(cube, point))) {
            cubes = fewer;
        } else {
            at += 1;
        }
    }
    cubes
}

/// The facts in the order in which they are left out, where they decide nothing; each has one bit.
fn point(facts: &Facts) -> Cube {
    let Facts {
        verb,
        quiet_over,
        in_window,
        may_try_again,
        first_success,
        confirm,
        settle_unlisted,
        refund_settles,
        cancel_unclear,
        has_rescue,
        has_query,
        sees_at_once,
        adopt,
        ended_approved,
    } = *facts;
    let first_success = match first_success {
        FirstSuccess::None => 1,
        FirstSuccess::WithoutCard => 2,
        FirstSuccess::WithCard => 4,
    };
    let bit = |fact: bool| 1 + u8::from(fact);
    [
        bit(has_query),
        bit(sees_at_once),
        bit(ended_approved),
        bit(settle_unlisted),
        bit(refund_settles),
        bit(confirm),
        bit(cancel_unclear),
        first_success,
        bit(adopt),
        bit(verb == Verb::Cancel),
        bit(has_rescue),
        bit(may_try_again),
        bit(in_window),
        bit(quiet_over),
    ]
}

/// Where [`point`] has the success that waits for its confirmation.
const FIRST_SUCCESS: usize = 7;

/// `false` and `true` of each fact, in the order of [`point`]; empty: told by [`words`].
const WORDS: [[&str; 2]; FACTS] = [
    ["no query", "a query"],
    ["the look-up may lag", "seen at once"],
    ["not ended approved", "ended approved"],
    ["taken at its word", "settled first"],
    ["it may not settle the refund", "it may settle the refund"],
    ["no confirmation asked for", "to be confirmed"],
    ["no cancel unclear", "a cancel unclear"],
    ["", ""],
    ["not adopted", "adopted"],
    ["the rescue message's", "the cancel's"],
    ["no rescue message", "a rescue message"],
    ["no tries left", "tries left"],
    ["outside the proof window", "inside the proof window"],
    ["quiet period not over", "quiet period over"],
];

fn words(cube: &Cube) -> String {
    let mut words: Vec<&str> = Vec::new();
    for (fact, value) in cube.iter().enumerate().rev().filter(|(_, value)| **value != u8::MAX) {
        words.push(match (fact, value) {
            (FIRST_SUCCESS, value) => match value & 7 {
                1 => "no success before",
                2 => "a success without a card before",
                3 => "no success with a card before",
                4 => "a success with a card before",
                _ => "a success before",
            },
            (fact, value) => WORDS[fact][usize::from(value & 2 > 0)],
        });
    }
    words.join(", ")
}
