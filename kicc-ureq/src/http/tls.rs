//! TLS 1.2 and 1.3 by rustls with ring. One configuration is shared by all exchanges, so that sessions are resumed
//! although every request has a connection of its own; ureq's own connector keeps its configuration per agent.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use kicc_proto::wire::NotSent;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use super::call::Call;
use super::{INPUT, OUTPUT, SettingsError};

/// The given authorities alone, or the public ones.
pub(super) fn client_config(ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, SettingsError> {
    let mut roots = RootCertStore { roots: Vec::new() };
    match ca_pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| SettingsError::Ca("is not readable as PEM"))?;
                roots
                    .add(certificate)
                    .map_err(|_| SettingsError::Ca("has a certificate that cannot be used"))?;
            }
            if roots.is_empty() {
                return Err(SettingsError::Ca("holds no certificate"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|_| SettingsError::Tls)?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

pub(super) struct TlsConnector {
    pub call: Arc<Call>,
    pub config: Arc<ClientConfig>,
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport<In>>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        self.call.at(NotSent::Tls);
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let host = ServerName::try_from(host).map_err(|_| Error::Tls("the host is no name for TLS"))?;
        let mut tls = ClientConnection::new(self.config.clone(), host).map_err(|e| Error::Other(e.into()))?;
        let mut below = TransportAdapter::new(transport, details.current_time.clone());
        // Runs to the end of the handshake.
        tls.complete_io(&mut below)?;
        let buffers = LazyBuffers::new(INPUT, OUTPUT);
        Ok(Some(Either::B(TlsTransport { tls, below, buffers })))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").finish_non_exhaustive()
    }
}

pub(super) struct TlsTransport<T: Transport> {
    tls: ClientConnection,
    below: TransportAdapter<T>,
    buffers: LazyBuffers,
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Written out here rather than by [`Stream`], which keeps a failed write for the next call: the moment at
    /// which the last byte was handed over has to be true.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut output = &self.buffers.output()[..amount];
        while !output.is_empty() {
            let taken = self.tls.writer().write(output)?;
            output = &output[taken..];
            while self.tls.wants_write() {
                self.tls.write_tls(&mut self.below)?;
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let read = Stream::new(&mut self.tls, &mut self.below).read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // It wants nothing once the peer said goodbye, or while it holds bytes that nobody asked for.
        self.tls.wants_read() && self.below.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl<T: Transport> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").field("below", self.below.inner()).finish_non_exhaustive()
    }
}
