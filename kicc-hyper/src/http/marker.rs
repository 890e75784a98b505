//! The outermost layer of a connection, above TLS and above a proxy's tunnel: what passes here is the HTTP request
//! and its answer, and nothing else.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::call::Call;

/// At most so much is read at a time.
const CHUNK: usize = 4096;

pub(super) struct Marked<S> {
    pub stream: S,
    pub call: Arc<Call>,
}

impl<S: Write + Unpin> Write for Marked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.call.poll_about_to_write(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.call.written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: Read + Unpin> Read for Marked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // What is always there to be read is read within one poll, and could stretch that past the deadline.
        if self.call.left().is_none() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
        let mut read = ReadBuf::uninit(&mut chunk[..into.remaining().min(CHUNK)]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, read.unfilled()))?;
        if !read.filled().is_empty() {
            // What comes before the request was begun answers something else (R9).
            if !self.call.is_begun() {
                return Poll::Ready(Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "an answer nobody asked for",
                )));
            }
            self.call.answer_began();
            into.put_slice(read.filled());
        }
        Poll::Ready(Ok(()))
    }
}
