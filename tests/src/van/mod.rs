//! The simulated VAN.
//!
//! [`Van::start`] listens on loopback and answers KICC's Simple Payment (spec A.3 to A.7) and EasyTalkPay (spec B) as a
//! VAN would, and i'mport in front of it, or as badly as [`faults`] says. Beside the products' own paths it answers:
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | `ok` |
//! | `GET /ledger` | the [`Ledger`] as JSON |
//! | `GET /ledger/{number}` | one [`Entry`] as JSON; 404 if the number was never seen |
//! | `GET /counts` | the [`Counts`] as JSON |
//! | `GET /window/{id}` | a window that was registered, in Korean or (`?lang=en`) English |
//! | `GET /v1/iamport.js` | i'mport's script for a shop's page; `/js/iamport.payment-….js` is the old one |
//! | `GET /iamport/webhooks` | the [`Webhook`]s so far as a JSON array |
//! | `POST /iamport/deposits/{imp_uid}` | the deposit to a virtual account comes in; 404 if none is waited for |
//! | `POST /disagreements` | a JSON array of [`BookEntry`] brings a JSON array of [`Disagreement`] |
//!
//! An `https` URL to its port fails in the TLS handshake; [`Van::refusing_addr`] refuses connections.
//!
//! A client that gives up within less time than a busy machine needs to schedule a thread may be told that an approval
//! came after its net-cancel: the VAN knows only in which order it read them.

mod approval;
mod choice;
mod clock;
mod config;
mod damage;
mod easytalk;
pub mod faults;
mod fields;
mod gate;
mod http;
mod iamport;
mod json;
mod ledger;
mod reconcile;
mod rescue;
mod simple;
mod windows;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

pub use choice::{BadRule, FaultRule, Match, SeededFaults};
pub use config::{EasyTalkSettings, IamportSettings, SecretKey, TokenCipher, VanConfig};
pub use iamport::Webhook;
pub use json::Charset;
pub use ledger::{Charge, Entry, Kind, Ledger, Seen, State, Voided};
pub use reconcile::{BookEntry, Charged, Disagreement};

use clock::Clock;
use http::{Answer, Connection, Incoming, Reply, Request};
use iamport::Tokens;
use ledger::Books;
use windows::Windows;

/// What the VAN counted; also the JSON of `GET /counts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Whole requests read, of any kind.
    pub requests: u64,
    /// Approval requests that were authentic and well-formed.
    pub approvals: u64,
    /// Net-cancels that were authentic and well-formed.
    pub net_cancels: u64,
    /// Cancels that were authentic and well-formed.
    pub cancels: u64,
    /// Status queries and look-ups that were authentic and well-formed.
    pub status_queries: u64,
    /// Windows that were registered or, in i'mport, opened.
    pub registrations: u64,
    /// Access tokens that were asked for.
    pub tokens: u64,
    /// Requests whose end never came. Nobody acted on them.
    pub partial: u64,
    /// Requests without a valid signature.
    pub unauthorized: u64,
    /// Requests that were no HTTP, or whose fields were not as documented.
    pub malformed: u64,
    /// TLS hellos.
    pub tls_hellos: u64,
    /// Redirects that somebody followed.
    pub redirects_followed: u64,
    /// Approvals by the name of their fault, and rescue faults by theirs (once per order's first approval).
    pub by_fault: BTreeMap<String, u64>,
}

/// A running VAN. Dropping it stops it.
#[derive(Debug)]
pub struct Van {
    shared: Arc<Shared>,
    addr: SocketAddr,
    /// Bound and never listening, so that its port refuses for as long as this lives.
    refusing: Socket,
    acceptor: Option<JoinHandle<()>>,
}

