//! R23: what the core owned is wiped when it is dropped. Each case runs in a process of its own: it makes secrets at run
//! time, hands them to the core, drops all that came of them, and says so; then its memory is read from outside, and
//! no eight bytes of a secret may be in it. That can miss a copy that was written over since, and never finds one that
//! is not there. The controls show that it finds what was not wiped.
//!
//! It covers what the core owns: a copy that a HTTP or TLS library, the kernel or SQLite took is theirs, and the journal
//! itself holds what a net-cancel must repeat (R10). It holds for optimised code: without optimisation, every move of a
//! cipher's state inside its crate leaves more on the stack than is written over.

use std::{
    collections::BTreeSet,
    env, fs,
    hint::black_box,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    process::{Child, Command, ExitCode, Stdio},
};

use base64ct::{Base64, Encoding as _};
use kicc_proto::{
    easytalk,
    flow::{Opening, Step, resume},
    iamport::AccessToken,
    product::{Credentials, Order, Product},
    simple,
    values::{AuthorizationId, CertControlNumber, ChannelId, OrderNumber, Secret, TokenKey, UserData},
    wire::{
        Failure, MaybeSent, RequestBuffer,
        post::{Post, Posted},
        settings::ProxyUrl,
        sign::{HmacSha256, Nonce, Sign as _},
        token_key::{Aes256Cbc, EncryptTokenKey as _, Output},
    },
};
use libtest_mimic::{Arguments, Failed, Trial};
use zeroize::Zeroizing;

#[path = "../../fuzz/src/shop.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
mod shop;

use shop::{NUMBER, ORDER_NUMBER, Shop, amount, number, order};

/// What is given to the core, dropped, and looked for; and whether it must be found.
struct Case {
    name: &'static str,
    run: fn(),
    leaks: bool,
}

const CASES: [Case; 10] = [
    Case { name: "a_text_that_nobody_wipes_is_found", run: unwiped, leaks: true },
    Case { name: "a_secret_that_lives_is_found", run: alive, leaks: true },
    Case { name: "r23_a_key_leaves_nothing", run: secrets, leaks: false },
    Case { name: "r23_a_signing_key_leaves_nothing", run: signing, leaks: false },
    Case { name: "r23_a_cipher_key_and_an_authorization_leave_nothing", run: enciphering, leaks: false },
    Case { name: "r23_a_proxy_password_leaves_nothing", run: proxy, leaks: false },
    Case { name: "r23_tokens_leave_nothing", run: tokens, leaks: false },
    Case { name: "r23_a_payment_of_simple_payment_leaves_nothing", run: simple_payment, leaks: false },
    Case { name: "r23_a_payment_of_easytalkpay_leaves_nothing", run: easytalk_payment, leaks: false },
    Case { name: "r23_a_payment_of_iamport_leaves_nothing", run: iamport_payment, leaks: false },
];

/// Which case a process is to run and then to wait.
const CASE: &str = "KICC_WIPED_CASE";

fn main() -> ExitCode {
    if let Ok(wanted) = env::var(CASE) {
        let case = CASES.iter().find(|case| case.name == wanted).expect("a case");
        (case.run)();
        println!("dropped");
        // Until the parent has seen enough.
        let _ = io::stdin().read(&mut [0]);
        return ExitCode::SUCCESS;
    }
    let trials = CASES.map(|case| Trial::test(case.name, move || case.check()));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

impl Case {
    fn check(&self) -> Result<(), Failed> {
        let found = match self.found() {
            Err(error) if env::var_os("KICC_NO_SKIP").is_none() => {
                println!("skipped: the memory of a child cannot be read here: {error}");
                return Ok(());
            }
            found => found?,
        };
        match (self.leaks, found.is_empty()) {
            (false, false) => Err(format!("R23: left in memory: {found:?}").into()),
            (true, true) => Err("it was not found, so that nothing is proven".into()),
            _ => Ok(()),
        }
    }

    /// What its process still has of the canaries: whose, and where.
    fn found(&self) -> io::Result<BTreeSet<(String, String)>> {
        let mut child = Command::new(env::current_exe()?)
            .env(CASE, self.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line)?;
        assert_eq!(line, "dropped\n", "{} died", self.name);
        let found = search(&child);
        drop(child.stdin.take());
        assert!(child.wait()?.success());
        found
    }
}

/// The secret texts of the cases. Each is made of a number at run time, so that no process has it before.
#[derive(Clone, Copy, Debug)]
enum Canary {
    Key = 1,
    CipherKey,
    CipherIv,
    Authorization,
    Token,
    Certificate,
    UserData,
    Password,
}

impl Canary {
    const ALL: [Canary; 8] = {
        use Canary::*;
        [Key, CipherKey, CipherIv, Authorization, Token, Certificate, UserData, Password]
    };

    fn text(self) -> Zeroizing<String> {
        let length = match self {
            Canary::CipherIv => 16,
            Canary::CipherKey => 32,
            _ => 40,
        };
        let mut state = self as u32;
        let mut text = Zeroizing::new(String::with_capacity(length));
        for _ in 0..length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(char::from(b'A' + ((state >> 16) % 26) as u8));
        }
        text
    }

    /// Every eight bytes of it, as it is and as the core might hold it.
    fn pieces(self) -> Vec<[u8; 8]> {
        let text = self.text();
        let mut forms = vec![text.as_bytes().to_vec(), Base64::encode_string(text.as_bytes()).into_bytes()];
        // HMAC's inner and outer key (RFC 2104).
        forms.extend([0x36, 0x5c].map(|pad| text.bytes().map(|byte| byte ^ pad).collect()));
        if let Canary::Password = self {
            forms.push(Base64::encode_string(format!("user:{}", *text).as_bytes()).split_off(8).into_bytes());
        }
        let windows = forms.iter().flat_map(|form| form.windows(8));
        windows.map(|piece| piece.try_into().expect("eight bytes")).collect()
    }
}

