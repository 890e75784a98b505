//! Both adapters, as the transport kit takes them.

use std::sync::Arc;

use kicc_hyper::http as hyper;
use kicc_proto::wire::{Request, settings::HttpSettings};
use kicc_testkit::transport_kit::{Adapter, Exchange, Limits, MaySend, Transport};
use kicc_ureq::http as ureq;
use tokio::runtime::Runtime;

pub struct Ureq;

impl Adapter for Ureq {
    fn name(&self) -> &str {
        "kicc-ureq"
    }
    fn open(&self, settings: &HttpSettings) -> Option<Box<dyn Transport>> {
        Some(Box::new(Blocking(ureq::Http::new(settings.clone()).unwrap())))
    }
}

struct Blocking(ureq::Http);

impl Transport for Blocking {
    fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> Exchange {
        self.0.exchange(request, limits, may_send)
    }
}

/// On this runtime.
pub struct Hyper(pub Arc<Runtime>);

impl Adapter for Hyper {
    fn name(&self) -> &str {
        "kicc-hyper"
    }
    fn open(&self, settings: &HttpSettings) -> Option<Box<dyn Transport>> {
        Some(Box::new(Async(hyper::Http::new(settings.clone()).unwrap(), self.0.clone())))
    }
}

struct Async(hyper::Http, Arc<Runtime>);

impl Transport for Async {
    fn exchange(&self, request: &Request<'_>, limits: Limits, may_send: MaySend) -> Exchange {
        self.1.block_on(self.0.exchange(request, limits, Box::pin(async move { may_send() })))
    }
}
