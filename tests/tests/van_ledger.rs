//! The VAN's books: what is booked and voided, what the client did wrong, and how they compare with the merchant's.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use kicc_testkit::van::{BookEntry, Charged, Disagreement, Ledger, State, Van, VanConfig};
use raw::{
    APPROVE, CANCEL, NET_CANCEL, approval, cancel, eventually, get, net_cancel, post, quick, signed_with,
};
use serde_json::{Value, json};

const AMOUNT: u64 = 10_000;

fn start() -> Van {
    Van::start(quick()).unwrap()
}

fn line(number: &str, amount: u64, charged: Charged) -> BookEntry {
    BookEntry { number: number.into(), amount, charged }
}

#[test]
fn a_sale_and_its_cancel() {
    for wcc in ["T", "G"] {
        let van = start();
        let answer = post(&van, APPROVE, &approval("ORD_1", AMOUNT)).json();
        assert!(van.ledger().standing("ORD_1"));
        let got = post(&van, CANCEL, &cancel("CANCEL_1", wcc, &answer, AMOUNT));
        assert_eq!((got.code().as_str(), &got.json()["mercTrxNo"]), ("0000", &json!("CANCEL_1")));
        assert_eq!(got.json()["cardConfirmNo"], answer["cardConfirmNo"]);
        assert_eq!(post(&van, CANCEL, &cancel("CANCEL_2", wcc, &answer, AMOUNT)).code(), "7001");
        let entry = van.ledger().entry("ORD_1").unwrap().clone();
        assert_eq!((entry.state, entry.approvals, entry.cancels), (State::Voided, 1, 2));
        assert_eq!(van.ledger().violations, Vec::<String>::new());
    }
}

#[test]
fn configured_codes_for_nothing_there_and_voided_already() {
    let config = VanConfig {
        nothing_to_void_code: Some("7100".into()),
        already_voided_code: Some("7200".into()),
        ..quick()
    };
    let van = Van::start(config).unwrap();
    assert_eq!(post(&van, NET_CANCEL, &net_cancel("NEVER", AMOUNT)).code(), "7100");
    let answer = post(&van, APPROVE, &approval("ORD_1", AMOUNT)).json();
    let codes: Vec<String> =
        (0..2).map(|_| post(&van, NET_CANCEL, &net_cancel("ORD_1", AMOUNT)).code()).collect();
    assert_eq!(codes, ["0000", "7200"]);
    assert_eq!(post(&van, CANCEL, &cancel("C1", "T", &answer, AMOUNT)).code(), "7200");
}

#[test]
fn a_cancel_must_fit_its_approval() {
    let van = start();
    let answer = post(&van, APPROVE, &approval("ORD_1", AMOUNT)).json();
    let good = cancel("C1", "G", &answer, AMOUNT);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        post(&van, CANCEL, &body).code()
    };
    assert_eq!(with("cndTrxNo", "ORD_2".into()), "7002");
    assert_eq!(with("wcc", "T".into()), "7002");
    assert_eq!(with("orgAprvNo", "00000000".into()), "7003");
    assert_eq!(with("orgAprvDt", "20010101".into()), "7003");
    assert_eq!(with("trxAmt", 9999.into()), "7003");
    assert_eq!(with("alotMonth", "03".into()), "7003");
    assert_eq!(van.ledger().violations.len(), 6, "{:?}", van.ledger().violations);
    assert!(van.ledger().standing("ORD_1"));
    assert_eq!(with("mercTrxNo", "ORD_1".into()), "0000");
    assert!(van.ledger().violations[6].contains("the number of an approval"));
}

#[test]
fn a_second_approval_is_a_violation_and_moves_money_again() {
    let van = start();
    for _ in 0..2 {
        assert_eq!(post(&van, APPROVE, &approval("ORD_1", AMOUNT)).code(), "0000");
    }
    let ledger = van.ledger();
    assert_eq!((ledger.approvals("ORD_1"), ledger.violations.len()), (2, 1));
    let found = ledger.disagreements([line("ORD_1", AMOUNT, Charged::Yes)]);
    assert_eq!(found, [Disagreement::Doubled { number: "ORD_1".into(), times: 2 }]);
    post(&van, NET_CANCEL, &net_cancel("ORD_1", AMOUNT));
    assert!(van.ledger().standing("ORD_1"), "one net-cancel voids one charge");
}

#[test]
fn net_cancels_must_repeat_the_approval_and_themselves() {
    let van = start();
    post(&van, APPROVE, &approval("ORD_1", AMOUNT));
    let good = net_cancel("ORD_1", AMOUNT);
    for (name, value) in [("tokenKey", json!("ELSE")), ("tranTm", json!("120001")), ("vatAmt", json!(1))] {
        let mut body = good.clone();
        body[name] = value;
        let before = van.ledger().violations.len();
        post(&van, NET_CANCEL, &body);
        let violations = van.ledger().violations[before..].join("\n");
        assert!(violations.contains(&format!("ORD_1: {name} of the net-cancel")), "{violations}");
        assert!(!violations.contains("ELSE"), "a violation shows no value");
        assert_eq!(violations.contains("another body"), before > 0, "{violations}");
    }
    // White space alone makes another body.
    let before = van.ledger().violations.len();
    for body in [good.to_string(), good.to_string(), format!("{good} ")] {
        raw::send(van.addr(), &raw::signed(NET_CANCEL, body.as_bytes()), Duration::from_secs(1));
    }
    assert_eq!(van.ledger().violations.len(), before + 2);
}

