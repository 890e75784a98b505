use alloc::{boxed::Box, format, string::String, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{
    flow::approval::{AmountStated, Stated},
    journal::Product,
    simple::Recorded,
    values::{BusinessNumber, Environment, Instalment, KstDateTime, Parts, ServiceId, TerminalId, Won},
    wire::{MaybeSent, NotSent},
};

fn said(text: &str) -> Said {
    Said { code: "8521".into(), message: text.into() }
}

/// A record in which nothing is absent.
fn full(text: &str) -> Record {
    let number = |text: &str| TransactionNumber::new_long(text).unwrap();
    let resolution = Resolution { charged: true, note: text.into() };
    Record {
        origin: Origin {
            attempt: Mark::of(&[0xa5; 16]),
            key: Key {
                environment: Environment::new("test").unwrap(),
                product: Product::Simple,
                terminal: TerminalId::new("T123456789").unwrap(),
                number: number("CANCEL-1"),
            },
            kind: Kind::Refund,
            original: Some(number("ORD_20231225_0001-abcd")),
            part: Some(RefundId::new("PART-1").unwrap()),
            made_at: UnixMillis(1_795_000_000_000),
            send_by: UnixMillis(u64::MAX),
            fingerprint: Mark::of(&[0xff; 16]),
            authorisation_mark: Mark::new("ff00").ok(),
            amount: Amount::new(Won(10_000), Parts { vat: Won(909), ..Parts::default() }).unwrap(),
            accept_step: true,
            payload: Payload::Simple(Recorded {
                service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
                business_number: BusinessNumber::new("1234567890").unwrap(),
                instalment: Instalment::of_months(12).unwrap(),
                requested_at: KstDateTime::new("20261121120000").unwrap(),
            }),
        },
        stage: Stage::Refunding,
        pending: Pending::Quiet(Verb::NetCancel),
        approval: Some(
            Stated { amount: AmountStated::Differs(Won(5)), issuer_name: text.into(), ..Stated::default() }
                .into(),
        ),
        cancel: Some(Box::new(Cancel {
            sequence: 3,
            number: number("CANCEL-1"),
            body: "{\"a\":\"\\\"\"}".into(),
            only_on: Some(KstDateTime::new("20261121120000").unwrap().date()),
            sent: 4,
        })),
        said: Some(said(text)),
        why: Some(Why::UnlistedCode(said(text))),
        rescue: Rescue {
            since: UnixMillis(1),
            sent: 2,
            unsent: 3,
            unclear: 4,
            asked: 5,
            first_success: FirstSuccess::WithoutCard,
            late_success: true,
            last_deadline: UnixMillis(6),
        },
        ending: Some(Ending::RefundRefused(said(text))),
        parked: Some(Box::new(Parked {
            why: OperatorReason::ProvesNothing(said(text)),
            charged: true,
            from: Stage::RefundUnknown,
            resolution: Some(resolution),
        })),
        history: [Entry { at: UnixMillis(7), what: Happening::Made }].into_iter().collect(),
        history_dropped: 8,
        net_cancel: Secret::from_utf8(r#"{"tokenKey":"TOKEN_ABC123XYZ..."}"#),
    }
}

fn kept(record: &Record) {
    let text = record.encode();
    assert!(!text.0.contains(['\n', '\r', '\t']), "one line");
    assert_eq!(&Record::decode(&text.0).unwrap(), record, "{}", text.0);
}

/// R1: whatever was written before in the same memory, the text is the record's own, and whole.
#[test]
fn r1_memory_that_is_used_again_keeps_nothing_of_another_record() {
    let record = full("text");
    let closed = Record { stage: Stage::Closed, history: History::default(), ..record.clone() };
    let mut other = closed.clone();
    other.attempt = Mark::of(&[1; 16]);
    let mut dearer = closed.clone();
    dearer.amount = Amount::new(Won(20_000), Parts::default()).unwrap();
    let (mut text, mut written) = (RecordText::default(), None);
    for next in [&other, &record, &closed, &record, &dearer, &closed, &closed, &other] {
        next.encode_in(&mut text, &mut written);
        assert_eq!(text.0, next.encode().0);
    }
}

#[test]
fn what_is_written_is_read() {
    let mut record = full("한글 \"quoted\" \u{fffd}\n\u{0}");
    kept(&record);
    for stage in Stage::ALL {
        record.stage = stage;
        kept(&record);
    }
    let verbs = [Verb::Approve, Verb::NetCancel, Verb::Query, Verb::Cancel];
    for verb in verbs {
        for pending in
            [Pending::Message(verb), Pending::Backoff(verb), Pending::Quiet(verb), Pending::Nothing]
        {
            record.pending = pending;
            kept(&record);
        }
    }
    let unclear = [
        Unclear::Exchange(MaybeSent::Timeout),
        Unclear::Status(502),
        Unclear::NotJson,
        Unclear::DuplicateKey,
        Unclear::NoCode,
        Unclear::MalformedCode,
        Unclear::ForeignEcho("tid".into()),
        Unclear::MissingEcho("tid".into()),
        Unclear::Amount,
        Unclear::Damaged("controlNo".into()),
        Unclear::Ambiguous,
        Unclear::Duplicate(said("")),
        Unclear::UnknownCode(said("")),
        Unclear::RefusalWithApproval(said("")),
        Unclear::NotFinal,
        Unclear::TooLate,
    ];
    let nots = [
        NotSent::Resolve,
        NotSent::Connect,
        NotSent::Tls,
        NotSent::Proxy,
        NotSent::PermitLapsed,
        NotSent::Signing,
        NotSent::NotRecorded,
        NotSent::Token,
    ];
    let whys = [
        Why::NotHeld,
        Why::AmountDiffers,
        Why::FoundApproved,
        Why::NotRecorded,
        Why::LateSuccess,
        Why::UnlistedCode(said("")),
        Why::Refund,
    ];
    for why in unclear.iter().cloned().map(Why::Unclear).chain(whys) {
        record.why = Some(why);
        kept(&record);
    }
    let simple = [Ending::Approved, Ending::Reversed, Ending::Refunded];
    let said_endings = [Ending::Declined(said("")), Ending::RefundRefused(said(""))];
    let never = nots.into_iter().flat_map(|why| [Ending::NeverSent(why), Ending::RefundNotAttempted(why)]);
    for ending in simple.into_iter().chain(said_endings).chain(never) {
        record.ending = Some(ending);
        kept(&record);
    }
    for why in [
        OperatorReason::ProvesNothing(said("")),
        OperatorReason::Unanswered,
        OperatorReason::OutsideProofWindow,
        OperatorReason::Unconfirmed,
        OperatorReason::AcceptCannotTell,
        OperatorReason::CancelRefused(said("")),
        OperatorReason::RefundUnknown,
        OperatorReason::NoStatusQuery,
        OperatorReason::JournalBehindBooks,
        OperatorReason::LateSuccessAfterResolution,
    ] {
        record.parked = Some(Box::new(Parked { why, charged: false, from: Stage::Intent, resolution: None }));
        kept(&record);
    }
    let happenings = [
        Happening::Sending(Verb::Cancel, 7),
        Happening::Succeeded(Verb::Query),
        Happening::Answered(Verb::NetCancel, said("")),
        Happening::Unclear(Verb::Approve, Unclear::Exchange(MaybeSent::Lost)),
        Happening::NotSent(Verb::Cancel, NotSent::Tls),
        Happening::LateSuccess,
        Happening::Held,
        Happening::NotHeld,
        Happening::CannotTell,
        Happening::NotRecorded,
        Happening::Resumed("holder".into()),
        Happening::Retried,
        Happening::Resolved(Resolution { charged: false, note: "".into() }),
        Happening::Parked(OperatorReason::Unanswered),
        Happening::Closed,
    ];
    record.history = happenings.into_iter().map(|what| Entry { at: UnixMillis(0), what }).collect();
    kept(&record);
    let bare = Record {
        origin: Origin { original: None, authorisation_mark: None, ..record.origin },
        approval: None,
        cancel: None,
        said: None,
        why: None,
        ending: None,
        parked: None,
        history: History::default(),
        history_dropped: 0,
        net_cancel: Secret::default(),
        ..record
    };
    kept(&bare);
    assert!(!bare.encode().0.contains("null") && !bare.encode().0.contains("history_dropped"));
}

/// R21: no byte of the text can change unnoticed.
#[test]
fn r21_a_changed_byte_is_an_error() {
    let text = full("text").encode().0.clone();
    for at in 0..text.len() {
        for flip in [0x01_u8, 0x20, 0x10] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= flip;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(Record::decode(&changed).is_err(), "byte {at}: {changed}");
            }
        }
        assert!(Record::decode(&text[..at]).is_err());
        let longer = format!("{} {}", &text[..at], &text[at..]);
        assert!(Record::decode(&longer).is_err(), "{longer}");
    }
}

