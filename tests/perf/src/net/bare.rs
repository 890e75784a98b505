//! One payment through the bare clients: the request built and signed, a connection of its own that is reset on close,
//! a limit for the whole, the answer read. No record, no rule.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    pin::pin,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use ureq::{
    Agent, Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport},
    },
};

use crate::core::floor::{Floor, SimpleApproval, SimpleReply, parse};

/// As long as ours waits by default.
const LIMIT: Duration = Duration::from_secs(33);
const BODY_MAX: usize = 64 * 1024;
const BUFFER: usize = 32 * 1024;
const PATH: &str = "/smpy/kiccpay/reqAprv";

/// The request of a payment.
fn request(number: &str) -> SimpleApproval<'_> {
    SimpleApproval {
        tid: crate::core::ours::TERMINAL,
        svc_id: "SVC_SIMPLE",
        bizr_no: "1234567890",
        merc_trx_no: number,
        token_key: crate::core::ours::TOKEN_KEY,
        alot_month: "00",
        trx_amt: 51_004,
        vat_amt: 4_637,
        svc_amt: 0,
        tax_free_amt: Some(0),
        tran_dt: "20280816",
        tran_tm: "083320",
    }
}

/// What both clients send, as names and values.
fn headers(signature: &[u8; 44]) -> [(&'static str, &str); 8] {
    [
        ("content-type", "application/json; charset=utf-8"),
        ("x-kicc-channelid", crate::core::ours::CHANNEL),
        ("x-kicc-timestamp", "1850000000000"),
        ("x-kicc-nonce", "03030303-0303-4303-8303-030303030303"),
        ("x-kicc-authorization", std::str::from_utf8(signature).unwrap_or_default()),
        ("user-agent", "kicc/0.1.0"),
        ("host", "localhost"),
        ("connection", "close"),
    ]
}

fn check(answer: &[u8], number: &str) {
    let reply: SimpleReply<'_> = parse(answer);
    assert_eq!((reply.resp_cd, reply.merc_trx_no), ("0000", Some(number)), "not approved");
}

/// Payments through hyper.
#[derive(Clone, Copy)]
pub struct Hyper {
    /// The server.
    pub port: u16,
    /// The bytes of the request are always the same, and the answer is not looked at.
    pub canned: bool,
}

impl Hyper {
    /// One payment.
    ///
    /// # Errors
    /// The client's.
    pub async fn pay(&self, number: &str, floor: &mut Floor) -> io::Result<()> {
        let number = if self.canned { "ORD-CANNED" } else { number };
        if !self.canned || floor.body().is_empty() {
            floor.write(&request(number));
            floor.sign_kept();
        }
        let mut message = Request::post(PATH);
        for (name, value) in headers(floor.signature()) {
            message = message.header(name, value);
        }
        let message =
            message.body(Full::new(Bytes::copy_from_slice(floor.body()))).map_err(io::Error::other)?;
        let body = tokio::time::timeout(LIMIT, self.post(message)).await??;
        if !self.canned {
            check(&body, number);
        }
        Ok(())
    }

    async fn post(&self, message: Request<Full<Bytes>>) -> io::Result<Bytes> {
        let socket = TcpSocket::new_v4()?;
        socket.set_zero_linger()?;
        socket.set_nodelay(true)?;
        let stream = socket.connect(([127, 0, 0, 1], self.port).into()).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut connection = pin!(connection);
        let answer = async {
            let response = sender.send_request(message).await.map_err(io::Error::other)?;
            let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
            Ok(body.map_err(io::Error::other)?.to_bytes())
        };
        let mut answer = pin!(answer);
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                body = &mut answer => return body,
                _ = &mut connection, if open => open = false,
            }
        }
    }
}

/// Payments through ureq.
pub struct Ureq {
    agent: Agent,
    url: String,
    floor: Floor,
}

impl Ureq {
    /// To the server at that port.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            // As ours: the default is four times that, and is zeroed for each connection.
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .timeout_global(Some(LIMIT))
            .build();
        let agent = Agent::with_parts(config, Reset, Literal);
        Ureq { agent, url: format!("http://127.0.0.1:{port}{PATH}"), floor: Floor::for_requests() }
    }

    /// One payment.
    ///
    /// # Errors
    /// The client's.
    pub fn pay(&mut self, number: &str) -> Result<(), Error> {
        self.floor.write(&request(number));
        self.floor.sign_kept();
        let mut message = self.agent.post(&self.url);
        for (name, value) in headers(self.floor.signature()) {
            if name != "host" {
                message = message.header(name, value);
            }
        }
        let mut response = message.send(self.floor.body())?;
        check(&response.body_mut().with_config().limit(BODY_MAX as u64).read_to_vec()?, number);
        Ok(())
    }
}

/// Addresses that need not be looked up: with a limit, ureq's own resolver begins a thread for each.
#[derive(Debug)]
struct Literal;

impl Resolver for Literal {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let authority = uri.authority().ok_or(Error::HostNotFound)?;
        let mut addresses = self.empty();
        addresses.push(authority.as_str().parse().map_err(|_| Error::HostNotFound)?);
        Ok(addresses)
    }
}

/// Sockets that are reset on close, like ours: what is unsent is never sent (R13a).
#[derive(Debug)]
struct Reset;

impl Connector<()> for Reset {
    type Out = Socket;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Socket>, Error> {
        let address: SocketAddr = *details.addrs.first().ok_or(Error::HostNotFound)?;
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_linger(Some(Duration::ZERO))?;
        socket.set_tcp_nodelay(true)?;
        socket.connect_timeout(&address.into(), LIMIT)?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        let size = details.config.input_buffer_size();
        Ok(Some(Socket(socket.into(), LazyBuffers::new(size, details.config.output_buffer_size()))))
    }
}

#[derive(Debug)]
struct Socket(TcpStream, LazyBuffers);

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.1
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(self.0.write_all(&self.1.output()[..amount])?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let read = self.0.read(self.1.input_append_buf())?;
        self.1.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}
