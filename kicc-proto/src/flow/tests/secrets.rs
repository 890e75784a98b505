//! What `Debug` and `Display` show (R23).

use alloc::{format, string::String, vec::Vec};

use super::scenario::*;
use crate::flow::Step;

fn shown(step: &Step) -> String {
    let more = match step {
        Step::Persist(persist) => format!("{:?}", persist.row()),
        Step::Wait(wait) => format!("{:?} {:?}", wait.record(), wait.provisional()),
        Step::Settle(settle) => format!("{:?} {:?}", settle.record(), settle.approval()),
        Step::AskBooks(ask) => format!("{:?}", ask.record()),
        Step::Done(done) => format!("{:?} {:?}", done.record(), done.ended()),
        Step::Transmit(_) | Step::InFlight(_) => String::new(),
    };
    format!("{step:?} {step:#?} {more}")
}

/// R23: neither a step nor a record nor a row shows a token key or user data, in any state.
#[test]
fn r23_debug_shows_no_secret() {
    let mut texts: Vec<String> = Vec::new();
    let scripts: [&[In]; 4] = [
        &[approved(), In::CannotTell, In::NotHeld, In::Reset, code(NOTHING), voided()],
        &[In::Timeout, voided(), voided()],
        &[code(DECLINED)],
        &[code(UNLISTED), In::Status(500), voided()],
    ];
    for script in scripts {
        let mut scene = Scene::new();
        let opened = order(NUMBER, 10_000);
        texts.push(format!("{opened:?} {opened:#?} {:?}", scene.merchant));
        let mut step = scene.begin();
        let mut inputs = script.iter();
        loop {
            texts.push(shown(&step));
            step = match step {
                Step::Persist(persist) => scene.write(persist),
                Step::Transmit(transmit) => Step::InFlight(scene.encode(transmit).unwrap()),
                Step::Wait(wait) => scene.wake(wait),
                Step::InFlight(in_flight) => scene.answer(in_flight, inputs.next().unwrap()),
                Step::Settle(settle) => scene.settle(settle, inputs.next().unwrap()),
                Step::Done(_) | Step::AskBooks(_) => break,
            };
        }
        for row in scene.rows.values_mut() {
            texts.push(format!("{row:?} {row:#?}"));
            let record = crate::journal::record::Record::of_row(row).unwrap();
            texts.push(format!("{record:#?} {:?} {:?}", record.payload, record.cancel));
            assert!(row.record.0.contains(TOKEN_KEY), "or this test proves nothing");
            row.suspect = true;
        }
        texts.push(shown(&scene.resume()));
        let step = scene.begin();
        texts.push(shown(&scene.play(step, &[])));
    }
    for text in texts {
        assert!(!text.contains(TOKEN_KEY) && !text.contains(USER_DATA), "{text}");
    }
}
