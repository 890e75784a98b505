//! The core on a runtime of one's own: smol, with hyper's HTTP/1.1 on its sockets and the SQLite journal on its threads.
//! An order is approved; another one's answer is lost, so it is reversed; a third one is dropped in the middle, as by a
//! process that dies, and the next process finds it in the journal and reverses it. Then the first one's money is given
//! back, once.
//!
//! ```text
//! cargo run -p kicc-testkit --example own_runtime
//! ```
//!
//! runs it against a simulated VAN. A driver that is to be trusted is held to `kicc_testkit::client_kit` and
//! `kicc_testkit::transport_kit`.

use std::{
    cell::RefCell,
    error::Error,
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Bytes, client::conn::http1, header, rt};
use kicc_proto::{
    client::Terminal,
    flow::{
        Done, Driver, Ended, Opening, Policy, RefundCall, Step, Transmit, call_refund, resume, table::Verb,
    },
    journal::{Claim, Claimed, Force, Journal as _, Listing, Row, record::Record},
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
        assert_eq!(shop.pay("ORD-1").await?, "approved", "the same number is the same order");
        assert_eq!(shop.pay("Xhanga-2").await?, "reversed");
        let cut_off = async {
            Timer::after(Duration::from_millis(200)).await;
            Ok("dropped")
        };
        assert_eq!(future::or(shop.pay("Xhanga-3"), cut_off).await?, "dropped");
        drop(shop);

        let shop = Shop::open(&path, van.addr()).await?;
        assert_eq!(shop.recover().await?, [("Xhanga-3".to_owned(), "reversed")]);
        assert!(van.ledger().standing("ORD-1"));
        assert_eq!(shop.refund("ORD-1").await?, "refunded");
        assert_eq!(shop.refund("ORD-1").await?, "refunded", "it is the same refund");
        Ok::<_, Box<dyn Error>>(())
    })?;
    let ledger = van.ledger();
    assert!(["ORD-1", "Xhanga-2", "Xhanga-3"].iter().all(|number| !ledger.standing(number)));
    println!("approved, reversed, reversed by the next process, and refunded: the gateway holds nothing");
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
        // A journal that was restored from a backup takes only new numbers that it cannot have forgotten (R24).
        let key = self.terminal.merchant.key(order.number().clone());
        let admission = self.journal.admission()?;
        if !admission.takes(order.number()) && self.journal.find(&key)?.is_none() {
            return Err(kicc_proto::client::Error::not_admitted(admission).into());
        }
        let opening = Opening { merchant: &self.terminal.merchant, driver: &self.driver, attempt: random() };
        let persist = order.open(&opening, self.now())?;
        self.drive(Step::Persist(persist)).await
    }

    /// Gives the whole of an approval back (R16).
    async fn refund(&self, name: &str) -> Result<&'static str, Box<dyn Error>> {
        let key = self.terminal.merchant.key(number(name));
        let original = Record::of_row(&self.journal.find(&key)?.ok_or("nothing is known of it")?)?;
        let opening = Opening { merchant: &self.terminal.merchant, driver: &self.driver, attempt: random() };
        let refunds = self.journal.refunds(&key)?;
        // Nothing was pruned here; else `UsedBefore` asks for the same with one more.
        match call_refund(&original, &refunds, None, 0, &opening, self.now())? {
            RefundCall::New(persist) => self.drive(Step::Persist(persist)).await,
            RefundCall::Known(key) => Ok(known(&self.journal.find(&key)?.ok_or("it is pruned")?)?),
        }
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
        let (request, mut in_flight) =
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
        // One message at a time keeps within every cap on rescues; who sends several counts them here (R14).
        let exchange = exchange(self.gateway, &request, limits, may_send).await;
        if let Some(at) = exchange.written_at {
            in_flight.written(now_at(self.start, at));
        }
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
            // Not recorded is *never sent* only where nobody else recorded the number (R3): an error tells no such thing.
            Ended::Verdict(_) if done.is_unrecorded() => {
                Err("the journal did not take it; nothing was sent".into())
            }
            Ended::Verdict(verdict) => Ok(verdict.name()),
            Ended::Known(row) => Ok(known(row)?),
            Ended::TakenOver(_) => Ok(STILL_OPEN),
            Ended::NotKnown { record, token } => {
                // A lease that is not given back only makes recovery wait for it.
                let _ = self.journal.release(&record.key, *token);
                Ok(STILL_OPEN)
            }
            refused => Err(format!("{refused}; nothing was sent").into()),
        }
    }

    fn now(&self) -> Now {
        now_since(self.start)
    }

    fn instant(&self, mono: Mono) -> Instant {
        self.start + Duration::from_millis(mono.0)
    }
}

