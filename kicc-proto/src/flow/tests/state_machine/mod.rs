//! `docs/state-machine.md`, written from the transition table. With `KICC_WRITE_DOCS` set it is written instead of
//! compared.

extern crate std;

mod conditions;
mod diagram;
mod reach;

use alloc::{format, string::String, vec::Vec};
use std::{env, fs, path::Path};

use reach::{Met, Reach, WAYS, reach};

use crate::{
    flow::table::{Action, End, Event, Message, Row, Stage},
    journal::Kind,
};

const ABOUT: &str = "# The state machine

For whoever wants to check the engine. An author of a driver need not read it: [own-runtime.md](own-runtime.md).

At the right of the tables ● says who can meet a row: LEGEND.

Where an attempt stands is its *stage*, and stands in its record. What happens (an answer, or none; the merchant's word) takes
it to the next stage, by one row of one table: `kicc_proto::flow::table`. The table knows no bytes, and is the same for all
products; a product says which message rescues (a net-cancel, a query), what its answers mean, and how long its gateway
remembers. So each product meets a part of the table.

This page is written from the table: each product's own rules and readers are put to every stage, event and fact, and what can
be met so is drawn and marked. `KICC_WRITE_DOCS=1 cargo test -p kicc-proto --lib state_machine` writes it, and without the
variable that test fails when the page is stale. What the rules R1 to R25 say, and how each is shown:
[guarantees.md](guarantees.md).

Beside the table: a crash counts as *no answer* to the message that may have been under way, and nothing else changes (R17).
A person may have a parked attempt tried again, which goes on with its rescue and is drawn only where nothing else leads there,
or say what is so, which is final (R20).

## Diagrams

An arrow says what happened. A stage names what is sent or asked in it, and after what that is done again; a thick border is an
end. *No proof*: no answer proved anything. *No answer* is all that is no trustworthy answer (R7); a *late success* is one that
is read after the exchange was given up, taken over or closed (R9).
";

const TABLE: &str = "
## The table

*When*: the events under which the row applies, and what must be so beside them; `;` stands between several ways. It says as
much as tells the row from the others of its stage, of what any product can meet. A net-cancel's success that names no card may
have voided nothing: outside the proof window it counts as *nothing stands* (R13b), unless one before it named a card.

*The rescue message* is the net-cancel of Simple Payment, and the query of the others.
";

#[test]
#[allow(clippy::disallowed_methods, reason = "the page is a file")]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/state-machine.md");
    let page = page();
    if env::var_os("KICC_WRITE_DOCS").is_some() {
        fs::write(path, page).unwrap();
    } else {
        assert!(fs::read_to_string(path).unwrap() == page, "stale: KICC_WRITE_DOCS=1 writes it");
    }
}

/// Every row says by which rule it is.
#[test]
fn every_row_cites_a_rule() {
    for row in Row::ALL {
        assert!(rules(*row).starts_with('R'), "{row:?}");
    }
}

fn page() -> String {
    let ways = WAYS.each_ref().map(|way| (way, reach(way)));
    let columns = WAYS.each_ref().map(|way| format!("*{}* {}", way.short, way.name));
    let mut page = ABOUT.replace("LEGEND", &columns.join(";\n"));
    let mut drawn: Vec<(String, &str)> = Vec::new();
    for (way, reach) in &ways {
        page += &format!("\n### {}\n", way.name);
        for (kind, what) in [(Kind::Approval, "An approval"), (Kind::Refund, "A refund")] {
            let diagram = diagram::of(kind, reach);
            match drawn.iter().find(|(known, _)| *known == diagram) {
                Some((_, known)) => page += &format!("\n{what}: as of {known}.\n"),
                None => page += &format!("\n{what}:\n\n```mermaid\n{diagram}```\n"),
            }
            drawn.push((diagram, way.name));
        }
    }
    page += TABLE;
    let met: Vec<Met> = ways.iter().flat_map(|(_, reach)| reach.met.iter().copied()).collect();
    for stage in Stage::ALL {
        page +=
            &format!("\n### {stage:?}\n\n{}\n\n| row | what | when | next | then | rule |", meaning(stage));
        WAYS.iter().for_each(|way| page += &format!(" {} |", way.short));
        page += &format!("\n|---|---|---|---|---|---|{}\n", "---|".repeat(WAYS.len()));
        for row in Row::ALL.iter().filter(|row| row.stage() == stage) {
            page += &line(*row, &met, &ways.each_ref().map(|(_, reach)| reach));
        }
    }
    let nobody = Row::ALL.iter().filter(|row| !met.iter().any(|met| met.row == **row));
    let nobody: Vec<_> = nobody.map(|row| format!("`{row:?}`")).collect();
    page + &format!("\nNo product meets {}: they make the table total.\n", nobody.join(", "))
}

