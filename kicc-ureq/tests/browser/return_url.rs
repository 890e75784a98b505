//! The shop's `returnUrl`: takes what the customer's browser posts.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use kicc_proto::wire::post::Post;

/// A listener on this machine. It lives as long as the test's process.
pub struct ReturnUrl {
    pub address: String,
    arrived: Receiver<Arrived>,
}

/// A post as it came in.
pub struct Arrived {
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Arrived {
    pub fn post(&self) -> Post<'_> {
        Post { content_type: self.content_type.as_deref(), body: &self.body }
    }
}

impl ReturnUrl {
    pub fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = format!("http://{}/return?shop=1", listener.local_addr().unwrap());
        let (sender, arrived) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                // A browser also opens connections on which it then says nothing.
                thread::spawn(move || serve(stream, &sender));
            }
        });
        ReturnUrl { address, arrived }
    }

    /// The next post.
    pub fn next(&self) -> Arrived {
        self.arrived.recv_timeout(Duration::from_secs(20)).expect("a post")
    }
}

fn serve(stream: TcpStream, arrived: &Sender<Arrived>) -> Option<()> {
    let mut lines = BufReader::new(&stream);
    let mut next = || {
        let mut line = String::new();
        lines.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next()?;
    let headers: Vec<String> = std::iter::from_fn(next).take_while(|line| !line.is_empty()).collect();
    let header = |wanted: &str| {
        headers.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    lines.read_exact(&mut body).ok()?;
    if first == "POST /return?shop=1 HTTP/1.1" {
        arrived.send(Arrived { content_type: header("content-type"), body }).ok()?;
    }
    let page = "<!DOCTYPE html><title>Thank you</title>";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length";
    write!(&stream, "{head}: {}\r\n\r\n{page}", page.len()).ok()
}
