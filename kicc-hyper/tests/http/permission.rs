//! A permission that is waited for, and what happens to the connection meanwhile.

use std::sync::mpsc;
use std::time::Duration;

use kicc_hyper::http::{Http, HttpSettings};
use kicc_proto::wire::NotSent;
use kicc_testkit::transport_kit::server::{OK, Server};
use tokio::time::sleep;

use super::*;

fn http(server: &Server, reuse: bool) -> Http {
    let mut settings = HttpSettings::new(server.url());
    settings.reuse_connections = reuse;
    Http::new(settings).unwrap()
}

/// Given after a while in which the runtime does other things.
fn slowly_permitted() -> MaySend {
    Box::pin(async {
        sleep(Duration::from_millis(100)).await;
        true
    })
}

#[tokio::test]
async fn r4_a_connection_that_breaks_before_the_permission_is_given_is_never_sent() {
    for resets in [true, false] {
        let server = Server::start(move |peer| {
            if resets {
                peer.reset()
            }
        });
        assert_not_sent(&post(&http(&server, false), limits(), slowly_permitted()).await, NotSent::Connect);
        assert_eq!((server.accepted(), server.requests()), (1, 0));
    }
}

#[tokio::test]
async fn r9_what_comes_before_the_request_was_begun_is_no_answer() {
    let server = Server::start(|mut peer| {
        let (early, late) = OK.split_at(OK.len() - 1);
        std::thread::sleep(Duration::from_millis(30));
        peer.write(early);
        peer.request();
        peer.write(late);
    });
    assert_not_sent(&post(&http(&server, false), limits(), slowly_permitted()).await, NotSent::Connect);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn r4_a_kept_connection_that_breaks_before_the_permission_is_given_is_replaced() {
    let (close, closed) = mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.write(OK);
        let _ = closed.lock().unwrap().recv();
    });
    let http = http(&server, true);
    assert_good(&post(&http, limits(), permitted()).await);
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let may_send: MaySend = Box::pin(async move {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        close.send(()).unwrap();
        sleep(Duration::from_millis(100)).await;
        // The second connection's thread needs no word.
        drop(close);
        true
    });
    assert_good(&post(&http, limits(), may_send).await);
    assert_eq!((server.accepted(), server.requests()), (2, 2));
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn r4_a_permission_that_never_comes_ends_at_send_by() {
    let server = Server::start(|mut peer| {
        peer.request();
    });
    let never: MaySend = Box::pin(std::future::pending());
    let exchange = post(&http(&server, false), limits(), never).await;
    assert_not_sent(&exchange, NotSent::Connect);
    assert_eq!(server.requests(), 0);
}
