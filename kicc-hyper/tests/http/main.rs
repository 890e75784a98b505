//! The async transport where it is not like every other: dropped futures, a permission that is waited for, streams of
//! another make, and a paused clock. What all transports must do is in the conformance kit.

mod dropped;
mod environment;
mod memory;
mod permission;
mod settings;

use std::time::Duration;

use kicc_hyper::http::{Connect, Exchange, Http, Limits, MaySend};
use kicc_proto::wire::{Failure, MaybeSent, NotSent, Request};

const BODY: &[u8] = br#"{"mercTrxNo":"ORD1"}"#;

/// A second and a half to begin, another to answer; by the clock of tokio, which a test may pause.
fn limits() -> Limits {
    let time = Duration::from_millis(1500);
    Limits { send_by: tokio::time::Instant::now().into_std() + time, answer_within: time, money: true }
}

fn permitted() -> MaySend {
    Box::pin(async { true })
}

async fn post<C: Connect>(http: &Http<C>, limits: Limits, may_send: MaySend) -> Exchange {
    let request = Request::trial("/smpy/kiccpay/reqAprv", &[], BODY).unwrap();
    http.exchange(&request, limits, may_send).await
}

#[track_caller]
fn assert_not_sent(exchange: &Exchange, why: NotSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::NotSent(why)));
    assert_eq!(exchange.written_at, None);
}

#[track_caller]
fn assert_maybe_sent(exchange: &Exchange, why: MaybeSent) {
    assert_eq!(exchange.result.as_ref().err(), Some(&Failure::MaybeSent(why)));
}

#[track_caller]
fn assert_good(exchange: &Exchange) {
    let reply = exchange.result.as_ref().unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"good".as_slice()));
}
