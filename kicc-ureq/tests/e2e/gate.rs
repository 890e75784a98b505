//! An HTTP proxy that keeps some clients waiting, so that they stand between their record and their first byte.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

pub struct Gate {
    addr: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// How many come through first.
    to_pass: usize,
    /// How many are kept waiting after them; those who come later are not.
    to_wait: usize,
    arrived: usize,
    let_through: usize,
    open: bool,
}

impl Gate {
    /// After `to_pass` clients the next `to_wait` wait until it is opened.
    pub fn new(gateway: SocketAddr, to_pass: usize, to_wait: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new((Mutex::new(State { to_pass, to_wait, ..State::default() }), Condvar::new()));
        let serving = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let state = Arc::clone(&serving);
                thread::spawn(move || serve(client.unwrap(), gateway, &state));
            }
        });
        Gate { addr, state }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn wait_until_all_wait(&self) {
        let (state, changed) = &*self.state;
        drop(
            changed
                .wait_while(state.lock().unwrap(), |state| state.arrived < state.to_pass + state.to_wait)
                .unwrap(),
        );
    }

    pub fn open(&self) {
        self.state.0.lock().unwrap().open = true;
        self.state.1.notify_all();
    }

    /// How many of those who had to wait were told that they may go on.
    pub fn let_through(&self) -> usize {
        self.state.0.lock().unwrap().let_through
    }
}

/// A client that went away is no matter.
fn serve(client: TcpStream, gateway: SocketAddr, state: &(Mutex<State>, Condvar)) {
    let _ = connect(client, gateway, state);
}

fn connect(
    mut client: TcpStream,
    gateway: SocketAddr,
    (state, changed): &(Mutex<State>, Condvar),
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let mut seen = state.lock().unwrap();
    seen.arrived += 1;
    changed.notify_all();
    if (1..=seen.to_wait).contains(&seen.arrived.saturating_sub(seen.to_pass)) {
        seen = changed.wait_while(seen, |state| !state.open).unwrap();
        seen.let_through += 1;
    }
    drop(seen);
    let mut server = TcpStream::connect(gateway)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut upward, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        io::copy(&mut upward, &mut to).and_then(|_| to.shutdown(std::net::Shutdown::Write))
    });
    io::copy(&mut server, &mut client).map(drop)
}
