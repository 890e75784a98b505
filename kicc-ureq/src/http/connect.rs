//! Name resolution and TCP: the socket with its options, and every deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use kicc_proto::wire::NotSent;
use socket2::{Domain, Protocol, Socket, Type};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};

use super::call::Call;
use super::{INPUT, OUTPUT};

/// As many as ureq's list holds.
const ADDRESSES_MAX: usize = 16;

/// The system's resolver, waited for until `send_by`.
#[derive(Debug)]
pub(super) struct Dns {
    pub call: Arc<Call>,
}

impl Resolver for Dns {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.call.at(NotSent::Resolve);
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let name = format!("{host}:{port}");
        let found = match name.parse::<SocketAddr>() {
            Ok(address) => vec![address],
            Err(_) => look_up(name, self.call.left()?)?,
        };
        let mut addresses = self.empty();
        found.into_iter().take(ADDRESSES_MAX).for_each(|address| addresses.push(address));
        Ok(addresses)
    }
}

/// A thread of its own, because `getaddrinfo` knows no deadline. Given up, it ends by itself and sends nothing.
fn look_up(name: String, within: Duration) -> io::Result<Vec<SocketAddr>> {
    let (answer, wait) = mpsc::sync_channel(1);
    thread::Builder::new().name("kicc-resolve".into()).spawn(move || {
        let _ = answer.send(name.to_socket_addrs().map(Vec::from_iter));
    })?;
    wait.recv_timeout(within).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

#[derive(Debug)]
pub(super) struct TcpConnector {
    pub call: Arc<Call>,
    /// For each address.
    pub timeout: Duration,
    /// Plain HTTP does not leave the machine, whatever a name resolves to.
    pub loopback_only: bool,
    pub reset_on_close: bool,
}

impl<In: Transport> Connector<In> for TcpConnector {
    type Out = Either<In, TcpTransport>;

    fn connect(&self, details: &ConnectionDetails, tunnel: Option<In>) -> Result<Option<Self::Out>, Error> {
        if tunnel.is_some() {
            return Ok(tunnel.map(Either::A));
        }
        self.call.at(NotSent::Connect);
        let mut error = Error::ConnectionFailed;
        for address in details.addrs.iter() {
            if self.loopback_only && !address.ip().to_canonical().is_loopback() {
                continue;
            }
            match self.open(address, self.call.left()?.min(self.timeout)) {
                Ok(stream) => {
                    let buffers = LazyBuffers::new(INPUT, OUTPUT);
                    return Ok(Some(Either::B(TcpTransport { stream, buffers, call: self.call.clone() })));
                }
                Err(failed) => error = failed.into(),
            }
        }
        Err(error)
    }
}

impl TcpConnector {
    fn open(&self, address: &SocketAddr, within: Duration) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
        if self.reset_on_close {
            // Set before connecting, so that no instant is left without it (R13a).
            socket.set_linger(Some(Duration::ZERO))?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.connect_timeout(&(*address).into(), within)?;
        Ok(socket.into())
    }
}

/// The socket. It asks for the time left before every system call and looks at no other timeout.
#[derive(Debug)]
pub(super) struct TcpTransport {
    stream: TcpStream,
    buffers: LazyBuffers,
    call: Arc<Call>,
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut output = &self.buffers.output()[..amount];
        while !output.is_empty() {
            self.stream.set_write_timeout(Some(self.call.left()?))?;
            match self.stream.write(output) {
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(taken) => output = &output[taken..],
                Err(error) if try_again(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        loop {
            self.stream.set_read_timeout(Some(self.call.left()?))?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(read) => {
                    self.buffers.input_appended(read);
                    return Ok(read > 0);
                }
                Err(error) if try_again(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Nothing may be waiting to be read on a connection that is kept: not the end, and no answer nobody asked for.
    fn is_open(&mut self) -> bool {
        let silent = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        silent && self.stream.set_nonblocking(false).is_ok()
    }
}

/// Interrupted, or the socket's timer ran out; [`Call::left`] then says whether the time is over.
fn try_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
