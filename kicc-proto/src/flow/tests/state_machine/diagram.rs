//! The state diagram of what can be met: one arrow between two stages, however many rows lead there.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    end, event,
    reach::{Met, Reach},
};
use crate::{
    flow::table::{Action, End, Event, Stage, Verb},
    journal::Kind,
};

/// In Mermaid's words.
pub fn of(kind: Kind, reach: &Reach) -> String {
    let met: Vec<&Met> =
        reach.met.iter().filter(|met| met.kind == kind && met.row.action() != Action::Note).collect();
    let mut arrows: BTreeMap<(Place, Place), Vec<&Met>> = BTreeMap::new();
    for met in met {
        let to = match met.row.action() {
            Action::Close(end) => Place::End(Ordered(end)),
            Action::Park => Place::Stage(Stage::Parked),
            _ => Place::Stage(met.row.next()),
        };
        let from = match met.row.stage() {
            Stage::Closed => reach.reopened.iter().map(|end| Place::End(Ordered(*end))).collect(),
            stage => Vec::from([Place::Stage(stage)]),
        };
        from.into_iter().for_each(|from| arrows.entry((from, to)).or_default().push(met));
    }
    let mut places: Vec<Place> = arrows.keys().flat_map(|(from, to)| [*from, *to]).collect();
    places.sort_unstable();
    places.dedup();
    let mut text = String::from("stateDiagram-v2\n");
    for place in &places {
        let again = arrows.get(&(*place, *place)).map(|met| again(met)).unwrap_or_default();
        text += &format!("    state \"{}{again}\" as {}\n", place.label(kind, reach), place.id());
    }
    text += &format!("    [*] --> {}\n", places[0].id());
    for ((from, to), met) in arrows.iter().filter(|((from, to), _)| from != to) {
        text += &format!("    {} --> {} : {}\n", from.id(), to.id(), what(*to, met));
    }
    let reached = |place: &Place| arrows.keys().any(|(from, to)| from != place && to == place);
    for place in places.iter().skip(1).filter(|place| !reached(place)) {
        text += &format!("    Parked --> {} : a person's retry\n", place.id());
    }
    let ends: Vec<_> =
        places.iter().filter(|place| matches!(place, Place::End(_))).map(|place| place.id()).collect();
    text + &format!("    classDef ended stroke-width:3px\n    class {} ended\n", ends.join(","))
}

/// A stage, or the end in which it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Stage(Stage),
    End(Ordered),
}

/// In the order of the enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ordered(End);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.0 as u8).cmp(&(other.0 as u8))
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Place {
    fn id(self) -> String {
        match self {
            Place::Stage(stage) => format!("{stage:?}"),
            Place::End(Ordered(end)) => format!("{end:?}"),
        }
    }

    fn label(self, kind: Kind, reach: &Reach) -> String {
        let stage = match self {
            Place::Stage(Stage::Parked) => return "Parked<br/>needs an operator".into(),
            Place::Stage(Stage::Undecided) => return "Undecided<br/>the accept step".into(),
            Place::Stage(stage) => stage,
            Place::End(Ordered(end)) => return self::end(end).into(),
        };
        let sent = reach.sent.iter().filter(|sent| (sent.0, sent.1) == (kind, stage));
        let mut sent: Vec<_> = sent.map(|sent| verb(sent.2)).collect();
        sent.sort_unstable();
        match sent.is_empty() {
            true => format!("{stage:?}"),
            false => format!("{stage:?}<br/>{}", sent.join(", ")),
        }
    }
}

/// What leads from one place to another.
fn what(to: Place, met: &[&Met]) -> String {
    let mut words: Vec<&str> = Event::ALL
        .iter()
        .filter(|known| met.iter().any(|met| met.event == **known))
        .map(|known| event(*known))
        .collect();
    words.dedup();
    if to == Place::Stage(Stage::Parked) && words.len() > 2 {
        return "no proof,<br/>no try left".into();
    }
    words.chunks(2).map(|words| words.join(", ")).collect::<Vec<_>>().join(",<br/>")
}

/// What is waited for before something is done again in the same stage.
fn again(met: &[&Met]) -> String {
    let any = |waits: fn(Action) -> bool| met.iter().any(|met| waits(met.row.action()));
    let pause = any(|action| matches!(action, Action::Retry(_) | Action::AskAgain));
    let quiet = any(|action| matches!(action, Action::AfterQuiet(_)));
    match (pause, quiet) {
        (true, true) => "<br/>again after a pause<br/>or the quiet period".into(),
        (true, false) => "<br/>again after a pause".into(),
        (false, true) => "<br/>again after the quiet period".into(),
        (false, false) => String::new(),
    }
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Approve => "approval",
        Verb::NetCancel => "net-cancel",
        Verb::Query => "query",
        Verb::Cancel => "cancel",
    }
}
