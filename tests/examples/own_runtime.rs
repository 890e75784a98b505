//! The core on a runtime of one's own: smol, with hyper's HTTP/1.1 on its sockets and the SQLite journal on its threads.
//! An order is approved; another one's answer is lost, so it is reversed; a third one is dropped in the middle, as by a
//! process that dies, and the next process finds it in the journal and reverses it.
//!
//! ```text
//! cargo run -p kicc-testkit --example own_runtime
//! ```
//!
//! runs it against a simulated VAN. A driver that is to be trusted is held to `kicc_testkit::client_kit` and
//! `kicc_testkit::transport_kit`.

use std::{
    error::Error,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Bytes, client::conn::http1, header};
use kicc_proto::{
    client::Terminal,
    flow::{Done, Driver, Ended, Opening, Policy, Step, Transmit, Verdict, resume, table::Verb},
    journal::{Claim, Claimed, Force, Journal as _, Listing},
    product::Order as _,
    simple,
    time::{Millis, Mono, Now, UnixMillis},
    values::*,
    wire::{
        MaybeSent, REPLY_MAX, Request, RequestBuffer,
        exchange::{Exchange, Limits, OwnedReply, Progress, has_one_end},
        sign::Nonce,
    },
};
use kicc_testkit::{
    client_kit::{number, simple_terminal},
    van::{Van, VanConfig},
};
use kicc_ureq::journal::SqliteJournal;
use smol::{Timer, future, net::TcpStream};
use smol_hyper::rt::FuturesIo;

fn main() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig { late: Duration::from_millis(100), ..VanConfig::default() })?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal.db");
    smol::block_on(async {
        let shop = Shop::open(&path, van.addr()).await?;
        assert_eq!(shop.pay("ORD-1").await?, "approved");
        assert_eq!(shop.pay("Xhanga-2").await?, "reversed");
        let cut_off = async {
            Timer::after(Duration::from_millis(200)).await;
            Ok("dropped")
        };
        assert_eq!(future::or(shop.pay("Xhanga-3"), cut_off).await?, "dropped");
        drop(shop);

        let shop = Shop::open(&path, van.addr()).await?;
        assert_eq!(shop.recover().await?, [("Xhanga-3".to_owned(), "reversed")]);
        Ok::<_, Box<dyn Error>>(())
    })?;
    let ledger = van.ledger();
    assert!(ledger.standing("ORD-1") && !ledger.standing("Xhanga-2") && !ledger.standing("Xhanga-3"));
    println!("approved, reversed, and reversed by the next process: the gateway holds ORD-1 alone");
    Ok(())
}

/// A shop: what the core does not have.
struct Shop {
    gateway: SocketAddr,
    journal: Arc<SqliteJournal>,
    terminal: Terminal,
    driver: Driver,
    start: Instant,
}

impl Shop {
    async fn open(path: &Path, gateway: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let path = path.to_owned();
        let journal = smol::unblock(move || SqliteJournal::open(path)).await?;
        // So short as only a simulated gateway may have it; `check` refuses it for any other.
        let mut policy = Policy::default();
        (policy.answer_timeout, policy.quiet_period) = (Millis(400), Millis(500));
        policy.check(gateway.ip().is_loopback())?;
        let holder = journal.holder().into();
        Ok(Shop {
            gateway,
            journal: Arc::new(journal),
            terminal: simple_terminal("T123456789"),
            driver: Driver { policy: Arc::new(policy), holder, accept_step: false },
            start: Instant::now(),
        })
    }

