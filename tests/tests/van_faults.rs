//! Each fault does on the wire and in the ledger what its line in the table says, and nothing else.

#[allow(dead_code, reason = "each test file uses its part")]
mod raw;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kicc_testkit::van::faults::{self, Fault, Plan, Product, Rescue};
use kicc_testkit::van::{State, Van, VanConfig};
use raw::{APPROVE, CANCEL, End, Got, NET_CANCEL, approval, cancel, eventually, net_cancel, post, quick};

const AMOUNT: u64 = 10_000;

fn start() -> Van {
    Van::start(quick()).unwrap()
}

/// Every fault of an approval: what the wire shows, and whether money has moved when the client gives up.
#[test]
fn every_approval_fault_is_what_it_says() {
    let van = start();
    for (serial, fault) in (0..).zip(Fault::of(Product::Simple)) {
        let number = Plan::from(fault).number(serial);
        let got = post(&van, APPROVE, &approval(&number, AMOUNT));
        assert!(on_the_wire(fault, &got), "{fault}: {} {:?}", String::from_utf8_lossy(&got.bytes), got.end);
        let state = match fault {
            Fault::Decline | Fault::DeclineBare | Fault::DeclineUnlisted => State::Declined,
            Fault::HangBefore | Fault::ResetBefore | Fault::LateAfterNetCancel | Fault::LateForgetful => {
                State::None
            }
            _ => State::Approved,
        };
        eventually(&format!("{fault}: {state:?}"), || van.ledger().entry(&number).unwrap().state == state);
        let entry = van.ledger().entry(&number).unwrap().clone();
        assert_eq!((entry.approvals, entry.plan.as_str()), (1, fault.to_string().as_str()));
        assert_eq!(van.counts().by_fault[fault.row().name], 1);
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

fn on_the_wire(fault: Fault, got: &Got) -> bool {
    let text = String::from_utf8_lossy(&got.bytes).into_owned();
    let field = |name: &str| got.json()[name].clone();
    let whole = got.end == End::Closed && got.status() == Some(200);
    match fault {
        Fault::Ok | Fault::Drip => whole && got.code() == "0000" && text.contains("Content-Length"),
        Fault::Chunked => whole && text.ends_with("\r\n0\r\n\r\n"),
        Fault::ChunkedCut => whole && text.contains("chunked") && text.ends_with("}\r\n"),
        Fault::UntilClose => whole && got.code() == "0000" && !text.contains("Content-Length"),
        Fault::NoLengthCut => whole && got.json().is_null() && !text.contains("Content-Length"),
        Fault::AnsweredTwice => whole && text.matches("HTTP/1.1 200").count() == 2,
        Fault::BrokenText => whole && std::str::from_utf8(&got.bytes).is_err() && text.contains("\"0000\""),
        Fault::LoneSurrogate => whole && text.contains("KB \\ud83d\"") && text.contains("\"0000\""),
        Fault::Decline => got.code() == "8521" && field("aprvNo").is_null() && field("tid") == "T123456789",
        Fault::DeclineBare => got.code() == "8521" && got.json().as_object().unwrap().len() == 2,
        Fault::DeclineUnlisted => got.code() == "9999",
        Fault::DeclineWithApproval => got.code() == "8521" && field("aprvNo").as_str().unwrap().len() == 8,
        Fault::ResetBefore | Fault::ResetAfter => got.end == End::Reset && got.bytes.is_empty(),
        Fault::HangBefore | Fault::HangAfter => got.end == End::TimedOut && got.bytes.is_empty(),
        Fault::LateAfterGiveUp | Fault::LateAfterNetCancel | Fault::LateForgetful => {
            got.end == End::TimedOut && got.bytes.is_empty()
        }
        Fault::Cut(byte) => got.end == End::Closed && got.bytes.len() == byte as usize,
        Fault::Html502 => got.status() == Some(502) && text.contains("<html>"),
        Fault::Http400 => got.status() == Some(400) && got.code() == "8521",
        Fault::BrokenJson => whole && got.json().is_null() && text.contains("\"0000\""),
        Fault::DuplicatedKey => whole && text.matches("respCd").count() == 2,
        Fault::MissingCode => whole && field("respCd").is_null() && field("aprvNo").is_string(),
        Fault::EmptyCode => whole && field("respCd") == "",
        Fault::NumericCode => whole && field("respCd") == 0,
        Fault::ForeignNumber => whole && got.code() == "0000" && field("mercTrxNo") == "SOMEBODY-ELSES-0001",
        Fault::ForeignTerminal => whole && got.code() == "0000" && field("tid") == "T999999999",
        Fault::NoEcho => {
            whole && got.code() == "0000" && field("mercTrxNo").is_null() && field("tid").is_null()
        }
        Fault::BinaryBody => whole && got.body().len() == 600 && got.body()[0] == 0xFF,
        Fault::Oversized => whole && got.code() == "0000" && got.body().len() > 1024 * 1024,
        Fault::Redirect302 => got.status() == Some(302) && text.contains("Location: /other\r\n"),
        Fault::Redirect307 => got.status() == Some(307) && text.contains("Location: /other\r\n"),
        Fault::Empty200 => whole && got.body().is_empty() && text.contains("Content-Length: 0"),
        other => panic!("{other} is not Simple Payment's"),
    }
}

/// The documented fields of spec A.5, A.6, A.7, no more and no fewer, in the style of the examples.
#[test]
fn replies_have_exactly_the_documented_fields() {
    let names = |got: &Got| got.json().as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let van = start();
    let got = post(&van, APPROVE, &approval("ORD_20231225_0001", AMOUNT));
    assert_eq!(
        names(&got),
        "respCd respMsg tid svcId bizrNo mercTrxNo trxDt trxTm issFmCd issFmNm purchFmCd purchFmNm joShopNo \
         aprvDt aprvTm aprvNo vanTrxNo cardConfirmNo"
    );
    let lengths = ["trxDt", "trxTm", "aprvDt", "aprvTm", "aprvNo", "vanTrxNo", "cardConfirmNo"];
    assert_eq!(lengths.map(|name| got.json()[name].as_str().unwrap().len()), [8, 6, 8, 6, 8, 12, 19]);
    assert_eq!(got.json()["vanTrxNo"], "V00000000001");
    let got = post(&van, NET_CANCEL, &net_cancel("ORD_20231225_0001", AMOUNT));
    assert_eq!(names(&got), "respCd respMsg tid svcId bizrNo mercTrxNo trxDt trxTm cardConfirmNo");

    let long = "N".repeat(40);
    let got = post(&van, APPROVE, &approval(&long, AMOUNT));
    assert_eq!(got.json()["mercTrxNo"], "N".repeat(20), "the reply's field has 20 bytes");
}

#[test]
fn a_cut_is_possible_at_every_byte_and_never_leaves_the_answer_whole() {
    let van = start();
    let whole = post(&van, APPROVE, &approval("OK_000001", AMOUNT)).bytes.len();
    for byte in 0..whole + 3 {
        let number = format!("Xcut{byte}-1");
        let body = approval(&format!("{number:0<9}"), AMOUNT);
        let got = post(&van, APPROVE, &body);
        // The numbers' lengths differ by a few digits, and so do the answers'.
        assert!(got.bytes.len() < whole + 8 && (got.bytes.len() == byte || byte + 8 >= whole), "{byte}");
        assert!(got.json().is_null() || got.body().last() != Some(&b'}'), "{byte}: whole");
    }
    assert_eq!(van.ledger().entries.iter().filter(|entry| entry.state == State::Approved).count(), whole + 4);
}

#[test]
fn a_drip_fed_answer_takes_its_time() {
    let van = Van::start(VanConfig { drip: Duration::from_millis(1), ..quick() }).unwrap();
    let started = Instant::now();
    let got = post(&van, APPROVE, &approval("Xdrip-1", AMOUNT));
    assert_eq!(got.code(), "0000");
    assert!(started.elapsed() >= Duration::from_millis(got.bytes.len() as u64));
}

/// Booked between give-up and the first net-cancel, which therefore voids it and states the card.
#[test]
fn late_after_give_up() {
    let van = start();
    // The client still holds its socket, so that only the net-cancel tells the VAN that it gave up.
    let mut silent = TcpStream::connect(van.addr()).unwrap();
    silent.write_all(&raw::signed(APPROVE, approval("Xlateg-1", AMOUNT).to_string().as_bytes())).unwrap();
    eventually("seen", || van.ledger().entry("Xlateg-1").is_some());
    assert!(!van.ledger().standing("Xlateg-1"));
    let got = post(&van, NET_CANCEL, &net_cancel("Xlateg-1", AMOUNT));
    assert_eq!(got.json()["cardConfirmNo"], "9410-61**-****-0001");
    let did: Vec<String> =
        van.ledger().entry("Xlateg-1").unwrap().requests.iter().map(|seen| seen.did.clone()).collect();
    assert_eq!(did, ["to be booked late", "voided", "booked late"]);
    drop(silent);
    eventually("idle", || van.ledger().entry("Xlateg-1").unwrap().state == State::Voided);

    post(&van, APPROVE, &approval("Xlateg-2", AMOUNT));
    eventually("booked when the client is gone", || van.ledger().standing("Xlateg-2"));
    assert_eq!(van.ledger().entry("Xlateg-1").unwrap().charges.len(), 1);
}

#[test]
fn late_after_net_cancel_is_remembered_and_late_forgetful_is_not() {
    let van = start();
    for (number, booked) in [("Xlaten-1", false), ("Xlatef-1", true)] {
        post(&van, APPROVE, &approval(number, AMOUNT));
        let first = post(&van, NET_CANCEL, &net_cancel(number, AMOUNT));
        assert_eq!((first.code().as_str(), first.json()["cardConfirmNo"].as_str()), ("0000", Some("")));
        eventually("the late booking", || van.ledger().entry(number).unwrap().requests.len() == 3);
        assert_eq!(van.ledger().standing(number), booked);
        let second = post(&van, NET_CANCEL, &net_cancel(number, AMOUNT));
        assert_eq!(second.code(), "0000");
        assert_eq!(second.json()["cardConfirmNo"] != "", booked);
        assert!(!van.ledger().standing(number));
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());

    let forgets = Van::start(VanConfig { remembers: false, ..quick() }).unwrap();
    post(&forgets, APPROVE, &approval("Xlaten-1", AMOUNT));
    post(&forgets, NET_CANCEL, &net_cancel("Xlaten-1", AMOUNT));
    eventually("a VAN that remembers nothing books it", || forgets.ledger().standing("Xlaten-1"));
}

/// Twice the rescue fails as its line says; then it works. With `hang_after`, so that there is something to void.
#[test]
fn every_rescue_fault_of_net_cancels() {
    let van = start();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::Simple)) {
        let number = Plan { fault: Fault::HangAfter, rescue: Some(rescue) }.number(serial);
        post(&van, APPROVE, &approval(&number, AMOUNT));
        let body = net_cancel(&number, AMOUNT);
        let tries: Vec<Got> = (0..4).map(|_| post(&van, NET_CANCEL, &body)).collect();
        let seen: Vec<String> =
            tries.iter().map(|got| format!("{:?}{:?}{}", got.end, got.status(), got.code())).collect();
        let works = "ClosedSome(200)0000";
        let expected = match rescue {
            Rescue::Hang | Rescue::HangDone => ["TimedOutNone", "TimedOutNone", works, works],
            Rescue::Reset => ["ResetNone", "ResetNone", works, works],
            Rescue::ServerError => ["ClosedSome(503)", "ClosedSome(503)", works, works],
            Rescue::ProvesNothing => ["ClosedSome(200)7777"; 4],
            Rescue::CancelHangDone | Rescue::CancelRefused => [works; 4],
            other => panic!("{} is not Simple Payment's", other.row().name),
        };
        assert_eq!(seen, expected, "{}", rescue.row().name);
        assert_eq!(van.ledger().standing(&number), rescue == Rescue::ProvesNothing);
        let did = van.ledger().entry(&number).unwrap().requests[1].did.clone();
        let acted = matches!(
            rescue,
            Rescue::HangDone | Rescue::Reset | Rescue::CancelHangDone | Rescue::CancelRefused
        );
        assert_eq!(did == "voided", acted, "{}: {did}", rescue.row().name);
    }
}

