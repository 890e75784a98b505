//! The outermost layer of a connection, above TLS and above a proxy's tunnel: what passes here is the HTTP request
//! and its answer, and nothing else.

use std::sync::Arc;

use kicc_proto::wire::NotSent;
use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, Either, NextTimeout, Transport};

use super::call::Call;

#[derive(Debug)]
pub(super) struct MarkerConnector {
    pub call: Arc<Call>,
    pub proxied: bool,
}

impl<In: Transport> Connector<In> for MarkerConnector {
    type Out = Either<In, MarkedTransport<In>>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        // ureq runs the whole chain a second time, inside the first, to reach the proxy itself. Only that inner
        // run has lost the proxy from its configuration, and what is written on it is CONNECT, not the request.
        if self.proxied && details.config.proxy().is_none() {
            self.call.at(NotSent::Proxy);
            return Ok(chained.map(Either::A));
        }
        Ok(chained
            .map(|inner| Either::B(MarkedTransport { inner, call: self.call.clone(), head: Vec::new() })))
    }
}

#[derive(Debug)]
pub(super) struct MarkedTransport<T> {
    inner: T,
    call: Arc<Call>,
    /// Of a request whose body is still to come: both go in one packet, or one TLS record.
    head: Vec<u8>,
}

impl<T: Transport> Transport for MarkedTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let follows = self.call.body_follows();
        if follows > 0 && amount + follows <= output.len() {
            self.head.extend_from_slice(&output[..amount]);
            return Ok(());
        }
        let head = self.head.len();
        output.copy_within(..amount, head);
        output[..head].copy_from_slice(&self.head);
        self.head.clear();
        let amount = head + amount;
        self.call.about_to_write()?;
        self.inner.transmit_output(amount, timeout)?;
        self.call.written();
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.head.is_empty() {
            self.transmit_output(0, timeout)?;
        }
        let progress = self.inner.await_input(timeout)?;
        if progress {
            self.call.answer_began();
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