    /// Takes an order to its end.
    async fn pay(&self, name: &str) -> Result<&'static str, Box<dyn Error>> {
        let amount = Amount::new(Won(10_000), Parts::default())?;
        let order = simple::Order::new(number(name), amount, TokenKey::new("TOKEN")?);
        let opening = Opening { merchant: &self.terminal.merchant, driver: &self.driver, attempt: random() };
        let persist = order.open(&opening, self.now())?;
        self.drive(Step::Persist(persist)).await
    }

    /// Goes on with what earlier processes left open (R20). A real shop also shows what is parked to a person, tells again
    /// what was not told, and comes back from time to time.
    async fn recover(&self) -> Result<Vec<(String, &'static str)>, Box<dyn Error>> {
        let mut ends = Vec::new();
        for row in self.journal.list(Listing::Open, None, 100)? {
            let now = self.now();
            let claimed = self.journal.claim(&Claim {
                key: &row.key,
                revision: row.revision,
                holder: self.journal.holder(),
                now: now.wall,
                lease_until: now.wall + self.driver.policy.lease,
                force: Force::DeadOrLapsed,
            })?;
            if let Claimed::Yes(row) = claimed {
                let name = row.key.number.as_str().to_owned();
                let step = resume(*row, &self.terminal.merchant, &self.driver, now)?;
                ends.push((name, self.drive(step).await?));
            }
        }
        Ok(ends)
    }

    /// The loop. Dropped at any await it leaves a record from which `recover` goes on (R17).
    async fn drive(&self, mut step: Step) -> Result<&'static str, Box<dyn Error>> {
        loop {
            step = match step {
                Step::Persist(persist) => {
                    let (journal, start) = (Arc::clone(&self.journal), self.start);
                    smol::unblock(move || {
                        let written = journal.write(&persist.row(), persist.expect());
                        persist.written(written, now_since(start))
                    })
                    .await
                }
                Step::Transmit(transmit) => self.transmit(transmit).await,
                Step::InFlight(in_flight) => in_flight.lost(self.now()),
                Step::Wait(wait) => {
                    let [low, high, ..] = random();
                    let until = wait.until(u16::from_le_bytes([low, high]), self.now());
                    Timer::at(self.instant(until)).await;
                    wait.wake(self.now())
                }
                // The shop's books are asked here. Where they take their time, renew the lease meanwhile (R20).
                Step::Settle(settle) => settle.accept(self.now()),
                Step::AskBooks(ask) => ask.nobody_to_ask(self.now()),
                Step::Done(done) => return self.told(&done),
            };
        }
    }

    async fn transmit(&self, transmit: Transmit) -> Step {
        let (verb, key, token, permit) =
            (transmit.verb(), transmit.key().clone(), transmit.token(), transmit.permit());
        let mut buffer = RequestBuffer::new();
        let credentials = self.terminal.credentials(None);
        let (request, in_flight) =
            match transmit.encode(credentials, Nonce(random()), self.now(), &mut buffer) {
                Ok(encoded) => encoded,
                Err(step) => return step,
            };
        let limits = Limits {
            send_by: self.instant(permit.mono),
            answer_within: Duration::from_millis(in_flight.answer_within().0),
            money: matches!(verb, Verb::Approve | Verb::Cancel),
        };
        // Asked when the connection stands: a row that is no longer ours is not sent for (R20).
        let may_send = || !permit.passed(self.now()) && self.journal.holds(&key, token).unwrap_or(false);
        let exchange = exchange(self.gateway, &request, limits, may_send).await;
        match exchange.result {
            Ok(reply) => in_flight.reply(reply.as_reply(), self.now()),
            Err(failure) => in_flight.failed(failure, self.now()),
        }
    }

    /// Whoever asked has the end; until the journal notes that, recovery tells it again (R22).
    fn told(&self, done: &Done) -> Result<&'static str, Box<dyn Error>> {
        if let (Some(record), Some(revision)) = (done.record(), done.revision()) {
            self.journal.told(&record.key, revision)?;
        }
        match done.ended() {
            Ended::Verdict(Verdict::Approval(outcome)) => Ok(outcome.name()),
            other => Err(format!("no outcome: {other:?}").into()),
        }
    }

    fn now(&self) -> Now {
        now_since(self.start)
    }

    fn instant(&self, mono: Mono) -> Instant {
        self.start + Duration::from_millis(mono.0)
    }
}