/// R21: what a newer version wrote is told apart from what is torn; R23: the error shows no value.
#[test]
fn r21_errors_say_what_is_wrong() {
    let text = full("text").encode().0.clone();
    let newer = text.replacen("kicc/1", "kicc/12", 1);
    assert_eq!(Record::decode(&newer), Err(RecordError::Newer(12)));
    for none in ["", "kicc/", "kicc/x ", "kicc/0 00000000 {}", "{}", "kicc/1 00000000"] {
        assert_eq!(Record::decode(none), Err(RecordError::NotARecord), "{none}");
    }
    assert_eq!(Record::decode("kicc/1 00000000 {}"), Err(RecordError::Damaged));
    let json =
        text.splitn(3, ' ').nth(2).unwrap().replace("TOKEN_ABC123XYZ...\"}", "TOKEN_ABC123XYZ...\"},\"x\":1");
    let unknown = format!("kicc/1 {:08x} {json}", crc32fast::hash(json.as_bytes()));
    let error = Record::decode(&unknown).unwrap_err();
    assert!(matches!(error, RecordError::Unknown(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("TOKEN"), "{error}");
}

/// R23: what is printed of a record says which one it is, and where it stands, and none of what it holds.
#[test]
fn r23_debug_shows_the_head_alone() {
    let record = full("text");
    let shown = format!("{record:?} {:?} {:?}", record.cancel, record.payload);
    for head in ["Record {", "CANCEL-1", "Refunding", "Quiet(NetCancel)", "sequence: 3", "requested_at"] {
        assert!(shown.contains(head), "{head}: {shown}");
    }
    assert!(!shown.contains("TOKEN") && !shown.contains("body"), "{shown}");
}

/// R10: of a long history the beginning and the latest are kept.
#[test]
fn the_middle_of_a_long_history_is_left_out() {
    let mut record = full("");
    record.history = History::default();
    record.history_dropped = 0;
    for n in 0..100 {
        record.note(UnixMillis(n), Happening::Made);
    }
    let times: Vec<u64> = record.history.iter().map(|entry| entry.at.0).collect();
    assert_eq!(times, (0..8).chain(44..100).collect::<Vec<_>>());
    assert_eq!(record.history_dropped, 36);
}

/// R3, R16: what still takes up its authorisation, or its approval's one refund.
#[test]
fn r3_what_is_live() {
    let mut record = full("");
    let resolved = |charged| {
        let resolution = Some(Resolution { charged, note: "".into() });
        Some(Box::new(Parked {
            why: OperatorReason::Unanswered,
            charged: false,
            from: Stage::Reversing,
            resolution,
        }))
    };
    for (kind, parked, live) in [
        (Kind::Approval, None, true),
        (Kind::Approval, resolved(true), true),
        (Kind::Approval, resolved(false), false),
        (Kind::Refund, resolved(true), false),
        (Kind::Refund, resolved(false), true),
    ] {
        (record.kind, record.parked, record.ending, record.part) = (kind, parked, None, None);
        assert_eq!(record.live(), live, "{kind:?} {:?}", record.parked);
    }
    record.part = Some(RefundId::new("PART-1").unwrap());
    for (parked, ending, live) in [
        (None, None, true),
        (resolved(true), None, false),
        (resolved(false), None, false),
        (None, Some(Ending::Refunded), false),
    ] {
        (record.parked, record.ending) = (parked, ending);
        assert_eq!(record.live(), live, "of a part: {:?} {:?}", record.parked, record.ending);
    }
    (record.parked, record.part) = (None, None);
    for (ending, live) in [
        (Ending::Approved, true),
        (Ending::Refunded, true),
        (Ending::Reversed, false),
        (Ending::Declined(said("")), false),
        (Ending::NeverSent(NotSent::Tls), false),
        (Ending::RefundRefused(said("")), false),
    ] {
        record.ending = Some(ending);
        assert_eq!(record.live(), live, "{:?}", record.ending);
    }
}

proptest! {
    #[test]
    fn texts_and_numbers_survive(text in "\\PC*", more in any::<String>(), at: u64, n: u32) {
        let mut record = full(&text);
        record.note(UnixMillis(at), Happening::Answered(Verb::Cancel, Said { code: "A1b2".into(), message: more.clone().into() }));
        record.rescue.sent = n;
        record.history_dropped = n;
        let text = record.encode();
        prop_assert_eq!(Record::decode(&text.0).unwrap(), record);
    }
}