#[test]
fn an_approval_after_its_net_cancel_is_noticed_and_refused_if_remembered() {
    for (remembers, code) in [(true, "8999"), (false, "0000")] {
        let van = Van::start(VanConfig { remembers, ..quick() }).unwrap();
        assert_eq!(post(&van, NET_CANCEL, &net_cancel("ORD_1", AMOUNT)).code(), "0000");
        assert_eq!(van.ledger().violations.len(), 0, "the approval may have been lost");
        assert_eq!(post(&van, APPROVE, &approval("ORD_1", AMOUNT)).code(), code);
        assert_eq!(van.ledger().violations, ["ORD_1: the approval came after its net-cancel"]);
        assert_eq!(van.ledger().standing("ORD_1"), !remembers);
    }
}

#[test]
fn only_signed_requests_count() {
    let van = start();
    let body = approval("ORD_1", AMOUNT).to_string();
    let send = |bytes: &[u8]| raw::send(van.addr(), bytes, Duration::from_secs(1)).status();
    let good = |nonce: &str| signed_with(APPROVE, body.as_bytes(), nonce, "sandbox-secret-key", "close");
    assert_eq!(send(&signed_with(APPROVE, body.as_bytes(), "n1", "another key", "close")), Some(401));
    for header in ["X-KICC-ChannelId", "X-KICC-Timestamp", "X-KICC-Nonce", "X-KICC-Authorization"] {
        let without = String::from_utf8(good("n2")).unwrap().replace(header, "X-Other");
        assert_eq!(send(without.as_bytes()), Some(401), "{header}");
    }
    let tampered = String::from_utf8(good("n3")).unwrap().replace("\"trxAmt\":10000", "\"trxAmt\":10001");
    assert_eq!(send(tampered.as_bytes()), Some(401));
    assert_eq!((van.ledger().entries.len(), van.ledger().violations.len()), (0, 6));
    assert_eq!(van.counts().unauthorized, 6);
    assert_eq!(send(&good("n4")), Some(200));
    assert_eq!(van.ledger().violations.len(), 6);
    let again = net_cancel("ORD_1", AMOUNT).to_string();
    assert_eq!(
        send(&signed_with(NET_CANCEL, again.as_bytes(), "n4", "sandbox-secret-key", "close")),
        Some(200)
    );
    assert!(van.ledger().violations[6].ends_with("a nonce was used before"));
}

#[test]
fn fields_are_checked_against_the_tables() {
    let van = start();
    let good = approval("ORD_1", AMOUNT);
    let cases = [
        ("tid", json!(null), "no text"),
        ("tid", json!("12345678901"), "over 10 bytes"),
        ("mercTrxNo", json!("주문"), "beyond A-Z"),
        ("mercTrxNo", json!("N".repeat(41)), "over 40"),
        ("tokenKey", json!("k".repeat(129)), "over 128"),
        ("alotMonth", json!("0"), "not 2 digits"),
        ("trxAmt", json!("10000"), "no whole number"),
        ("trxAmt", json!(-1), "no whole number"),
        ("trxAmt", json!(0), "zero"),
        ("vatAmt", json!(10_001), "less than its parts"),
        ("tranDt", json!("2023-1-1"), "not 8 digits"),
        ("taxFree", json!(0), "in no table"),
    ];
    for (name, value, problem) in cases {
        let mut body = good.clone();
        body[name] = value;
        let before = van.ledger().violations.len();
        assert_eq!(post(&van, APPROVE, &body).status(), Some(400), "{name}");
        let violations = van.ledger().violations[before..].join("; ");
        assert!(violations.contains(problem), "{name}: {violations}");
    }
    for name in ["tid", "tokenKey", "vatAmt", "tranTm"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(post(&van, APPROVE, &body).status(), Some(400));
        assert!(van.ledger().violations.last().unwrap().ends_with(&format!("{name} is missing")));
    }
    assert_eq!(van.ledger().entries.len(), 0);
    let config = VanConfig { terminal_id: Some("T000000000".into()), ..quick() };
    let other = Van::start(config).unwrap();
    assert_eq!(post(&other, APPROVE, &good).code(), "7004");
    assert!(other.ledger().violations[0].contains("tid is not this merchant's"));
}