/// One request and its answer, on a connection of its own. [`Progress`] counts how far it got, and decides.
async fn exchange(
    gateway: SocketAddr,
    request: &Request<'_>,
    limits: Limits<Instant>,
    may_send: impl Fn() -> bool,
) -> Exchange<Instant> {
    let mut progress = Progress::new(limits);
    let found = answer(gateway, request, limits, may_send, &mut progress).await;
    progress.conclude(found, Instant::now())
}

async fn answer(
    gateway: SocketAddr,
    request: &Request<'_>,
    limits: Limits<Instant>,
    may_send: impl Fn() -> bool,
    progress: &mut Progress<Instant>,
) -> Result<OwnedReply, MaybeSent> {
    // Before the marker is set any error is *never sent*, whatever it is called here.
    let until_send_by = progress.left(Instant::now()).ok_or(MaybeSent::Timeout)?;
    let connecting = async { TcpStream::connect(gateway).await.map_err(|_| MaybeSent::Reset) };
    let stream = within(until_send_by, connecting).await?;
    // What is given up is destroyed, and not sent by the kernel later (R13a).
    socket2::SockRef::from(&stream)
        .set_linger(limits.money.then_some(Duration::ZERO))
        .map_err(|_| MaybeSent::Other)?;
    let (mut sender, connection) =
        http1::handshake(FuturesIo::new(stream)).await.map_err(|_| MaybeSent::Other)?;
    let mut message = hyper::Request::builder()
        .method(request.method().as_str())
        .uri(request.path())
        .header(header::HOST, gateway.to_string())
        .header(header::CONNECTION, "close");
    for (name, value) in request.headers() {
        message = message.header(name, value);
    }
    let body = Full::new(Bytes::copy_from_slice(request.body()));
    let message = message.body(body).map_err(|_| MaybeSent::Other)?;

    // The marker: set before hyper has anything to write (R4).
    if !progress.begin(may_send(), Instant::now()) {
        return Err(MaybeSent::Other);
    }
    // hyper does not say when the last byte was written, so the time to answer is counted from the first: less, never more.
    let left = progress.left(Instant::now()).ok_or(MaybeSent::Timeout)?;
    let talking = async {
        let response = sender.send_request(message).await.map_err(|_| MaybeSent::Reset)?;
        let (head, body) = response.into_parts();
        let all = |name| head.headers.get_all(name).iter().map(header::HeaderValue::as_bytes);
        let is_http_1_1 = head.version == hyper::Version::HTTP_11;
        if !has_one_end(is_http_1_1, all(header::TRANSFER_ENCODING), all(header::CONTENT_LENGTH)) {
            return Err(MaybeSent::Protocol);
        }
        let body = Limited::new(body, REPLY_MAX).collect().await.map_err(|error| {
            let too_large = error.is::<http_body_util::LengthLimitError>();
            if too_large { MaybeSent::BodyTooLarge } else { MaybeSent::Truncated }
        })?;
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(OwnedReply {
            status: head.status.as_u16(),
            content_type: content_type.map(str::to_owned),
            body: body.to_bytes().to_vec(),
        })
    };
    // hyper's connection is driven here and nowhere else, so that giving up ends it.
    let driving = async {
        let _ = connection.await;
        future::pending().await
    };
    within(left, future::or(talking, driving)).await
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, MaybeSent>>) -> Result<T, MaybeSent> {
    let over = async {
        Timer::after(time).await;
        Err(MaybeSent::Timeout)
    };
    future::or(work, over).await
}

fn now_since(start: Instant) -> Now {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { mono: Mono(millis(start.elapsed())), wall: UnixMillis(millis(wall)) }
}

/// Nonces, ids and jitter; a nonce must not come again.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's random generator answers");
    bytes
}

/// It runs.
#[test]
fn two_processes_on_a_runtime_of_ones_own() {
    main().unwrap();
}
