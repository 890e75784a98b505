//! The transport where it is not like every other. What all transports must do is in the conformance kit.

mod addresses;
mod environment;
mod message;
mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kicc_proto::wire::{MaybeSent, NotSent};

use super::{Http, HttpSettings, Limits, MaySend};

fn limits(send_by: u64, answer_within: u64) -> Limits {
    Limits {
        send_by: Instant::now() + Duration::from_millis(send_by),
        answer_within: Duration::from_millis(answer_within),
        money: true,
    }
}

fn permitted() -> MaySend {
    Arc::new(|| true)
}

fn took(began: Instant, at_least: u64, below: u64) {
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(at_least) && took < Duration::from_millis(below), "took {took:?}");
}