#[test]
fn the_books_are_compared() {
    let van = start();
    for (number, amount) in [("A", 100), ("B", 100), ("C", 100), ("D", 100), ("Xdec-E", 100), ("F", 100)] {
        post(&van, APPROVE, &approval(number, amount));
    }
    let book = [
        line("A", 100, Charged::Yes),
        line("B", 100, Charged::No),
        line("D", 90, Charged::Yes),
        line("Xdec-E", 100, Charged::Yes),
        line("F", 100, Charged::Unknown),
        line("G", 100, Charged::No),
        line("H", 100, Charged::Unknown),
    ];
    let number = String::from;
    let expected = [
        Disagreement::Lost { number: number("B"), amount: 100 },
        Disagreement::Lost { number: number("C"), amount: 100 },
        Disagreement::AmountDiffers { number: number("D"), van: 100, merchant: 90 },
        Disagreement::ForAPerson { number: number("F"), standing: true },
        Disagreement::ForAPerson { number: number("H"), standing: false },
        Disagreement::NotStanding { number: number("Xdec-E"), amount: 100 },
    ];
    assert_eq!(van.ledger().disagreements(book.clone()), expected);
    assert_eq!(van.ledger().of_terminal("OTHER").disagreements([]), []);

    let body = serde_json::to_string(&book).unwrap();
    let request = format!(
        "POST /disagreements HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let got = raw::send(van.addr(), request.as_bytes(), Duration::from_secs(1));
    assert_eq!(serde_json::from_slice::<Vec<Disagreement>>(got.body()).unwrap(), expected);
    assert_eq!(got.json()[0], json!({"what": "lost", "number": "B", "amount": 100}));
}

#[test]
fn the_ledger_is_served_as_json_without_secrets() {
    let van = start();
    post(&van, APPROVE, &approval("Xhanga_reset-1", AMOUNT));
    let got = get(&van, "/ledger");
    assert_eq!(serde_json::from_slice::<Ledger>(got.body()).unwrap().entries.len(), 1);
    assert_eq!(got.json()["entries"][0]["plan"], "hang_after+rescue_reset");
    let entry = get(&van, "/ledger/Xhanga_reset-1").json();
    assert_eq!((&entry["state"], &entry["approvals"]), (&json!("approved"), &json!(1)));
    assert_eq!(entry["requests"][0]["kind"], "approval");
    assert_eq!(get(&van, "/ledger/ORD_1").status(), Some(404));
    assert_eq!(get(&van, "/counts").json()["approvals"], 1);
    assert_eq!(get(&van, "/health").body(), b"ok\n");
    assert_eq!(get(&van, "/nothing").status(), Some(404));
    let shown = format!("{}{van:?}", String::from_utf8_lossy(&got.bytes));
    assert!(!shown.contains("TOKEN_ABC") && !shown.contains("sandbox-secret"), "r23");
}

#[test]
fn requests_come_in_pieces_and_one_after_the_other() {
    let van = start();
    let mut stream = TcpStream::connect(van.addr()).unwrap();
    for (number, nonce) in [("A", "n1"), ("B", "n2")] {
        let body = approval(number, AMOUNT).to_string();
        let bytes = signed_with(APPROVE, body.as_bytes(), nonce, "sandbox-secret-key", "keep-alive");
        let (head, body) = bytes.split_at(bytes.len() - body.len() + 7);
        stream.write_all(head).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(!van.ledger().standing(number), "nothing happens before the request is whole");
        stream.write_all(body).unwrap();
        assert_eq!(raw::read_all(&mut stream, Duration::from_millis(100)).code(), "0000");
    }
    assert_eq!((van.counts().connections, van.counts().requests), (1, 2));
}

#[test]
fn a_partial_request_is_counted_and_not_acted_upon() {
    let van = start();
    let bytes = raw::signed(APPROVE, approval("ORD_1", AMOUNT).to_string().as_bytes());
    for cut in [1, 100, bytes.len() - 1] {
        TcpStream::connect(van.addr()).unwrap().write_all(&bytes[..cut]).unwrap();
    }
    eventually("three partial requests", || van.counts().partial == 3);
    assert_eq!((van.ledger().entries.len(), van.counts().requests), (0, 0));
}

#[test]
fn a_thousand_connections_at_once_and_a_stop_that_cuts_them() {
    let mut van = Van::start(VanConfig { hang: Duration::from_secs(30), ..quick() }).unwrap();
    let waiting: Vec<TcpStream> = (0..1100)
        .map(|serial| {
            let mut stream = TcpStream::connect(van.addr()).unwrap();
            let body = approval(&format!("Xhanga-{serial}"), AMOUNT).to_string();
            stream.write_all(&raw::signed(APPROVE, body.as_bytes())).unwrap();
            stream
        })
        .collect();
    eventually("all are booked", || van.counts().approvals == 1100);
    van.stop();
    assert!(TcpStream::connect(van.addr()).is_err());
    let mut first = waiting.into_iter().next().unwrap();
    assert_ne!(raw::read_all(&mut first, Duration::from_secs(2)).end, raw::End::TimedOut);
    assert_eq!(van.ledger().entries.iter().filter(|entry| entry.state == State::Approved).count(), 1100);
}

#[test]
fn a_stopped_van_books_nothing_late() {
    let mut van = Van::start(VanConfig { late: Duration::from_secs(20), ..quick() }).unwrap();
    post(&van, APPROVE, &approval("Xlatef-1", AMOUNT));
    van.stop();
    assert_eq!(van.ledger().entry("Xlatef-1").unwrap().state, State::None);
}
