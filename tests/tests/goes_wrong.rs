//! `docs/how-a-payment-goes-wrong.md` shows the very bytes: each block there is what the core wrote or was given here. With
//! `KICC_WRITE_DOCS` set the blocks are written instead of compared.

use std::{collections::VecDeque, env, fs, path::Path, sync::Arc};

use kicc_proto::{
    flow::{Driver, Ended, Opening, Policy, Step, Verdict, WaitReason},
    journal::{Row, Written},
    product::Order as _,
    simple,
    time::{Millis, Mono, Now, UnixMillis},
    values::*,
    wire::{Failure, MaybeSent, Reply, Request, RequestBuffer, sign::Nonce},
};
use kicc_testkit::client_kit::{number, simple_terminal};
use serde_json::Value;

/// 2026-11-21 12:00:00 in Korea.
const NOON: UnixMillis = UnixMillis(1_795_230_000_000);

const CUT: &str = r#"{"respCd":"0000","respMsg":"Approval Success","tid":"T1234"#;
const VOIDED: &str = concat!(
    r#"{"respCd":"0000","respMsg":"Net Cancel Success","tid":"T123456789","svcId":"SVC_SIMPLE","#,
    r#""bizrNo":"1234567890","mercTrxNo":"ORD_1","trxDt":"20261121","trxTm":"120001"}"#
);

/// What the page shows, by name and in the order of its happening.
struct Shown {
    blocks: Vec<(&'static str, String)>,
    now: Now,
    nonce: u8,
}

#[test]
fn the_page_shows_the_bytes_of_a_rescue() {
    let mut shown = Shown { blocks: Vec::new(), now: Now { mono: Mono(0), wall: NOON }, nonce: 0 };
    let (bodies, authorizations) = shown.run();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[1], bodies[2], "R10: the same bytes");
    assert_ne!(authorizations[1], authorizations[2], "under a fresh signature");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/how-a-payment-goes-wrong.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut whole = page.clone();
    for (name, text) in &shown.blocks {
        let begin = format!("<!-- {name} -->\n```text\n");
        let from = whole.find(&begin).unwrap_or_else(|| panic!("no block {name}")) + begin.len();
        let to = from + whole[from..].find("```").unwrap();
        whole.replace_range(from..to, text);
    }
    assert_eq!(whole.matches("<!-- ").count(), shown.blocks.len(), "every block is shown by this test");
    if env::var_os("KICC_WRITE_DOCS").is_some() {
        fs::write(path, whole).unwrap();
    } else {
        assert!(page == whole, "the page is not what happens: KICC_WRITE_DOCS=1 writes it");
    }
}

impl Shown {
    /// An approval whose answer is cut off, to its end. The bodies that were sent, and their signatures.
    fn run(&mut self) -> (Vec<Vec<u8>>, Vec<String>) {
        let terminal = simple_terminal("T123456789");
        let driver =
            Driver { policy: Arc::new(Policy::default()), holder: "till-1".into(), accept_step: true };
        let opening = Opening { merchant: &terminal.merchant, driver: &driver, attempt: [7; 16] };
        let amount = Amount::new(Won(10_000), Parts { vat: Won(909), ..Parts::default() }).unwrap();
        let order = simple::Order::new(number("ORD_1"), amount, TokenKey::new("TOKEN_ABC123XYZ").unwrap());

        let mut requests = VecDeque::from(["approval", "net_cancel", "confirmation"]);
        let mut records = VecDeque::from([
            "record",
            "record_reversing",
            "record_waiting",
            "record_confirming",
            "record_closed",
        ]);
        let (mut bodies, mut authorizations) = (Vec::new(), Vec::new());
        let mut buffer = RequestBuffer::new();
        let mut step = Step::Persist(order.open(&opening, self.now).unwrap());
        loop {
            step = match step {
                Step::Persist(persist) => {
                    let text = persist.row();
                    self.record(records.pop_front().expect("a record"), &text);
                    self.pass(10);
                    persist.written(Ok(Written::Stored), self.now)
                }
                Step::Transmit(transmit) => {
                    self.nonce += 1;
                    let nonce = Nonce([self.nonce; 16]);
                    let (request, in_flight) =
                        transmit.encode(terminal.credentials(None), nonce, self.now, &mut buffer).unwrap();
                    let name = requests.pop_front().expect("a request");
                    self.blocks.push((name, message(&request)));
                    bodies.push(request.body().to_vec());
                    let authorization = request.headers().find(|(name, _)| *name == "x-kicc-authorization");
                    authorizations.push(authorization.unwrap().1.to_owned());
                    self.pass(800);
                    if name == "approval" {
                        self.blocks.push(("cut_answer", format!("{CUT}\n")));
                        in_flight.failed(Failure::MaybeSent(MaybeSent::Truncated), self.now)
                    } else {
                        if name == "net_cancel" {
                            self.blocks.push(("voided", broken(VOIDED)));
                        }
                        in_flight.reply(
                            Reply { status: 200, content_type: None, body: VOIDED.as_bytes() },
                            self.now,
                        )
                    }
                }
                Step::Wait(wait) => {
                    assert_eq!(wait.reason(), WaitReason::Quiet);
                    let until = wait.until(0, self.now);
                    self.pass(until.0 - self.now.mono.0);
                    wait.wake(self.now)
                }
                Step::Done(done) => {
                    let Ended::Verdict(Verdict::Approval(outcome)) = done.ended() else { panic!("{done:?}") };
                    assert_eq!((outcome.name(), outcome.safe_to_retry()), ("reversed", true));
                    assert!(requests.is_empty() && records.is_empty(), "{requests:?} {records:?}");
                    return (bodies, authorizations);
                }
                other => panic!("not on this way: {other:?}"),
            };
        }
    }

    /// The first record as it stands, broken into lines; of a later one where it stands and what was added to its history.
    fn record(&mut self, name: &'static str, row: &Row) {
        let text = &row.record.0;
        if name == "record" {
            self.blocks.push((name, broken(text)));
            return;
        }
        let record: Value = serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap();
        let mut shown = String::new();
        for key in ["stage", "pending", "why", "ending"] {
            if let Some(value) = record.get(key).filter(|value| !value.is_null()) {
                shown += &format!("{key:<8} {value}\n");
            }
        }
        let history = record["history"].as_array().unwrap();
        for entry in &history[history.len().saturating_sub(2)..] {
            shown += &format!("history  {entry}\n");
        }
        self.blocks.push((name, shown));
    }

    fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono + Millis(millis);
        self.now.wall = self.now.wall + Millis(millis);
    }
}

fn message(request: &Request<'_>) -> String {
    let mut text = format!("{} {}\n", request.method().as_str(), request.path());
    for (name, value) in request.headers() {
        text += &format!("{name}: {value}\n");
    }
    let body = std::str::from_utf8(request.body()).unwrap();
    text + "\n" + &broken(body)
}

/// Lines of at most 116 bytes; all of it is ASCII.
fn broken(text: &str) -> String {
    let lines = text.as_bytes().chunks(116).map(|line| std::str::from_utf8(line).unwrap());
    lines.map(|line| line.to_owned() + "\n").collect()
}
