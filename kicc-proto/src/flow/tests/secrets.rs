//! What `Debug` and `Display` show (R23).

use alloc::{format, string::String, vec::Vec};

use super::scenario::*;
use crate::{
    codes::ResultCode,
    flow::{Step, said::Said},
};

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

/// R23: a card number inside a text of the gateway's is masked before anything keeps it; other numbers stand.
#[test]
fn r23_a_card_number_in_a_text_is_masked() {
    for (text, kept) in [
        ("카드번호1234567812345678한도초과", "카드번호123456******5678한도초과"),
        ("카드 1234-5678-1234-5678 정지", "카드 1234-56**-****-5678 정지"),
        ("카드 1234 5678 1234 5678 정지", "카드 1234 56** **** 5678 정지"),
        ("(1234567890123)", "(123456***0123)"),
        ("1234567890123456789", "123456*********6789"),
        // Beside a date, an amount or its expiry it is hidden all the same.
        ("20261121 1234567812345678 2712", "202611** **************** 2712"),
        ("1234567812345678,8765432187654321", "123456******5678,876543******4321"),
        ("１２３４５６７８１２３４５６７８", "１２３４５６******５６７８"),
        // Masked already, or no card number.
        ("1234-56**-****-1234 정지", "1234-56**-****-1234 정지"),
        ("승인 00017177, 2026-11-21 12:00:00", "승인 00017177, 2026-11-21 12:00:00"),
        ("123456789012", "123456789012"),
        ("123456  7890123", "123456  7890123"),
    ] {
        assert_eq!(&*Said::new(ResultCode::new(DECLINED).unwrap(), text).message, kept);
    }
    // Where the cut falls into it.
    let text = "가".repeat(190) + "1234567812345678 정지";
    let said = Said::new(ResultCode::new(DECLINED).unwrap(), &text);
    assert!(said.message.ends_with("123456***…"), "{said}");
}

/// R23: wherever the gateway writes a card number, none comes into the record.
#[test]
fn r23_no_record_holds_a_card_number() {
    for number in ["9410123456785678", "9410-1234-5678-5678"] {
        let with = |body: String| body.replace("text", &format!("카드 {number}입니다"));
        let approved = approval_body("").replace("1234-56**-****-1234", number).replace("KB", number);
        let said = |code: &str| In::Body(with(code_body(code)));
        for script in [
            &[In::Body(approved), In::NotHeld, said(UNLISTED), said(DECLINED), said(UNKNOWN), said("8888")][..],
            &[said(DUPLICATE), said(NOTHING), said(NOTHING)],
            &[said(DECLINED)],
            &[said(UNLISTED), said("8888"), said(ALREADY)],
        ] {
            let mut scene = Scene::new();
            let step = scene.begin();
            let shown = shown(&scene.play(step, script));
            let record = &scene.rows[&key_of(NUMBER)].record.0;
            for text in [&shown, record] {
                assert!(!text.contains(&number[..8]), "{text}");
            }
            assert!(record.contains("5678입니다"), "or this test proves nothing: {record}");
        }
    }
}
