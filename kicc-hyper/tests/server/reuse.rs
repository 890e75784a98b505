//! Connections that are kept, and closed by the gateway just as the next payment goes out on one (R4).

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use kicc_hyper::{
    Client, Progress,
    client::{Recovery, Told},
    http::{Http, HttpSettings},
    journal::Blocking,
};
use kicc_proto::{
    flow::{Outcome, said::Unclear, table::Verb},
    journal::record::{Happening, Record},
    time::Millis,
    wire::MaybeSent,
};
use kicc_testkit::{
    memory::MemoryJournal,
    van::{Van, VanConfig},
};
use libtest_mimic::Trial;
use socket2::SockRef;

use crate::{
    merchant::{approve, number, policy, terminals},
    random::Random,
    trials::{long, trial},
};

pub fn trials() -> Vec<Trial> {
    vec![trial("reuse::r4_closed_just_as_a_payment_is_sent_it_is_not_sent_twice_and_ends_in_time", compare)]
}

/// How many payments go out at once.
const LANES: usize = 2;
/// Up to so long after its answer the gateway closes, and the client goes on.
const MICROS: u64 = 600;
/// Every message has as long, and the same again before it.
const TIME: Millis = Millis::from_secs(5);

/// What became of sales of which nothing should have become but approvals.
#[derive(Debug, Default)]
struct Figures {
    approved: usize,
    /// The approval had no answer, because its connection was gone.
    spurious: usize,
    /// Of these: how many waited for an answer to their very deadline.
    waited: usize,
    longest: Duration,
}

fn compare() {
    let sales = if long() { 10_000 } else { 1_000 };
    for reuse in [true, false] {
        let Figures { approved, spurious, waited, longest } = sell(sales, reuse);
        eprintln!(
            "{}: {sales} sales, {approved} approved, {spurious} reversed for nothing ({waited} of them waited to their \
             deadline); the longest call took {} ms; none was sent twice",
            if reuse { "connections reused" } else { "the default" },
            longest.as_millis(),
        );
        assert_eq!(approved + spurious, sales);
        if reuse {
            assert!(spurious > 0, "no connection was closed in time to prove anything");
        } else {
            assert_eq!(spurious, 0, "without reuse nothing is in the way");
        }
    }
}

fn sell(sales: usize, reuse: bool) -> Figures {
    let van = Van::start(VanConfig::default()).unwrap();
    let closing = Closing::start(van.addr());
    let mut settings = HttpSettings::new(format!("http://{}", closing.addr));
    settings.reuse_connections = reuse;
    let client = client(settings);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let figures = Arc::new(Mutex::new(Figures::default()));
    runtime.block_on(async {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (client, figures) = (client.clone(), Arc::clone(&figures));
                tokio::spawn(async move {
                    let mut random = Random::new(lane as u64);
                    for serial in (lane..sales).step_by(LANES) {
                        let began = Instant::now();
                        // Its own deadlines are long over by then.
                        let called = tokio::time::timeout(Duration::from_secs(30), approve(&client, serial));
                        let progress = called.await.expect("it hangs").unwrap();
                        figures.lock().unwrap().note(&progress, began.elapsed());
                        spin(&mut random);
                    }
                })
            })
            .collect();
        for lane in lanes {
            lane.await.unwrap();
        }
        let report = client.recover(Recovery::default(), async |_| Told::Yes).await.unwrap();
        assert!(report.parked.is_empty() && report.still_open.is_empty(), "{report:?}");
    });
    let ledger = van.ledger();
    assert_eq!(ledger.violations, Vec::<String>::new());
    let mut standing = 0;
    for serial in 0..sales {
        let number = number(serial);
        assert!(ledger.approvals(&number) <= 1, "{number}: sent twice");
        standing += usize::from(ledger.standing(&number));
    }
    let figures = std::mem::take(&mut *figures.lock().unwrap());
    assert_eq!(standing, figures.approved, "the books differ");
    figures
}

/// A call comes back at the first wait of a reversal; recovery does the rest, and all of these at once.
fn client(settings: HttpSettings) -> Client {
    let mut policy = policy();
    (policy.send_by, policy.answer_timeout) = (TIME, TIME);
    (policy.quiet_period, policy.backoff_first) = (Millis(100), Millis(10));
    let journal = Arc::new(Blocking::new(Arc::new(MemoryJournal::new())));
    let builder =
        Client::builder(Http::new(settings).unwrap(), journal).policy(policy).patience(Duration::ZERO);
    terminals().into_iter().fold(builder, |builder, terminal| builder.terminal(terminal)).build().unwrap()
}

impl Figures {
    fn note(&mut self, progress: &Progress, took: Duration) {
        self.longest = self.longest.max(took);
        let record: &Record = match progress {
            Progress::Settled(settled) => match settled.outcome().unwrap() {
                Outcome::Approved(_) => {
                    self.approved += 1;
                    return;
                }
                Outcome::Reversed(_) => settled.record().unwrap(),
                other => panic!("{other:?}"),
            },
            Progress::Open(open) => &open.record,
        };
        let unclear = record.history.iter().find_map(|entry| match &entry.what {
            Happening::Unclear(Verb::Approve, why) => Some(why.clone()),
            _ => None,
        });
        let why = unclear.unwrap_or_else(|| panic!("reversed without a cause: {:?}", record.history));
        self.spurious += 1;
        self.waited += usize::from(why == Unclear::Exchange(MaybeSent::Timeout));
    }
}

fn spin(random: &mut Random) {
    let until = Instant::now() + Duration::from_micros(random.below(MICROS));
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Stands before a gateway, and closes each connection soon after its first answer, without a word.
struct Closing {
    addr: SocketAddr,
}

impl Closing {
    /// Until the process ends.
    fn start(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for (which, client) in (10_000..).zip(listener.incoming()) {
                // A client that has gone is no matter.
                thread::spawn(move || serve(client?, gateway, &mut Random::new(which)));
            }
        });
        Closing { addr }
    }
}

fn serve(mut client: TcpStream, gateway: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut gateway = TcpStream::connect(gateway)?;
    client.set_nodelay(true)?;
    gateway.write_all(&message(&mut client)?)?;
    client.write_all(&message(&mut gateway)?)?;
    spin(random);
    // Every other time by a reset.
    if random.below(2) == 0 {
        SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// A request or an answer, whole.
fn message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(at) = head_end {
            let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize =
                length.and_then(|length| length.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
            if bytes.len() >= at + 4 + length {
                return Ok(bytes);
            }
        }
        match from.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&part[..count]),
        }
    }
}
