//! Streams of another make, in memory, under a paused clock: every deadline to the millisecond.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use kicc_hyper::http::{BaseUrl, Connect, Http, HttpSettings, Opening, SettingsError};
use kicc_proto::wire::{MaybeSent, NotSent};
use kicc_testkit::transport_kit::server::OK;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

use super::*;

/// Connects to a gateway in the same process after a while, or never.
struct InMemory {
    after: Duration,
    step: NotSent,
    stream: Mutex<Option<DuplexStream>>,
}

impl Connect for InMemory {
    type Stream = TokioIo<DuplexStream>;

    async fn connect(&self, gateway: &BaseUrl, opening: Opening<'_>) -> io::Result<Self::Stream> {
        assert!(gateway.host() == "gw.test" && opening.reset_on_close());
        opening.at(self.step);
        sleep(self.after).await;
        let stream = self.stream.lock().unwrap().take();
        stream.map(TokioIo::new).ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The gateway's end of the one stream that there is, `capacity` bytes wide.
fn gateway(capacity: usize, after: Duration) -> (Http<InMemory>, DuplexStream) {
    let (here, there) = duplex(capacity);
    let connector = InMemory { after, step: NotSent::Tls, stream: Mutex::new(Some(here)) };
    (Http::with_connector(HttpSettings::new("https://gw.test"), connector).unwrap(), there)
}

/// Takes a request of this many bytes, waits, and answers.
async fn serve(mut there: DuplexStream, request: usize, after: Duration) {
    let mut bytes = vec![0; request];
    there.read_exact(&mut bytes).await.unwrap();
    sleep(after).await;
    there.write_all(OK).await.unwrap();
}

/// How long the request is on the wire.
async fn request_length() -> usize {
    let (http, mut there) = gateway(4096, Duration::ZERO);
    let mut bytes = Vec::new();
    let (exchange, _) = tokio::join!(
        async {
            let exchange = post(&http, limits(), permitted()).await;
            drop(http);
            exchange
        },
        there.read_to_end(&mut bytes),
    );
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert!(bytes.ends_with(BODY));
    bytes.len()
}

#[tokio::test(start_paused = true)]
async fn an_exchange_runs_over_any_stream() {
    let request = request_length().await;
    let (http, there) = gateway(4096, millis(10));
    let began = Instant::now();
    let (exchange, ()) = tokio::join!(post(&http, limits(), permitted()), serve(there, request, millis(20)));
    assert_good(&exchange);
    assert_eq!(exchange.written_at, Some((began + millis(10)).into_std()));
    assert_eq!(began.elapsed(), millis(30));
    assert_not_sent(&post(&http, limits(), permitted()).await, NotSent::Tls);
}

#[tokio::test(start_paused = true)]
async fn r4_send_by_ends_whatever_is_done_to_connect() {
    let (http, _there) = gateway(4096, millis(60_000));
    let began = Instant::now();
    assert_not_sent(&post(&http, limits(), permitted()).await, NotSent::Tls);
    assert_eq!(began.elapsed(), millis(1500));
}

#[tokio::test(start_paused = true)]
async fn r20_an_exchange_ends_by_send_by_and_the_time_to_answer() {
    let (http, _there) = gateway(4096, millis(1400));
    let began = Instant::now();
    assert_maybe_sent(&post(&http, limits(), permitted()).await, MaybeSent::Timeout);
    assert_eq!(began.elapsed(), millis(1400 + 1500));
}

#[tokio::test(start_paused = true)]
async fn the_last_byte_is_written_when_it_is_taken() {
    let request = request_length().await;
    // The last byte has no room until the gateway reads.
    let (http, there) = gateway(request - 1, Duration::ZERO);
    let began = Instant::now();
    let slow = async {
        sleep(millis(700)).await;
        serve(there, request, millis(1400)).await;
    };
    let (exchange, ()) = tokio::join!(post(&http, limits(), permitted()), slow);
    assert_good(&exchange);
    assert_eq!(exchange.written_at, Some((began + millis(700)).into_std()));
    assert_eq!(began.elapsed(), millis(2100));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_given_up_in_time_and_has_no_last_byte() {
    let request = request_length().await;
    let (http, _there) = gateway(request - 1, Duration::ZERO);
    let began = Instant::now();
    let exchange = post(&http, limits(), permitted()).await;
    assert_maybe_sent(&exchange, MaybeSent::Timeout);
    assert_eq!((exchange.written_at, began.elapsed()), (None, millis(1500)));
}

#[test]
fn what_a_connector_of_another_make_would_ignore_is_refused() {
    let with = |change: fn(&mut HttpSettings)| {
        let mut settings = HttpSettings::new("https://gw.test");
        change(&mut settings);
        let connector = InMemory { after: Duration::ZERO, step: NotSent::Tls, stream: Mutex::new(None) };
        Http::with_connector(settings, connector).map(|_| ())
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert!(matches!(with(|settings| settings.ca_pem = Some(Vec::new())), Err(SettingsError::Ca(_))));
    let proxied = with(|settings| settings.proxy = Some("http://proxy.test".into()));
    assert!(matches!(proxied, Err(SettingsError::Proxy(_))));
    let proxied = with(|settings| settings.proxy_from_environment = true);
    assert!(matches!(proxied, Err(SettingsError::Proxy(_))));
    assert_eq!(with(|settings| settings.base_url = "http://gw.test".into()), Err(SettingsError::PlainHttp));
}
