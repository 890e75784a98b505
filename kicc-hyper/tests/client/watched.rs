//! A journal, connections and an accept step that say what is awaited, and can be held there.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use kicc_hyper::http::{BaseUrl, Connect, Opening};
use kicc_proto::{
    journal::{
        Admission, AsyncJournal, BoxFuture, Claim, Claimed, Expect, Key, Listing, ReadError, Row, Unreadable,
        WriteError, Written,
    },
    time::UnixMillis,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
    sync::watch,
};

thread_local! {
    static MET: RefCell<Option<Vec<&'static str>>> = const { RefCell::new(None) };
}

/// Drops a future, and says what it was awaiting: the innermost that is watched, or a pause.
pub fn drop_and_look<T>(future: T) -> &'static str {
    MET.set(Some(Vec::new()));
    drop(future);
    let met = MET.take().unwrap_or_default();
    // A permission is asked within an exchange.
    met.iter().find(|at| **at != EXCHANGE).or(met.first()).copied().unwrap_or(PAUSE)
}

pub const PAUSE: &str = "pause";
pub const ACCEPT: &str = "accept step";
pub const CONNECT: &str = "connect";
pub const EXCHANGE: &str = "exchange";
pub const FIRST_WRITE: &str = "first write";
pub const LATER_WRITE: &str = "later write";
pub const HOLDS: &str = "permission";

/// Something that is awaited; dropped before its end, it was met by whoever drops.
pub struct Awaited {
    at: &'static str,
    is_over: bool,
}

impl Awaited {
    pub fn at(at: &'static str) -> Self {
        Awaited { at, is_over: false }
    }

    pub fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.is_over {
            MET.with_borrow_mut(|met| met.iter_mut().for_each(|met| met.push(self.at)));
        }
    }
}

/// A place at which everything stops while it is shut.
#[derive(Clone)]
pub struct Gate(Arc<(watch::Sender<Shut>, AtomicUsize)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    Open,
    At(&'static str),
    Panics(&'static str),
}

impl Gate {
    fn new() -> Self {
        Gate(Arc::new((watch::Sender::new(Shut::Open), AtomicUsize::new(0))))
    }

    /// Whatever comes here stops, before it begins.
    pub fn shut(&self, at: &'static str) {
        self.0.0.send_replace(Shut::At(at));
    }

    /// Whatever comes here panics.
    pub fn panic(&self, at: &'static str) {
        self.0.0.send_replace(Shut::Panics(at));
    }

    pub fn open(&self) {
        self.0.0.send_replace(Shut::Open);
    }

    /// How often something came to where it was shut.
    pub fn came(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    async fn pass(&self, at: &'static str) {
        let shut = *self.0.0.borrow();
        match shut {
            Shut::Open => return,
            Shut::At(shut) | Shut::Panics(shut) if shut != at => return,
            Shut::At(_) => drop(self.0.1.fetch_add(1, Ordering::SeqCst)),
            Shut::Panics(at) => {
                self.0.1.fetch_add(1, Ordering::SeqCst);
                panic!("on purpose, at {at}");
            }
        }
        let _ = self.0.0.subscribe().wait_for(|shut| *shut != Shut::At(at)).await;
    }
}

/// A journal with a gate before and one behind each of its calls.
pub struct Journal {
    journal: Arc<dyn AsyncJournal>,
    pub before: Gate,
    pub behind: Gate,
}

impl Journal {
    pub fn new(journal: Arc<dyn AsyncJournal>) -> Self {
        Journal { journal, before: Gate::new(), behind: Gate::new() }
    }

    fn watch<'a, T: Send + 'a>(&'a self, at: &'static str, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let awaited = Awaited::at(at);
            self.before.pass(at).await;
            let done = call.await;
            self.behind.pass(at).await;
            awaited.over();
            done
        })
    }
}

impl AsyncJournal for Journal {
    fn holder(&self) -> &str {
        self.journal.holder()
    }
    fn write<'a>(&'a self, row: &'a Row, expect: Expect) -> BoxFuture<'a, Result<Written, WriteError>> {
        let at = if expect == Expect::Absent { FIRST_WRITE } else { LATER_WRITE };
        self.watch(at, self.journal.write(row, expect))
    }
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Row>, ReadError>> {
        self.watch("find", self.journal.find(key))
    }
    fn refunds<'a>(&'a self, original: &'a Key) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.watch("refunds", self.journal.refunds(original))
    }
    fn claim<'a>(&'a self, claim: &'a Claim<'a>) -> BoxFuture<'a, Result<Claimed, WriteError>> {
        self.watch("claim", self.journal.claim(claim))
    }
    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: u64,
        until: UnixMillis,
    ) -> BoxFuture<'a, Result<bool, WriteError>> {
        self.watch("renew", self.journal.renew(key, token, until))
    }
    fn release<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<(), WriteError>> {
        self.watch("release", self.journal.release(key, token))
    }
    fn holds<'a>(&'a self, key: &'a Key, token: u64) -> BoxFuture<'a, Result<bool, ReadError>> {
        self.watch(HOLDS, self.journal.holds(key, token))
    }
    fn told<'a>(&'a self, key: &'a Key, revision: u64) -> BoxFuture<'a, Result<bool, WriteError>> {
        self.watch("told", self.journal.told(key, revision))
    }
    fn list<'a>(
        &'a self,
        which: Listing,
        after: Option<(UnixMillis, &'a Key)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.watch("list", self.journal.list(which, after, limit))
    }
    fn unreadable(&self) -> BoxFuture<'_, Result<Vec<Unreadable>, ReadError>> {
        self.watch("unreadable", self.journal.unreadable())
    }
    fn admission(&self) -> BoxFuture<'_, Result<Admission, ReadError>> {
        self.watch("admission", self.journal.admission())
    }
    fn rescues_share(&self) -> Option<u32> {
        self.journal.rescues_share()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.journal.close()
    }
}

/// Plain connections to a gateway on this machine.
#[derive(Clone)]
pub struct Connections {
    pub gate: Gate,
    /// Nobody is reached.
    pub down: Arc<AtomicBool>,
    pub live: Arc<Live>,
}

/// How many there are now, and were at once.
#[derive(Default)]
pub struct Live {
    now: AtomicUsize,
    pub most: AtomicUsize,
}

impl Connections {
    pub fn new() -> Self {
        Connections { gate: Gate::new(), down: Arc::default(), live: Arc::default() }
    }
}

impl Connect for Connections {
    type Stream = TokioIo<Connection>;

    async fn connect(&self, gateway: &BaseUrl, opening: Opening<'_>) -> io::Result<Self::Stream> {
        let awaited = Awaited::at(CONNECT);
        self.gate.pass(CONNECT).await;
        if self.down.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let socket = TcpSocket::new_v4()?;
        if opening.reset_on_close() {
            socket.set_zero_linger()?;
        }
        let address = gateway.authority().parse().map_err(io::Error::other)?;
        let stream = socket.connect(address).await?;
        awaited.over();
        let now = self.live.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.live.most.fetch_max(now, Ordering::SeqCst);
        let awaited = Awaited::at(EXCHANGE);
        Ok(TokioIo::new(Connection { stream, live: Arc::clone(&self.live), _awaited: awaited }))
    }
}

/// Dropped at the end of its exchange, or with whoever awaited that.
pub struct Connection {
    stream: TcpStream,
    live: Arc<Live>,
    _awaited: Awaited,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.live.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
