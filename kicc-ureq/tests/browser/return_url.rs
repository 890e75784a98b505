//! The shop in the customer's browser: its `returnUrl`, which takes what comes back from a window, and a page of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use kicc_proto::wire::post::Post;

/// A listener on this machine. It lives as long as the test's process.
pub struct ReturnUrl {
    pub address: String,
    /// Where the shop's page is, and posts what its scripts are told to `/return?shop=1`.
    pub page_address: String,
    page: Arc<Mutex<String>>,
    arrived: Receiver<Arrived>,
}

/// What came in: a post, or by a redirect.
pub struct Arrived {
    pub query: String,
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
        let here = format!("http://{}", listener.local_addr().unwrap());
        let (address, page_address) = (format!("{here}/return?shop=1"), format!("{here}/page"));
        let page = Arc::new(Mutex::new("<!DOCTYPE html><title>Thank you</title>".to_owned()));
        let shown = Arc::clone(&page);
        let (sender, arrived) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, shown) = (sender.clone(), Arc::clone(&shown));
                // A browser also opens connections on which it then says nothing.
                thread::spawn(move || serve(stream, &sender, &shown));
            }
        });
        ReturnUrl { address, page_address, page, arrived }
    }

    /// Every answer from now on.
    pub fn show(&self, html: String) {
        *self.page.lock().unwrap() = html;
    }

    /// What comes next.
    pub fn next(&self) -> Arrived {
        self.arrived.recv_timeout(Duration::from_secs(20)).expect("a post")
    }
}

fn serve(stream: TcpStream, arrived: &Sender<Arrived>, page: &Mutex<String>) -> Option<()> {
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
    let target = first.split(' ').nth(1)?;
    if let Some((path, query)) = target.split_once('?')
        && path == "/return"
    {
        arrived.send(Arrived { query: query.into(), content_type: header("content-type"), body }).ok()?;
    }
    let page = page.lock().unwrap().clone();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\ncontent-length";
    write!(&stream, "{head}: {}\r\n\r\n{page}", page.len()).ok()
}
