//! The answer to an approval, cut at every byte.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
};

use kicc_testkit::van::{Van, faults::Product};

use crate::{
    books, message,
    random::Random,
    shop::{CALM, Shop, name},
    trials::long,
};

/// In one process, many at a time: every byte in the long form; else both ends, the end of the head, every 24th and
/// some at random.
pub fn every_byte(product: Product) {
    let shop = Shop::open(product, CALM, CALM.van());
    // As long as the numbers below, so that the answers are, too.
    let (head, whole) = answer_length(product, "whole0000-0000");
    let bytes: BTreeSet<usize> = if long() {
        (0..whole).collect()
    } else {
        let mut random = Random::new(1);
        let some = (0..8).map(|_| random.below(whole as u64) as usize);
        let ends = [0, 1, head - 1, head, head + 1, whole - 2, whole - 1];
        (0..whole).step_by(24).chain(some).chain(ends).collect()
    };
    let numbers: Vec<String> = bytes.iter().map(|byte| format!("Xcut{byte:05}-0001")).collect();
    assert!(numbers.iter().all(|number| number.len() == "whole0000-0000".len()));
    let run = shop.pay(&numbers).ended_with(&[12]);
    let wrong: Vec<_> = run.lines.iter().filter(|line| line.outcome() != "reversed").collect();
    assert!(run.lines.len() == numbers.len() && wrong.is_empty(), "{wrong:#?}");
    books::agree(&shop, &numbers, &run.lines);
    eprintln!("{}: cut at {} of {whole} bytes", name(product), numbers.len());
}

/// Of the head with its empty line, and of the whole.
fn answer_length(product: Product, number: &str) -> (usize, usize) {
    let van = Van::start(CALM.van()).unwrap();
    let mut socket = TcpStream::connect(van.addr()).unwrap();
    let token = message::token(&van);
    socket.write_all(&message::approval_bytes(product, number, "van", &token)).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert!(answer[head..].ends_with(b"}"), "an answer");
    (head, answer.len())
}
