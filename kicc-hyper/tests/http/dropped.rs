//! R17: a dropped exchange sends nothing more, at whichever poll it is dropped.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use kicc_hyper::http::{BaseUrl, Connect, Http, HttpSettings, Opening};
use kicc_testkit::transport_kit::server::{OK, Server};

use super::*;

/// Polls it at most so often.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// What came of one stream.
#[derive(Default)]
struct Seen {
    bytes: Mutex<Vec<u8>>,
    is_closed: AtomicBool,
}

/// Every other poll is not ready; takes seven bytes at a time, and answers byte by byte once the body is there.
struct Slow {
    seen: Arc<Seen>,
    /// To write, to flush, to read.
    ready: [bool; 3],
    answered: usize,
}

impl Slow {
    fn poll_ready(&mut self, what: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.ready[what] = !self.ready[what];
        if !self.ready[what] {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Write for Slow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_ready(0, cx).map(|()| {
            let part = &bytes[..bytes.len().min(7)];
            self.seen.bytes.lock().unwrap().extend_from_slice(part);
            Ok(part.len())
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(1, cx).map(Ok)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Read for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.seen.bytes.lock().unwrap().ends_with(BODY) {
            // Woken by the write side.
            return Poll::Pending;
        }
        self.poll_ready(2, cx).map(|()| {
            let end = OK.len().min(self.answered + 9);
            into.put_slice(&OK[self.answered..end]);
            self.answered = end;
            Ok(())
        })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.seen.is_closed.store(true, Ordering::SeqCst);
    }
}

struct Slowly(Arc<Seen>);

impl Connect for Slowly {
    type Stream = Slow;

    async fn connect(&self, _: &BaseUrl, _: Opening<'_>) -> io::Result<Slow> {
        tokio::task::yield_now().await;
        Ok(Slow { seen: self.0.clone(), ready: [false; 3], answered: 0 })
    }
}

/// Whether the permission was given.
fn noting(given: &Arc<AtomicBool>) -> MaySend {
    let given = given.clone();
    Box::pin(async move {
        tokio::task::yield_now().await;
        given.store(true, Ordering::SeqCst);
        true
    })
}

#[tokio::test]
async fn r17_dropped_at_any_poll_an_exchange_sends_nothing_more() {
    let (mut partly, mut ends) = (0, 0);
    for times in 0..1000 {
        let (seen, given) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let http = Http::with_connector(HttpSettings::new("https://gw.test"), Slowly(seen.clone())).unwrap();
        let ended = polled(post(&http, limits(), noting(&given)), times).await;
        let at_the_drop = seen.bytes.lock().unwrap().clone();
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*seen.bytes.lock().unwrap(), at_the_drop, "sent after the drop at poll {times}");
        assert!(given.load(Ordering::SeqCst) || at_the_drop.is_empty(), "sent without permission");
        if let Some(exchange) = ended {
            assert_good(&exchange);
            ends = times;
            break;
        }
        assert!(seen.is_closed.load(Ordering::SeqCst) || !given.load(Ordering::SeqCst));
        partly += usize::from(!at_the_drop.is_empty() && !at_the_drop.ends_with(BODY));
    }
    assert!(partly > 10 && ends > partly, "{partly} of {ends} polls within the request");
}

/// Over real sockets, with more to send than they hold, to a peer that reads only after the drop. Driven by a task of
/// its own, or by a pool, the rest would still arrive.
#[tokio::test]
async fn r17_a_long_request_that_is_dropped_never_arrives_whole() {
    for money in [true, false] {
        let (arrived, bytes) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let server = Server::start(move |mut peer| {
            let _ = wait.lock().unwrap().recv();
            arrived.send(peer.request().len()).unwrap();
        });
        let http = Http::new(HttpSettings::new(server.url())).unwrap();
        let body = vec![b'x'; 32 << 20];
        let request = Request::trial("/", &[], &body).unwrap();
        let exchange = http.exchange(&request, Limits { money, ..limits() }, permitted());
        assert!(tokio::time::timeout(Duration::from_millis(200), exchange).await.is_err());
        go.send(()).unwrap();
        let arrived = bytes.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(arrived < body.len(), "{arrived} bytes");
        assert_eq!(server.requests(), 0);
    }
}

/// The drop closes the socket at once: what moves money is reset, so that the kernel keeps nothing for the peer (R13a).
#[tokio::test]
async fn r13a_dropped_a_money_connection_is_reset_at_once() {
    for money in [true, false] {
        let (end, was_reset) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.request();
            end.send(peer.is_reset()).unwrap();
        });
        let http = Http::new(HttpSettings::new(server.url())).unwrap();
        let exchange = post(&http, Limits { money, ..limits() }, permitted());
        assert!(tokio::time::timeout(Duration::from_millis(100), exchange).await.is_err());
        assert_eq!(was_reset.recv_timeout(Duration::from_secs(1)), Ok(money));
        assert_eq!(server.requests(), 1);
    }
}

/// Dropped at random times: what the server got was given leave, and none of it came twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r17_of_exchanges_dropped_at_random_none_is_sent_without_leave() {
    let server = Server::answering(OK);
    let http = Http::new(HttpSettings::new(server.url())).unwrap();
    let mut given = 0;
    for round in 0..300u64 {
        let leave = Arc::new(AtomicBool::new(false));
        let after = Duration::from_micros(round * 37 % 600);
        let _ = tokio::time::timeout(after, post(&http, limits(), noting(&leave))).await;
        given += usize::from(leave.load(Ordering::SeqCst));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let requests = server.requests();
    assert!(requests <= given, "{requests} requests with leave for {given}");
}