/// No outcome, and no reason to try again: recovery will tell.
const STILL_OPEN: &str = "still open";

/// The end of a number that was known before, as its row tells it.
fn known(row: &Row) -> Result<&'static str, Box<dyn Error>> {
    Ok(Record::of_row(row)?.verdict().map_or(STILL_OPEN, |verdict| verdict.name()))
}

/// One request and its answer, on a connection of its own. [`Progress`] counts how far it got, and decides.
async fn exchange(
    gateway: SocketAddr,
    request: &Request<'_>,
    limits: Limits<Instant>,
    may_send: impl Fn() -> bool,
) -> Exchange<Instant> {
    let progress = RefCell::new(Progress::new(limits));
    let found = answer(gateway, request, limits, may_send, &progress).await;
    progress.into_inner().conclude(found, Instant::now())
}

async fn answer(
    gateway: SocketAddr,
    request: &Request<'_>,
    limits: Limits<Instant>,
    may_send: impl Fn() -> bool,
    progress: &RefCell<Progress<Instant>>,
) -> Result<OwnedReply, MaybeSent> {
    // Before the marker is set any error is *never sent*, whatever it is called here.
    let until_send_by = progress.borrow_mut().left(Instant::now()).ok_or(MaybeSent::Timeout)?;
    let connecting = async { TcpStream::connect(gateway).await.map_err(|_| MaybeSent::Reset) };
    let stream = within(until_send_by, connecting).await?;
    // What is given up is destroyed, and not sent by the kernel later (R13a).
    socket2::SockRef::from(&stream)
        .set_linger(limits.money.then_some(Duration::ZERO))
        .map_err(|_| MaybeSent::Other)?;
    let socket = Watched { stream: FuturesIo::new(stream), progress };
    let (mut sender, connection) = http1::handshake(socket).await.map_err(|_| MaybeSent::Other)?;
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
    let permitted = may_send();
    if !progress.borrow_mut().begin(permitted, Instant::now()) {
        return Err(MaybeSent::Other);
    }
    // What is waited is counted from the first byte: less than from the last, never more.
    let left = progress.borrow_mut().left(Instant::now()).ok_or(MaybeSent::Timeout)?;
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

/// The socket below hyper, which does not say by itself when the last byte was handed to the kernel.
struct Watched<'p, S> {
    stream: S,
    progress: &'p RefCell<Progress<Instant>>,
}

impl<S: rt::Write + Unpin> rt::Write for Watched<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.progress.borrow_mut().writing();
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.progress.borrow_mut().written(Instant::now());
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: rt::Read + Unpin> rt::Read for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, MaybeSent>>) -> Result<T, MaybeSent> {
    let over = async {
        Timer::after(time).await;
        Err(MaybeSent::Timeout)
    };
    future::or(work, over).await
}

fn now_since(start: Instant) -> Now {
    now_at(start, Instant::now())
}

/// Both clocks at a moment that has just passed.
fn now_at(start: Instant, at: Instant) -> Now {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { mono: Mono(millis(at - start)), wall: UnixMillis(millis(wall.saturating_sub(at.elapsed()))) }
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