/// Whose pieces are where in the memory of a process that waits.
fn search(child: &Child) -> io::Result<BTreeSet<(String, String)>> {
    let mut pieces: Vec<([u8; 8], Canary)> = Vec::new();
    for canary in Canary::ALL {
        pieces.extend(canary.pieces().into_iter().map(|piece| (piece, canary)));
    }
    pieces.sort_unstable_by_key(|(piece, _)| *piece);
    let first: [bool; 0x1_0000] = {
        let mut first = [false; 0x1_0000];
        pieces
            .iter()
            .for_each(|(piece, _)| first[usize::from(u16::from_le_bytes([piece[0], piece[1]]))] = true);
        first
    };
    let mut memory = fs::File::open(format!("/proc/{}/mem", child.id()))?;
    let maps = fs::read_to_string(format!("/proc/{}/maps", child.id()))?;
    let mut found = BTreeSet::new();
    let mut read = 0;
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(mode)) = (fields.next(), fields.next()) else { continue };
        let name = fields.nth(3).unwrap_or("anonymous");
        if !mode.starts_with("rw") {
            continue;
        }
        let bound = |text: &str| u64::from_str_radix(text, 16).map_err(io::Error::other);
        let (from, to) = range.split_once('-').expect("two addresses");
        let (from, to) = (bound(from)?, bound(to)?);
        let mut bytes = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
        memory.seek(SeekFrom::Start(from))?;
        memory.read_exact(&mut bytes)?;
        read += bytes.len();
        for window in bytes.windows(8) {
            if !first[usize::from(u16::from_le_bytes([window[0], window[1]]))] {
                continue;
            }
            if let Ok(at) = pieces.binary_search_by(|(piece, _)| piece.as_slice().cmp(window)) {
                found.insert((format!("{:?}", pieces[at].1), name.to_owned()));
            }
        }
    }
    assert!(read > 100_000, "only {read} bytes were read");
    Ok(found)
}

/// Never wiped: this must be found.
fn unwiped() {
    drop(black_box(Canary::Key.text().as_str().to_owned()));
}

/// Not dropped: this must be found.
fn alive() {
    black_box(Box::leak(Box::new(Secret::from_utf8(&Canary::Key.text()))));
}

fn secrets() {
    let text = Canary::Key.text();
    let secret = Secret::from_utf8(&text);
    let copies = [Secret::new(text.as_bytes()), secret.clone(), Secret::from(text.as_bytes().to_vec())];
    assert!(copies.iter().all(|copy| *copy == secret));
    let moved = Box::new((copies, Secret::from(String::from(text.as_str()))));
    assert_eq!(format!("{:?}", moved.1), "Secret(..)");
}

fn signing() {
    let signer = HmacSha256::new(&Secret::from_utf8(&Canary::Key.text()));
    let authorization = AuthorizationId::new(&Canary::Authorization.text()).unwrap();
    signer.sign(&[b"a", b"message"]).unwrap();
    kicc_proto::wire::sign::authorisation_mark(&signer, &authorization).unwrap();
}

fn enciphering() {
    for output in [Output::Hex, Output::Base64] {
        let (key, iv) =
            (Secret::from_utf8(&Canary::CipherKey.text()), Secret::from_utf8(&Canary::CipherIv.text()));
        let cipher = Aes256Cbc::new(&key, &iv, output).unwrap();
        cipher.encrypt(&AuthorizationId::new(&Canary::Authorization.text()).unwrap()).unwrap();
    }
}