impl Van {
    /// Binds, listens, and answers from threads of its own.
    ///
    /// # Errors
    /// The address cannot be listened on, or no thread can be made.
    pub fn start(config: VanConfig) -> std::io::Result<Self> {
        let listener = Socket::new(Domain::for_address(config.listen), Type::STREAM, None)?;
        listener.set_reuse_address(true)?;
        listener.bind(&config.listen.into())?;
        // A burst of a thousand connections must not meet a full queue: the kernel would make them wait a second.
        listener.listen(4096)?;
        let listener = TcpListener::from(listener);
        let addr = listener.local_addr()?;
        let refusing = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        refusing.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let shared = Arc::new(Shared::new(config));
        let accepting = Arc::clone(&shared);
        let acceptor =
            thread::Builder::new().name("van".into()).spawn(move || accept(&accepting, &listener))?;
        Ok(Self { shared, addr, refusing, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` and the address, without a path.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// An address that refuses every connection while this VAN lives.
    ///
    /// # Panics
    /// Never: the socket was bound when the VAN started.
    #[must_use]
    pub fn refusing_addr(&self) -> SocketAddr {
        let addr = self.refusing.local_addr().ok().and_then(|addr| addr.as_socket());
        addr.expect("a bound socket has an address")
    }

    /// The books as they are now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.books().snapshot()
    }

    /// What was counted until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts().clone()
    }

    /// Moves the VAN's clock, which gives its dates, ahead: over midnight, for example.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// What i'mport has for the merchant's webhook, in the order of its happening.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.shared.books().iamport.webhooks()
    }

    /// A customer pays an order of so many won in i'mport's window, as the order's fault has it: `decline` fails,
    /// `amount_differs` pays 10 won more. The `imp_uid`.
    pub fn pay_in_window(&self, merchant_uid: &str, amount: u64) -> String {
        iamport::window::pay(&self.shared, merchant_uid, amount)
    }

    /// Ends the life of i'mport's token: who bears it gets 401 until a new one was asked for.
    pub fn end_token(&self) {
        self.shared.tokens().end();
    }

    /// Whether i'mport gives tokens; if not, who asks gets 503.
    pub fn serve_tokens(&self, serve: bool) {
        self.shared.tokens().serve(serve);
    }

    /// Stops listening and cuts every connection. The books stay readable, and nothing is booked any more.
    pub fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stop.set();
        // The acceptor looks up once more. It listens on loopback even where it listens on every address.
        let _ = TcpStream::connect_timeout(
            &(Ipv4Addr::LOCALHOST, self.addr.port()).into(),
            Duration::from_secs(1),
        )
        .or_else(|_| TcpStream::connect_timeout(&self.addr, Duration::from_secs(1)));
        // A panic of the acceptor has been printed by its thread.
        let _ = acceptor.join();
        let until = Instant::now() + Duration::from_secs(2);
        while self.shared.cut_connections() > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Van {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What all threads of a VAN share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    config: VanConfig,
    books: Mutex<Books>,
    windows: Mutex<Windows>,
    tokens: Mutex<Tokens>,
    counts: Mutex<Counts>,
    stop: Latch,
    connections: Mutex<HashMap<u64, Arc<TcpStream>>>,
    next_connection: AtomicU64,
}

impl Shared {
    fn new(config: VanConfig) -> Self {
        Self {
            clock: Clock::new(config.clock_ahead),
            config,
            books: Mutex::default(),
            windows: Mutex::default(),
            tokens: Mutex::default(),
            counts: Mutex::default(),
            stop: Latch::default(),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(0),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        lock(&self.windows)
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    fn cut_connections(&self) -> usize {
        let connections = lock(&self.connections);
        for stream in connections.values() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        connections.len()
    }
}

/// A thread that panicked with the lock has said so; what it left is still the truth.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes every waiting thread when the VAN stops.
#[derive(Debug, Default)]
struct Latch {
    stopped: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Latch {
    fn set(&self) {
        let _guard = lock(&self.lock);
        self.stopped.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    fn is_set(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Waits; false if the VAN stopped meanwhile.
    fn wait(&self, time: Duration) -> bool {
        if !time.is_zero() {
            let running = |(): &mut ()| !self.is_set();
            let _ = self.changed.wait_timeout_while(lock(&self.lock), time, running);
        }
        !self.is_set()
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    loop {
        let accepted = listener.accept();
        if shared.stop.is_set() {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: some will come back.
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        shared.counts().connections += 1;
        let id = shared.next_connection.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(stream);
        lock(&shared.connections).insert(id, Arc::clone(&stream));
        let serving = Arc::clone(shared);
        // Small stacks: thousands of these may hang at once.
        let spawned = thread::Builder::new().stack_size(256 * 1024).spawn(move || {
            let connection = Connection::new(stream, serving.config.hang);
            let _listed = Listed { shared: &serving, id };
            serve(&serving, connection);
        });
        if spawned.is_err() {
            lock(&shared.connections).remove(&id);
        }
    }
}

/// Takes a connection off the list when its thread ends, also by a panic.
struct Listed<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        lock(&self.shared.connections).remove(&self.id);
    }
}

fn serve(shared: &Arc<Shared>, mut connection: Connection) {
    loop {
        let request = match connection.next() {
            Incoming::Request(request) => request,
            Incoming::Closed => return,
            Incoming::Partial => {
                shared.counts().partial += 1;
                return;
            }
            Incoming::Tls => {
                shared.counts().tls_hellos += 1;
                connection.write(&Reply::text(400, "this port speaks HTTP, not TLS\n").to_bytes(false));
                return;
            }
            Incoming::Bad(status) => {
                shared.counts().malformed += 1;
                connection.write(&Reply::text(status, "not understood\n").to_bytes(false));
                return;
            }
        };
        shared.counts().requests += 1;
        let answer = route(shared, &request);
        let path = request.path.as_str();
        let of_a_product = path.starts_with(simple::PATHS)
            || easytalk::serves(&shared.config, path)
            || iamport::serves(path);
        if of_a_product && !shared.stop.wait(shared.config.latency) {
            return;
        }
        let go_on = match answer {
            Answer::Reply(reply) => connection.write(&reply.to_bytes(request.keep_alive)),
            Answer::Drip(reply) => connection.drip(&reply.to_bytes(request.keep_alive), shared.config.drip),
            Answer::Bytes(bytes) => {
                connection.write(&bytes);
                return;
            }
            Answer::Reset => {
                connection.reset_on_close();
                return;
            }
            Answer::Hang(then) => {
                connection.wait_for_its_end(shared.config.hang);
                if let Some(then) = then {
                    then();
                }
                return;
            }
        };
        if !go_on || !request.keep_alive {
            return;
        }
    }
}

fn route(shared: &Arc<Shared>, request: &Request) -> Answer {
    let path = request.path.as_str();
    match (request.method.as_str(), path) {
        ("POST", path) if path.starts_with(simple::PATHS) => simple::answer(shared, request),
        ("POST", path) if simple::stages::PATHS.contains(&path) => simple::stages::answer(shared, request),
        ("POST", path) if easytalk::serves(&shared.config, path) => easytalk::answer(shared, request),
        (_, path) if iamport::serves(path) => iamport::answer(shared, request),
        ("GET" | "POST", path) if iamport::window::serves(path) => iamport::window::answer(shared, request),
        ("GET", "/iamport/webhooks") => json(&shared.books().iamport.webhooks()),
        ("GET", path) if path.starts_with(windows::PATHS) => windows::answer(shared, request),
        ("GET", "/health") => Answer::Reply(Reply::text(200, "ok\n")),
        ("GET", "/ledger") => json(&shared.books().snapshot()),
        ("GET", "/counts") => json(&*shared.counts()),
        ("POST", "/disagreements") => match serde_json::from_slice::<Vec<BookEntry>>(&request.body) {
            Ok(book) => json(&shared.books().snapshot().disagreements(book)),
            Err(error) => Answer::Reply(Reply::text(400, &format!("no array of book entries: {error}\n"))),
        },
        (_, "/other") => {
            shared.counts().redirects_followed += 1;
            shared.books().violation("a redirect was followed");
            Answer::Reply(Reply::json(br#"{"respCd":"0000","respMsg":"Approval Success"}"#.to_vec()))
        }
        ("GET", path) if path.starts_with("/ledger/") => {
            let ledger = shared.books().snapshot();
            let entry = ledger.entry(path.trim_start_matches("/ledger/"));
            entry.map_or_else(|| Answer::Reply(Reply::text(404, "no such number\n")), json)
        }
        _ => Answer::Reply(Reply::text(404, "no such page\n")),
    }
}

fn json(value: &impl Serialize) -> Answer {
    match serde_json::to_vec_pretty(value) {
        Ok(body) => Answer::Reply(Reply::json(body)),
        Err(error) => Answer::Reply(Reply::text(500, &error.to_string())),
    }
}
