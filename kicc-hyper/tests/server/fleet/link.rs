//! A replica's way to the database, which can be cut: a proxy from a port to the database's socket.

use std::{path::PathBuf, thread};

use kicc_testkit::cluster::Cluster;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpListener, TcpStream, UnixStream},
    runtime,
    sync::watch,
};

/// How the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Nothing gets through in either direction, until it is open again: then all of it arrives, late.
    Silent,
    /// Connections are reset, and new ones refused.
    Reset,
}

/// The proxy. Dropped, it resets its connections.
pub struct Link {
    port: u16,
    way: watch::Sender<Way>,
}

impl Link {
    pub fn new(cluster: &Cluster) -> Self {
        let (way, ways) = watch::channel(Way::Open);
        let (socket, ended) = (cluster.folder().join(".s.PGSQL.5432"), ways.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(TcpListener::from_std(listener).unwrap(), socket, ways) => {}
                    () = gone(ended) => {}
                }
            });
        });
        Link { port, way }
    }

    pub fn address(&self, database: &str) -> String {
        format!("postgres://kicc@127.0.0.1:{}/{database}", self.port)
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

/// Comes back when the proxy is dropped.
async fn gone(mut way: watch::Receiver<Way>) {
    while way.changed().await.is_ok() {}
}

async fn accept(listener: TcpListener, socket: PathBuf, way: watch::Receiver<Way>) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let (socket, way) = (socket.clone(), way.clone());
        tokio::spawn(async move {
            // While the database is down nobody listens there.
            let server = UnixStream::connect(&socket).await;
            let mut resets = way.clone();
            if let Ok(server) = server {
                tokio::select! {
                    () = forward(&mut client, server, way) => {}
                    _ = resets.wait_for(|way| *way == Way::Reset) => {}
                }
            }
            let _ = client.set_zero_linger();
        });
    }
}

async fn forward(client: &mut TcpStream, server: UnixStream, way: watch::Receiver<Way>) {
    let ((answers, asks), (from, to)) = (split(server), client.split());
    tokio::select! {
        () = pump(from, asks, way.clone()) => {}
        () = pump(answers, to, way) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if way.wait_for(|way| *way != Way::Silent).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}