fn proxy() {
    let url = Zeroizing::new(["http://user:", &Canary::Password.text(), "@proxy.example:3128"].concat());
    let proxy = ProxyUrl::new(&url).unwrap();
    assert!(proxy.clone().authorization().unwrap().starts_with("Basic "));
}

fn tokens() {
    let (token, certificate) = (Canary::Token.text(), Canary::Certificate.text());
    let token = TokenKey::new(&token).unwrap();
    let certificate = CertControlNumber::new(&certificate).unwrap();
    assert!(token.clone().expose().len() == certificate.clone().expose().len());
    // What the windows post: some of it escaped, as a form may.
    for escape in [false, true] {
        let posted = |head: &str, canary: Canary| {
            let mut post = Zeroizing::new(Vec::with_capacity(256));
            post.extend_from_slice(head.as_bytes());
            for byte in canary.text().bytes() {
                let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
                match escape {
                    true => post.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]),
                    false => post.push(byte),
                }
            }
            post
        };
        let post = posted("resCd=0000&shopTransactionId=ORD-1&authorizationId=", Canary::Authorization);
        let post = Post { content_type: None, body: &post };
        let found =
            simple::auth::read_window(post, &number(NUMBER), &OrderNumber::new(ORDER_NUMBER).unwrap());
        assert!(matches!(found, Ok(Posted::Authenticated(_))));
        let post = posted("resCd=0000&shopOrderNo=GDS30004&certControlNo=", Canary::Certificate);
        let post = Post { content_type: None, body: &post };
        let found = easytalk::window::read(post, &OrderNumber::new(ORDER_NUMBER).unwrap());
        assert!(matches!(found, Ok(Posted::Authenticated(_))));
    }
}

/// A payment whose answer is lost, whose process dies, and which is reversed by another.
fn simple_payment() {
    let token = TokenKey::new(&Canary::Token.text()).unwrap();
    let order = simple::Order::new(number(NUMBER), amount(), token)
        .user_data(UserData::new(&Canary::UserData.text()).unwrap());
    pay(Product::Simple, &order);
}

fn easytalk_payment() {
    let certificate = CertControlNumber::new(&Canary::Certificate.text()).unwrap();
    let order_number = OrderNumber::new(ORDER_NUMBER).unwrap();
    pay(Product::EasyTalk, &easytalk::Order::new(number(NUMBER), order_number, amount(), certificate));
}

fn iamport_payment() {
    pay(Product::Iamport, &*order(Product::Iamport));
}

fn pay(product: Product, order: &dyn Order) {
    let mut shop = Shop::new(product);
    let opening = Opening { merchant: &shop.merchant, driver: &shop.driver, attempt: [1; 16] };
    let mut step = Step::Persist(order.open(&opening, shop.now).unwrap());
    let signer = HmacSha256::new(&Secret::from_utf8(&Canary::Key.text()));
    let channel_id = ChannelId::new("CH_A1B2C3D4").unwrap();
    let token = AccessToken::new(&Canary::Token.text()).unwrap();
    let mut buffer = RequestBuffer::new();
    for died_after in [4, usize::MAX] {
        let mut steps = 0;
        while !matches!(step, Step::Done(_)) && steps < died_after {
            steps += 1;
            step = match step {
                Step::Persist(persist) => {
                    let written = shop.store(persist.row(), persist.expect());
                    persist.written(Ok(written), shop.now)
                }
                Step::Transmit(transmit) => {
                    let credentials = match product {
                        Product::Simple => {
                            Credentials::Signature { channel_id: &channel_id, signer: &signer }
                        }
                        Product::EasyTalk => Credentials::None,
                        Product::Iamport => Credentials::Token(&token),
                    };
                    let sent = transmit.encode(credentials, Nonce([1; 16]), shop.now, &mut buffer);
                    Step::InFlight(sent.unwrap().1)
                }
                Step::InFlight(in_flight) => {
                    shop.later(100);
                    in_flight.failed(Failure::MaybeSent(MaybeSent::Reset), shop.now)
                }
                Step::Wait(wait) => {
                    shop.later(wait.until(0, shop.now).0.saturating_sub(shop.now.mono.0));
                    wait.wake(shop.now)
                }
                other => panic!("{other:?}"),
            };
        }
        if died_after < usize::MAX {
            let row = shop.claim(&shop.key());
            step = resume(row, &shop.merchant, &shop.driver, shop.now).unwrap();
        }
    }
}
