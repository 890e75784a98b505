//! What is drawn: the rescue that the README shows, long histories, and any record there can be.

use std::{
    env, fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use kicc_proto::{
    flow::{
        Driver, Opening, OperatorReason, Policy, Step,
        outcome::{Ending, Resolution},
        said::{Said, Unclear, shown},
        table::{Stage, Verb},
    },
    journal::{
        Row, Written,
        record::{Entry, Happening, Parked, Pending, Record, Why},
    },
    product::{Credentials, Merchant, Order as _},
    simple,
    time::{Millis, Mono, Now, UnixMillis},
    values::*,
    wire::{
        Failure, MaybeSent, NotSent, Reply, RequestBuffer,
        sign::{HmacSha256, Nonce},
    },
};
use proptest::prelude::*;

use super::*;

const TOKEN: &str = "TOKEN_THAT_NOBODY_SEES";
const CARD: &str = "4111-1111-1111-1111";

/// A sale whose approval is never answered, as its row stands in the journal in the end: the real machine between a
/// journal that takes everything, a gateway that answers each net-cancel, and clocks that stand still while it works.
fn rescued() -> Row {
    static ROW: LazyLock<Row> = LazyLock::new(rescue);
    ROW.clone()
}

fn rescue() -> Row {
    let merchant = Merchant::Simple(simple::Merchant {
        environment: Environment::new("test").unwrap(),
        terminal_id: TerminalId::new("T123456789").unwrap(),
        service_id: ServiceId::new("SVC_SIMPLE").unwrap(),
        business_number: BusinessNumber::new("1234567890").unwrap(),
    });
    let amount = Amount::new(Won(10_000), Parts { vat: Won(909), ..Parts::default() }).unwrap();
    let number = TransactionNumber::new("ORD_1").unwrap();
    let order = simple::Order::new(number, amount, TokenKey::new(TOKEN).unwrap());
    let driver = Driver { policy: Arc::new(Policy::default()), holder: "till-1".into(), accept_step: true };
    let (channel, signer) =
        (ChannelId::new("CH_A1B2C3D4").unwrap(), HmacSha256::new(&Secret::from_utf8("secret")));
    let mut now = Now { mono: Mono(1_000_000), wall: KstDateTime::new("20261121205710").unwrap().to_unix() };
    let pass = |now: &mut Now, millis: u64| {
        let then = now.after(Millis(millis));
        *now = Now { mono: then.mono, wall: then.wall };
    };
    let voided = br#"{"respCd":"0000","respMsg":"ok","tid":"T123456789","mercTrxNo":"ORD_1","cardConfirmNo":"1234-56**-****-1234"}"#;
    let opening = Opening { merchant: &merchant, driver: &driver, attempt: [7; 16] };
    let mut step = Step::Persist(order.open(&opening, now).unwrap());
    let (mut row, mut buffer) = (None, RequestBuffer::new());
    loop {
        step = match step {
            Step::Persist(persist) => {
                row = Some(persist.row());
                pass(&mut now, 4);
                persist.written(Ok(Written::Stored), now)
            }
            Step::Transmit(transmit) => {
                let keys = Credentials::Signature { channel_id: &channel, signer: &signer };
                let (_, in_flight) = transmit.encode(keys, Nonce([1; 16]), now, &mut buffer).unwrap();
                Step::InFlight(in_flight)
            }
            Step::InFlight(mut in_flight) => {
                in_flight.written(now);
                if in_flight.verb() == Verb::Approve {
                    let wait = in_flight.deadline().left(now).0;
                    pass(&mut now, wait);
                    in_flight.failed(Failure::MaybeSent(MaybeSent::Timeout), now)
                } else {
                    pass(&mut now, 120);
                    in_flight.reply(Reply { status: 200, content_type: None, body: voided }, now)
                }
            }
            Step::Wait(wait) => {
                let until = wait.until(0, now).0 - now.mono.0;
                pass(&mut now, until);
                wait.wake(now)
            }
            Step::Done(_) => return Row { told: true, ..row.unwrap() },
            other => panic!("{other:?}"),
        };
    }
}

fn drawn(row: &Row, form: Form) -> String {
    let mut out = Vec::new();
    write(row, form, UnixMillis(0), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The README's picture is this one. With `KICC_WRITE_DOCS` set it is put there instead of compared.
#[test]
fn the_readme_shows_the_diagram_of_a_rescue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("```mermaid\n").unwrap();
    let (picture, after) = rest.split_once("```").unwrap();
    let diagram = drawn(&rescued(), Form::Mermaid);
    if env::var_os("KICC_WRITE_DOCS").is_some() {
        fs::write(path, format!("{before}```mermaid\n{diagram}```{after}")).unwrap();
    } else {
        assert!(picture == diagram, "stale: KICC_WRITE_DOCS=1 writes it");
    }
}

const RESCUE: &str = "
ORD_1  approval, 10,000 won

               shop     kicc    journal  KICC's VAN
2026-11-21 (KST) │        │        │          │
20:57:10.000     ├───────>│        │          │      ORD_1: approval, 10,000 won
20:57:10.000     │        ├───────>│          │      about to send the approval request, once
20:57:10.000     │        ├────────┼─────────>│      approval request
20:57:43.004     │        │✗───────┼──────────┤      no trustworthy answer to the approval request: no answer in
                 │        │        │          │      time
20:57:43.004     │        ├───────>│          │      about to send the net-cancel (message 1)
20:57:43.004     │        ├────────┼─────────>│      net-cancel (message 1)
20:57:43.128     │        │<───────┼──────────┤      the net-cancel succeeded
                 │        │        │          │      34.8 s later: the quiet period, in which a late approval may
                 │        │        │          │      still be booked
20:58:18.004     │        ├───────>│          │      about to send the net-cancel (message 2)
20:58:18.004     │        ├────────┼─────────>│      net-cancel (message 2)
20:58:18.128     │        │<───────┼──────────┤      the net-cancel succeeded
20:58:18.128     │        ├───────>│          │      ended
                 │<───────┤        │          │      reversed; the customer is NOT charged; told
";

/// The same on a terminal.
#[test]
fn a_rescue_on_a_terminal() {
    assert_eq!(format!("\n{}", drawn(&rescued(), Form::Terminal)), RESCUE);
}

fn record() -> Record {
    Record::of_row(&rescued()).unwrap()
}

fn row(record: &Record, told: bool) -> Row {
    Row { standing: record.standing(), told, record: record.encode(), ..rescued() }
}

/// What is so often the same is told of once, and every kind of it at either end.
#[test]
fn repetitions_are_counted_and_not_drawn() {
    let mut record = record();
    let (what, at) = (Unclear::Exchange(MaybeSent::Timeout), record.made_at);
    let again = (2..32).flat_map(|n| {
        let at = at + Millis(u64::from(n) * 60_000);
        [Happening::Sending(Verb::NetCancel, n), Happening::Unclear(Verb::NetCancel, what.clone())]
            .map(|what| Entry { at, what })
    });
    record.history = record.history[..3].iter().cloned().chain(again).collect();
    for form in [Form::Mermaid, Form::Terminal] {
        let drawing = drawn(&row(&record, true), form).replace("<br/>", " ");
        assert!(drawing.lines().count() < 40, "{drawing}");
        assert!(drawing.contains("more times, until 2026-11-21"), "{drawing}");
        assert!(drawing.contains("(message 2)") && drawing.contains("(message 31)"), "{drawing}");
        assert!(!drawing.contains("(message 17)"), "{drawing}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~가-힣]{0,60}", Just(format!("card {CARD}; no\nend"))]
}

fn said() -> impl Strategy<Value = Said> {
    ("[0-9A-Za-z]{4}", text())
        .prop_map(|(code, text)| Said { code: code.into(), message: shown(&text).into() })
}

fn verb() -> impl Strategy<Value = Verb> {
    prop::sample::select(vec![Verb::Approve, Verb::NetCancel, Verb::Query, Verb::Cancel])
}

fn unclear() -> impl Strategy<Value = Unclear> {
    prop_oneof![
        Just(Unclear::Exchange(MaybeSent::Timeout)),
        any::<u16>().prop_map(Unclear::Status),
        Just(Unclear::ForeignEcho("mercTrxNo".into())),
        said().prop_map(Unclear::UnknownCode),
    ]
}

fn resolution() -> impl Strategy<Value = Resolution> {
    (any::<bool>(), text()).prop_map(|(charged, note)| Resolution { charged, note: note.into() })
}

fn reason() -> impl Strategy<Value = OperatorReason> {
    prop_oneof![
        Just(OperatorReason::Unanswered),
        Just(OperatorReason::JournalBehindBooks),
        said().prop_map(OperatorReason::ProvesNothing),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        Just(Happening::Made),
        (verb(), any::<u32>()).prop_map(|(verb, n)| Happening::Sending(verb, n)),
        verb().prop_map(Happening::Succeeded),
        (verb(), said()).prop_map(|(verb, said)| Happening::Answered(verb, said)),
        (verb(), unclear()).prop_map(|(verb, why)| Happening::Unclear(verb, why)),
        verb().prop_map(|verb| Happening::NotSent(verb, NotSent::Connect)),
        prop::sample::select(vec![
            Happening::LateSuccess,
            Happening::Held,
            Happening::NotHeld,
            Happening::CannotTell,
            Happening::NotRecorded,
            Happening::Retried,
            Happening::Closed,
        ]),
        text().prop_map(|holder| Happening::Resumed(holder.into())),
        resolution().prop_map(Happening::Resolved),
        reason().prop_map(Happening::Parked),
    ]
}

prop_compose! {
    /// Any history of any length that a record keeps, under any head.
    fn records()(
        history in prop::collection::vec((prop_oneof![0..5_000_u64, any::<u64>()], happening()), 0..=64),
        history_dropped in prop_oneof![Just(0), any::<u32>()],
        stage in prop::sample::select(Stage::ALL.to_vec()),
        pending in prop_oneof![
            Just(Pending::Nothing),
            verb().prop_map(Pending::Message),
            verb().prop_map(Pending::Backoff),
            verb().prop_map(Pending::Quiet),
        ],
        ending in prop::option::of(prop_oneof![
            Just(Ending::Approved),
            Just(Ending::Reversed),
            said().prop_map(Ending::Declined),
        ]),
        parked in prop::option::of((reason(), any::<bool>(), prop::option::of(resolution()))),
        why in prop::option::of(unclear().prop_map(Why::Unclear)),
        accept_step: bool,
    ) -> Record {
        let parked = parked
            .map(|(why, charged, resolution)| Parked { why, charged, from: Stage::Reversing, resolution }.into());
        let history = history.into_iter().map(|(at, what)| Entry { at: UnixMillis(at), what }).collect();
        let mut record = Record { history, history_dropped, stage, pending, ending, parked, why, ..record() };
        record.accept_step = accept_step;
        record
    }
}

proptest! {
    /// R23: whatever the record, it is drawn, in lines that a reader takes, of a length that a person can see through,
    /// and no secret or card number is among them.
    #[test]
    fn r23_every_record_is_drawn_without_a_secret(record in records(), told: bool) {
        let row = row(&record, told);
        for form in [Form::Mermaid, Form::Terminal] {
            let drawing = drawn(&row, form);
            prop_assert!(!drawing.contains(TOKEN) && !drawing.contains(CARD), "{}", drawing);
            prop_assert!(drawing.chars().all(|c| c == '\n' || !c.is_control()), "{}", drawing);
            for line in drawing.lines() {
                match form {
                    Form::Terminal => prop_assert!(line.width() <= 113, "{}", line),
                    Form::Mermaid => prop_assert!(is_mermaid(line), "{}", line),
                }
            }
            prop_assert!(form == Form::Terminal || drawing.lines().count() < 200, "{}", drawing);
        }
    }
}

/// A line that Mermaid reads as one statement: no character of the text ends it or is a mark of HTML.
fn is_mermaid(line: &str) -> bool {
    let Some(statement) = line.strip_prefix("    ") else { return line == "sequenceDiagram" };
    let arrows = ["->>", "-->>", "-x", "--x"];
    let messages = arrows.iter().flat_map(|arrow| {
        "SKJV".chars().flat_map(move |from| "SKJV".chars().map(move |to| format!("{from}{arrow}{to}: ")))
    });
    let notes = ["participant ", "Note over S,V: ", "Note over K: "].map(String::from);
    let text = messages.chain(notes).find_map(|begin| statement.strip_prefix(&begin).map(str::to_owned));
    text.is_some_and(|text| {
        !text.replace("<br/>", " ").contains([';', '#', '<', '>', '&', '"', '{', '}', '`', '%'])
    })
}
