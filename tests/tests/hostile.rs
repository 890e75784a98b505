//! What a hostile gateway or proxy can cost: answers that are too long, too many, too deep, too slow or no answers at
//! all, read through each adapter's transport and the core. Whatever comes, memory and time are bounded, nothing panics,
//! and nothing is believed that proves nothing (R7).

use std::{
    io::Write as _,
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{
    flow::{
        Step,
        table::{Stage, Verb},
    },
    journal::record::Record,
    product::{Credentials, Product},
    values::{ChannelId, Secret},
    wire::{
        Failure, REPLY_MAX, Reply, RequestBuffer,
        settings::HttpSettings,
        sign::{HmacSha256, Nonce},
    },
};
use kicc_testkit::transport_kit::{Adapter, Limits, server::Server};
use peak_alloc::PeakAlloc;
use tokio::runtime::Runtime;

mod adapters;

use adapters::{Hyper, Ureq};

#[path = "../../fuzz/src/shop.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
mod shop;

use shop::{Shop, approved, with_code};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(700);
/// What an answer may cost in memory, the threads of its exchange and its sender included: our choice, far above what
/// one takes, and far below what these try to take.
const MEMORY_MAX: usize = 1024 * 1024;

/// The most that anything cost on one way.
struct Most {
    way: String,
    memory: (usize, String),
    time: (Duration, String),
}

impl Most {
    fn of(way: &str) -> Most {
        Most { way: way.into(), memory: Default::default(), time: Default::default() }
    }

    /// Runs it, and holds what it cost against the bounds.
    fn measure<T>(&mut self, name: &str, bound: Duration, run: impl FnOnce() -> T) -> T {
        let (before, began) = (ALLOCATED.current_usage(), Instant::now());
        ALLOCATED.reset_peak_usage();
        let result = run();
        let (memory, time) = (ALLOCATED.peak_usage().saturating_sub(before), began.elapsed());
        let way = &self.way;
        println!("{memory:>9} bytes {:>6} ms  {way}: {name}", time.as_millis());
        assert!(memory <= MEMORY_MAX, "{way}: {name} took {memory} bytes");
        assert!(time <= bound, "{way}: {name} took {time:?}");
        if memory > self.memory.0 {
            self.memory = (memory, name.into());
        }
        if time > self.time.0 {
            self.time = (time, name.into());
        }
        result
    }
}

/// One test, since memory is counted for the whole process.
#[test]
fn r7_hostile_answers_cost_little_and_are_never_believed() {
    let hyper = Hyper(Arc::new(Runtime::new().unwrap()));
    let adapters: [&dyn Adapter; 2] = [&Ureq, &hyper];
    let mut most = vec![Most::of("the core alone")];
    for body in bodies() {
        body.check(&mut most[0], read);
    }
    for adapter in adapters {
        // What it keeps for good is no answer's.
        through(adapter, &Server::answering("warm"));
        let mut here = Most::of(adapter.name());
        for (name, serve) in on_the_wire() {
            let server = serving(serve);
            let bound = PATIENCE + Duration::from_millis(800);
            let record = here.measure(name, bound, || through(adapter, &server));
            assert_eq!(record.stage, Stage::Reversing, "R7: {}: {name} was believed", adapter.name());
        }
        for body in bodies() {
            let head = format!("{HEAD}content-length: {}\r\n\r\n", body.bytes.len());
            let server = Server::answering([head.as_bytes(), &body.bytes].concat());
            body.check(&mut here, |_| through(adapter, &server));
        }
        most.push(here);
    }
    in_the_record();
    for Most { way, memory, time } in most {
        println!("{way}: most memory {} bytes, {}", memory.0, memory.1);
        println!("{way}: most time {} ms, {}", time.0.as_millis(), time.1);
    }
}

type Serve = fn(&mut TcpStream) -> std::io::Result<()>;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n";
const MIB: usize = 1024 * 1024;

/// The same bytes, over and over, up to that many.
fn flood(stream: &mut TcpStream, piece: &[u8], total: usize) -> std::io::Result<()> {
    let block = piece.repeat(16 * 1024 / piece.len() + 1);
    for _ in 0..total / block.len() + 1 {
        stream.write_all(&block)?;
    }
    Ok(())
}

fn with_head(stream: &mut TcpStream, more: &str, body: &str) -> std::io::Result<()> {
    stream.write_all(format!("{HEAD}{more}\r\n{body}").as_bytes())
}

fn good() -> String {
    approved(Product::Simple)
}

/// None of these is an answer.
fn on_the_wire() -> [(&'static str, Serve); 24] {
    [
        ("100 MiB with its length", |stream| {
            with_head(stream, &format!("content-length: {}\r\n", 100 * MIB), "")?;
            flood(stream, b" ", 100 * MIB)
        }),
        ("100 MiB without a length", |stream| {
            with_head(stream, "connection: close\r\n", "{\"respCd\":\"0000\",\"x\":\"")?;
            flood(stream, b"a", 100 * MIB)
        }),
        ("100 MiB in one chunk", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "6400000\r\n")?;
            flood(stream, b" ", 100 * MIB)
        }),
        ("100 MiB in chunks of one byte", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "")?;
            flood(stream, b"1\r\n \r\n", 100 * MIB)
        }),
        ("a chunk of 2^64 bytes", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\n")?;
            flood(stream, b" ", MIB)
        }),
        ("a chunk size without end", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "")?;
            flood(stream, b"0", 16 * MIB)
        }),
        ("a chunk extension without end", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "1;")?;
            flood(stream, b"x=y;", 16 * MIB)
        }),
        ("trailers without end", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "2\r\n{}\r\n0\r\n")?;
            flood(stream, b"x-trailer: y\r\n", 16 * MIB)
        }),
        ("headers without end", |stream| {
            stream.write_all(HEAD.as_bytes())?;
            flood(stream, b"x-header: y\r\n", 16 * MIB)
        }),
        ("one header without end", |stream| {
            stream.write_all(format!("{HEAD}x-header: ").as_bytes())?;
            flood(stream, b"y", 16 * MIB)
        }),
        ("a status line without end", |stream| {
            stream.write_all(b"HTTP/1.1 200 ")?;
            flood(stream, b"O", 16 * MIB)
        }),
        ("200 headers and a good answer", |stream| {
            let headers: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
            let body = good();
            with_head(stream, &format!("{headers}content-length: {}\r\n", body.len()), &body)
        }),
        ("interim answers without end", |stream| flood(stream, b"HTTP/1.1 100 Continue\r\n\r\n", 4 * MIB)),
        ("other interim answers without end", |stream| {
            flood(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", 4 * MIB)
        }),
        ("a head that trickles", |stream| {
            for byte in HEAD.bytes().cycle() {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }),
        ("chunks that trickle", |stream| {
            with_head(stream, "transfer-encoding: chunked\r\n", "")?;
            loop {
                stream.write_all(b"1\r\n \r\n")?;
                thread::sleep(Duration::from_millis(20));
            }
        }),
        ("two lengths that differ", |stream| {
            let body = good();
            let more = format!("content-length: 2\r\ncontent-length: {}\r\n", body.len());
            with_head(stream, &more, &body)
        }),
        ("a length and chunks of another", |stream| {
            let body = good();
            let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            with_head(stream, "transfer-encoding: chunked\r\ncontent-length: 2\r\n", &chunks)
        }),
        ("chunks said twice", |stream| {
            let body = good();
            let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            with_head(stream, "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &chunks)
        }),
        ("a negative length", |stream| with_head(stream, "content-length: -1\r\n", &good())),
        ("a length that is none", |stream| with_head(stream, "content-length: 1e3\r\n", &good())),
        ("a length beyond 64 bits", |stream| {
            with_head(stream, "content-length: 99999999999999999999999\r\n", &good())
        }),
        ("a length above what comes", |stream| {
            with_head(stream, &format!("content-length: {}\r\n", good().len() + 1), &good())
        }),
        ("a gzip bomb", |stream| {
            // 32 KiB that are no JSON unless they are unpacked, which nobody asked for.
            with_head(stream, "content-encoding: gzip\r\ncontent-length: 32770\r\n", "\u{1f}")?;
            flood(stream, b"\x8b\x08\0", 33_000)
        }),
    ]
}

/// A server that reads one request and then does that.
fn serving(serve: Serve) -> Server {
    Server::start(move |mut peer| {
        peer.request();
        // The client gives up on most of these.
        let _ = serve(&mut peer.stream);
    })
}

/// An approval, sent there, and the record of what came of it.
fn through(adapter: &dyn Adapter, server: &Server) -> Record {
    let transport = adapter.open(&HttpSettings::new(server.url())).unwrap();
    let mut shop = Shop::new(Product::Simple);
    let Step::Persist(persist) = shop.open() else { unreachable!("R1") };
    let written = shop.store(persist.row(), persist.expect());
    let Step::Transmit(transmit) = persist.written(Ok(written), shop.now) else {
        unreachable!("it was stored")
    };
    let channel_id = &ChannelId::new("CH_A1B2C3D4").unwrap();
    let signer = &HmacSha256::new(&Secret::from_utf8("secret"));
    let credentials = Credentials::Signature { channel_id, signer };
    let mut buffer = RequestBuffer::new();
    let (request, in_flight) = transmit.encode(credentials, Nonce([1; 16]), shop.now, &mut buffer).unwrap();
    let limits = Limits { send_by: Instant::now() + PATIENCE, answer_within: PATIENCE, money: true };
    let step = match transport.exchange(&request, limits, Arc::new(|| true)).result {
        Ok(reply) => in_flight.reply(reply.as_reply(), shop.now),
        Err(failure @ Failure::MaybeSent(_)) => in_flight.failed(failure, shop.now),
        Err(failure) => panic!("{failure:?}"),
    };
    record_of(step)
}

/// What is about to be written down.
fn record_of(step: Step) -> Record {
    let Step::Persist(persist) = step else { panic!("nothing to write down: {step:?}") };
    Record::of_row(&persist.row()).unwrap()
}

/// The body of a whole answer to an approval, at most [`REPLY_MAX`] bytes, as a transport lets it through.
struct Body {
    name: &'static str,
    bytes: Vec<u8>,
    /// Where it leaves the attempt.
    ends: Stage,
}

impl Body {
    fn check(&self, most: &mut Most, read: impl FnOnce(&[u8]) -> Record) {
        let Body { name, bytes, ends } = self;
        assert!(bytes.len() <= REPLY_MAX, "{name}: {}", bytes.len());
        let record = most.measure(name, PATIENCE, || read(bytes));
        assert_eq!(record.stage, *ends, "R7: {}: {name}", most.way);
    }
}

fn bodies() -> Vec<Body> {
    let filled = |left: &str, piece: &[u8], right: &str| {
        let count = (REPLY_MAX - left.len() - right.len()) / piece.len();
        [left.as_bytes(), &piece.repeat(count), right.as_bytes()].concat()
    };
    let tail = &good()[1..];
    let opened = &good()[..good().len() - 1];
    // Of a field that the record keeps.
    let in_text = |text: &[u8]| {
        let (left, right) = (r#"{"issFmNm":""#, format!("\",{}", tail.replace(r#""issFmNm":"KB","#, "")));
        filled(left, text, &right)
    };
    let halves = |count: usize| {
        [b"{\"x\":".as_slice(), &b"[".repeat(count), &b"]".repeat(count), b",", tail.as_bytes()].concat()
    };
    let unknown: Vec<(&'static str, Vec<u8>)> = vec![
        ("nesting that never closes", filled("{\"x\":", b"[", "")),
        ("objects that never close", filled("", b"{\"a\":", "")),
        ("nothing but nesting", filled("", b"[", "")),
        ("an amount of 60,000 digits", filled(&format!("{opened},\"trxAmt\":"), b"9", "}")),
        ("an amount of 60,000 zeros", filled(&format!("{opened},\"trxAmt\":"), b"0", "}")),
        ("an amount of 1e400", filled(&format!("{opened},\"trxAmt\":1e400"), b" ", "}")),
        ("an amount of -0", filled(&format!("{opened},\"trxAmt\":-0"), b" ", "}")),
        ("a key 10,000 times", filled("{", b"\"a\":0,", tail)),
        ("a code of 60,000 characters", filled("{\"x\":0,\"respCd\":\"", b"0", "\"}")),
        ("an echo of 60,000 characters", filled("{\"respCd\":\"0000\",\"mercTrxNo\":\"", b"O", "\"}")),
        ("a code that is half a surrogate", filled("{\"respCd\":\"000\\ud800\"", b" ", "}")),
        ("NUL", filled("", b"\0", "")),
        ("a byte order mark", [b"\xef\xbb\xbf", good().as_bytes()].concat()),
        ("UTF-16", good().encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("bytes that are no text", filled("", b"\xff\xfe", "")),
        ("an answer behind an answer", [good(), good()].concat().into_bytes()),
        ("a number that never ends", filled("{\"respCd\":", b"1", "")),
    ];
    let harmless: Vec<(&'static str, Vec<u8>)> = vec![
        ("30,000 brackets in an unknown field", halves(30_000)),
        ("60,000 digits in an unknown field", filled("{\"x\":", b"9", &format!(",{tail}"))),
        ("1e400 and -0 in unknown fields", filled("{\"x\":1e400,\"y\":-0", b" ", &format!(",{tail}"))),
        ("5,000 unknown fields", {
            let fields: String = (0..5_000).map(|n| format!("\"{n}\":0,")).collect();
            format!("{{{fields}{tail}").into_bytes()
        }),
        ("a text of half surrogates", in_text(br"\ud800")),
        ("a text of NULs", in_text(br"\u0000")),
        ("a text that is no UTF-8", in_text(b"\xb0")),
        ("a text of Hangul in EUC-KR, cut", in_text(b"\xbd\xc2\xbd")),
        ("a text of 60,000 characters", in_text(b"a")),
    ];
    let body = |ends| move |(name, bytes)| Body { name, bytes, ends };
    let unknown = unknown.into_iter().map(body(Stage::Reversing));
    unknown.chain(harmless.into_iter().map(body(Stage::Undecided))).collect()
}

fn read(body: &[u8]) -> Record {
    let mut shop = Shop::new(Product::Simple);
    let in_flight = shop.under_way(Verb::Approve);
    record_of(in_flight.reply(Reply { status: 200, content_type: None, body }, shop.now))
}

/// A gateway whose every answer carries all the text that an answer may: what an attempt keeps of it is bounded too.
fn in_the_record() {
    let mut shop = Shop::new(Product::Simple);
    let mut step = Step::InFlight(shop.under_way(Verb::Approve));
    let text = "\u{fffd}".repeat(REPLY_MAX / 3 - 100);
    let body = with_code(Product::Simple, "9999", "").replace("\"text\"", &format!("\"{text}\""));
    let mut largest = 0;
    while !matches!(step, Step::Done(_)) {
        step = match step {
            Step::Persist(persist) => {
                let row = persist.row();
                largest = largest.max(row.record.0.len());
                let written = shop.store(row, persist.expect());
                persist.written(Ok(written), shop.now)
            }
            Step::Transmit(transmit) => Step::InFlight(shop.encode(transmit).unwrap().1),
            Step::InFlight(in_flight) => {
                in_flight.reply(Reply { status: 200, content_type: None, body: body.as_bytes() }, shop.now)
            }
            Step::Wait(wait) => {
                shop.later(wait.until(0, shop.now).0.saturating_sub(shop.now.mono.0));
                wait.wake(shop.now)
            }
            other => panic!("{other:?}"),
        };
    }
    println!("largest record: {largest} bytes");
    let answers = shop.driver.policy.rescue_attempts as usize + 1;
    assert!(largest < (answers + 4) * REPLY_MAX, "{largest}");
}