fn line(row: Row, met: &[Met], ways: &[&Reach]) -> String {
    let when = |(events, conditions): (Vec<Event>, Vec<String>)| {
        let mut events: Vec<_> = events.into_iter().map(event).collect();
        events.dedup();
        let conditions = conditions.join("; ");
        let colon = if conditions.is_empty() { "" } else { ": " };
        format!("*{}*{colon}{conditions}", events.join(", "))
    };
    let mut when: Vec<_> = conditions::of(row, met).into_iter().map(when).collect();
    if when.is_empty() {
        when.push("never".into());
    }
    let next = match row.action() {
        Action::Close(end) => format!("Closed: {}", self::end(end)),
        _ => format!("{:?}", row.next()),
    };
    let mut line = format!(
        "| `{row:?}` | {} | {} | {next} | {} | {} |",
        plain(row),
        when.join("<br/>"),
        then(row.action()),
        rules(row)
    );
    ways.iter().for_each(|reach| line += if reach.has(row) { " ● |" } else { " |" });
    line + "\n"
}

/// What happened, without the rules.
fn plain(row: Row) -> String {
    let mut text = String::new();
    let mut rest = row.what();
    while let Some((before, after)) = rest.split_once(" (R") {
        text += before;
        rest = after.split_once(')').unwrap().1;
    }
    text + rest
}

/// The rules that it names.
fn rules(row: Row) -> String {
    let rules = row.what().split(" (").skip(1).filter_map(|rest| rest.split_once(')'));
    rules.map(|(rule, _)| rule).collect::<Vec<_>>().join(", ")
}

fn meaning(stage: Stage) -> &'static str {
    match stage {
        Stage::Intent => "Written down; the approval may have been sent, once.",
        Stage::Settling => "Declined with a code that no table lists: settled before it is believed.",
        Stage::Reversing => "Unknown whether the customer is charged: being rescued.",
        Stage::Undecided => "Approved; the merchant has not yet said whether its books hold it.",
        Stage::Voiding => "Approved and not wanted: being cancelled; the merchant is never asked again.",
        Stage::Refunding => "A refund whose cancel may have been sent.",
        Stage::RefundUnknown => "A refund whose cancel was not answered: what became of it is settled first.",
        Stage::Parked => "Waits for a person; nothing is sent.",
        Stage::Closed => "Ended.",
    }
}

fn event(event: Event) -> &'static str {
    match event {
        Event::Approved => "approved",
        Event::AmountDiffers => "another amount",
        Event::Declined => "declined",
        Event::Unlisted => "unlisted code",
        Event::Voided { .. } => "voided",
        Event::AlreadyVoided => "voided before",
        Event::NothingStands => "nothing stands",
        Event::StandsApproved => "still stands",
        Event::ProvesNothing => "proves nothing",
        Event::Unknown => "no answer",
        Event::NotSent => "not sent",
        Event::LateSuccess => "late success",
        Event::Held => "held",
        Event::NotHeld => "not held",
        Event::CannotTell => "cannot tell",
        Event::NotRecorded => "not stored",
    }
}

fn end(end: End) -> &'static str {
    match end {
        End::Approved => "approved",
        End::Declined => "declined",
        End::NeverSent => "never sent",
        End::Reversed => "reversed",
        End::Refunded => "refunded",
        End::RefundRefused => "refused",
        End::RefundNotAttempted => "not attempted",
    }
}

fn then(action: Action) -> String {
    let message = |message| match message {
        Message::Rescue => "the rescue message",
        Message::Cancel => "the cancel",
        Message::NextCancel => "the next cancel",
    };
    match action {
        Action::Send(what) => format!("send {}", message(what)),
        Action::Retry(what) => format!("a pause, then {}", message(what)),
        Action::AfterQuiet(what) => format!("the quiet period, then {}", message(what)),
        Action::Ask => "ask the accept step".into(),
        Action::AskAgain => "a pause, then ask it again".into(),
        Action::Close(_) => "tell the end".into(),
        Action::Park => "hand it to a person".into(),
        Action::Note => "write it down".into(),
    }
}