#[test]
fn every_rescue_fault_of_cancels() {
    let van = start();
    for (serial, rescue) in (0..).zip(Rescue::of(Product::Simple)) {
        let number = Plan { fault: Fault::Ok, rescue: Some(rescue) }.number(serial);
        let answer = post(&van, APPROVE, &approval(&number, AMOUNT)).json();
        let body = cancel(&format!("C{serial}"), "T", &answer, AMOUNT);
        let codes: Vec<String> = (0..3).map(|_| post(&van, CANCEL, &body).code()).collect();
        let expected = match rescue {
            Rescue::Hang | Rescue::ServerError => ["", "", "0000"],
            Rescue::HangDone | Rescue::Reset | Rescue::CancelHangDone => ["", "", "7001"],
            Rescue::CancelRefused => ["7777", "7777", "0000"],
            Rescue::ProvesNothing => ["7777"; 3],
            other => panic!("{} is not Simple Payment's", other.row().name),
        };
        assert_eq!(codes, expected, "{}", rescue.row().name);
        assert_eq!(van.ledger().standing(&number), rescue == Rescue::ProvesNothing);
    }
    assert_eq!(van.ledger().violations, Vec::<String>::new());
}

#[test]
fn the_doors_refuse_and_speak_no_tls() {
    let van = start();
    let refused = TcpStream::connect(van.refusing_addr()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let got = raw::send(van.addr(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Duration::from_secs(1));
    assert_eq!(got.status(), Some(400));
    assert_eq!(van.counts().tls_hellos, 1);
}

#[test]
fn a_followed_redirect_is_noticed() {
    let van = start();
    assert_eq!(raw::get(&van, "/other").code(), "0000");
    assert_eq!(van.counts().redirects_followed, 1);
    assert_eq!(van.ledger().violations.len(), 1);
}

#[test]
fn rules_and_amounts_choose_from_any_client() {
    let rules = vec!["number=ORD_* fault=decline".parse().unwrap()];
    let van = Van::start(VanConfig { faults: rules, ..quick() }).unwrap();
    assert_eq!(post(&van, APPROVE, &approval("ORD_1", AMOUNT)).code(), "8521");
    let magic = u64::from(Fault::DeclineUnlisted.row().magic().unwrap());
    assert_eq!(post(&van, APPROVE, &approval("A1", magic)).code(), "9999");
    let plain = Van::start(VanConfig { magic: false, ..quick() }).unwrap();
    assert_eq!(post(&plain, APPROVE, &approval("Xdec-1", magic)).code(), "0000");
}

#[test]
fn the_table_is_complete() {
    for (product, doors) in [(Product::Simple, 2), (Product::EasyTalk, 2), (Product::Iamport, 5)] {
        let (faults, rescues) = (Fault::of(product).count(), Rescue::of(product).count());
        assert_eq!(faults::table_of(product).count(), faults + rescues + doors);
        for row in faults::table_of(product) {
            assert!(!row.what.is_empty() && !row.name.contains(' '), "{row:?}");
        }
    }
}
