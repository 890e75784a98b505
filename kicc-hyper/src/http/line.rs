//! HTTP/1.1 on one stream. The connection lives in the future of whoever waits for it and runs nowhere else, so that
//! to drop that future is to stop it.

use std::error::Error as _;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, Version};
use kicc_proto::wire::MaybeSent;
use kicc_proto::wire::exchange::has_one_end;

use super::OwnedReply;
use super::call::Call;
use super::marker::Marked;

/// Our choice: KICC's answers carry a handful of headers.
const HEAD_MAX: usize = 16 * 1024;

/// A connection, and the marker of the request that is on it.
pub(super) struct Line<S: Read + Write + Unpin> {
    pub call: Arc<Call>,
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it ended.
    connection: Option<Connection<Marked<S>, Full<Bytes>>>,
}

impl<S: Read + Write + Unpin + Send + 'static> Line<S> {
    pub async fn new(stream: S, call: &Arc<Call>) -> hyper::Result<Line<S>> {
        let stream = Marked { stream, call: call.clone() };
        let (sender, connection) = http1::Builder::new().max_header_size(HEAD_MAX).handshake(stream).await?;
        Ok(Line { call: call.clone(), sender, connection: Some(connection) })
    }

    /// Sends the request once and reads the whole answer.
    pub async fn post(
        &mut self,
        request: Box<Request<Full<Bytes>>>,
        body_limit: usize,
    ) -> Result<OwnedReply, MaybeSent> {
        let Line { call, sender, connection } = self;
        let answer = pin!(async {
            let response = sender.send_request(*request).await.map_err(|error| name(&error, call))?;
            read(response, body_limit, call).await
        });
        drive(answer, connection).await
    }

    /// Whether it could carry another request: it is open, and nothing is left of this one.
    pub async fn is_idle(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let open = poll_fn(|cx| Poll::Ready(Pin::new(&mut *connection).poll(cx).is_pending())).await;
        open && self.sender.is_ready()
    }
}

/// `work`, with the connection that it needs; one that ends is dropped.
pub(super) async fn drive<T, C: Future + Unpin>(
    mut work: Pin<&mut impl Future<Output = T>>,
    connection: &mut Option<C>,
) -> T {
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            if connection.as_mut().is_none_or(|open| Pin::new(open).poll(cx).is_pending()) {
                return Poll::Pending;
            }
            // What it had not taken up yet is given back when it is dropped, and not before.
            *connection = None;
        }
    })
    .await
}

async fn read(response: Response<Incoming>, limit: usize, call: &Call) -> Result<OwnedReply, MaybeSent> {
    let headers = response.headers();
    let all = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    // hyper itself goes by the last coding, and minds no length beside it.
    if !has_one_end(response.version() == Version::HTTP_11, all(TRANSFER_ENCODING), all(CONTENT_LENGTH)) {
        return Err(MaybeSent::Protocol);
    }
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let mut incoming = response.into_body();
    if incoming.size_hint().lower() > limit as u64 {
        return Err(MaybeSent::BodyTooLarge);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| name(&error, call))?;
        let data = frame.data_ref().map_or(&[][..], Bytes::as_ref);
        if data.len() > limit - body.len() {
            return Err(MaybeSent::BodyTooLarge);
        }
        body.extend_from_slice(data);
    }
    Ok(OwnedReply { status, content_type, body })
}

/// Should it be *maybe sent*: how to call it.
fn name(error: &hyper::Error, call: &Call) -> MaybeSent {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match source {
        _ if error.is_parse() => MaybeSent::Protocol,
        // What TLS makes of bytes that are not TLS, and HTTP of chunks that are none.
        Some(ErrorKind::InvalidData | ErrorKind::InvalidInput) => MaybeSent::Protocol,
        None if error.is_user() => MaybeSent::Other,
        _ => call.broken(),
    }
}
