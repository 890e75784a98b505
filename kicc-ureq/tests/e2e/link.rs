//! The link is lost as an approval is written, and comes back after give-up: nothing may arrive (R13a).
//!
//! Server and client are this test program in other roles: the server in a network namespace at the other end of a
//! veth pair, the clients in processes of their own, because one way to give up is to die.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{self, Child, ChildStdin, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use kicc_proto::{flow::table::Stage, iamport::AccessToken};
use kicc_testkit::van::{Entry, Van, faults::Product};
use kicc_ureq::http::{Http, HttpSettings, Limits};
use libtest_mimic::Trial;

use crate::{
    message,
    process::{Line, Process},
    shop::{CALM, PRODUCTS, Shop, name},
    trials::{long, possible, trial_if},
};

/// Makes this program a server or a client.
const ROLE: &str = "KICC_E2E_ROLE";

/// Below TCP a packet waits up to three seconds for its neighbour to be found, and nobody can take it back from there:
/// what comes then comes inside the quiet period (R13b).
const BELOW_TCP: Duration = Duration::from_secs(5);

/// With an approval of each product each way to give up, with and without the reset on close.
fn clients() -> Vec<Client> {
    let ends = [Ends::TimesOut, Ends::Killed, Ends::TimesOutAsync, Ends::Dropped];
    let ways = ends.into_iter().flat_map(|ends| [true, false].map(|resets| (resets, ends)));
    let all = PRODUCTS.into_iter().flat_map(|product| ways.clone().map(move |way| (product, way)));
    all.zip(7001..).map(|((product, (resets, ends)), port)| Client { product, port, resets, ends }).collect()
}

#[derive(Debug, Clone, Copy)]
struct Client {
    product: Product,
    /// Of its own listener.
    port: u16,
    resets: bool,
    ends: Ends,
}

/// How a client gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    TimesOut,
    Killed,
    /// The async adapter.
    TimesOutAsync,
    /// The async adapter's future is dropped.
    Dropped,
}

pub fn trials() -> Vec<Trial> {
    let possible = Namespace::possible();
    let short = "link::r13_what_is_given_up_on_a_lost_link_never_arrives_and_without_the_reset_it_does";
    let mut trials = vec![trial_if(possible.clone(), short, lost_link)];
    if long() {
        trials.extend(PRODUCTS.map(|product| {
            let of = name(product);
            let command = format!("link::{of}::r13_the_command_with_its_default_times_over_a_lost_link");
            trial_if(possible.clone(), &command, move || lost_link_of_the_command(product))
        }));
    }
    trials
}

fn lost_link() {
    let namespace = Namespace::new();
    let mut server = Told::start(
        namespace.run(&env::current_exe().unwrap()).env(ROLE, format!("serve {}", namespace.inside)),
    );
    assert_eq!(server.next(Duration::from_secs(10)).as_deref(), Some("listening"));
    let clients = clients();
    let start = |client: &Client| {
        let role = format!("approve {} {}", namespace.inside, client.port);
        Told::start(Command::new(env::current_exe().unwrap()).env(ROLE, role))
    };
    let mut processes: Vec<Told> = clients.iter().map(start).collect();
    for process in &mut processes {
        assert_eq!(process.next(Duration::from_secs(10)).as_deref(), Some("connected"));
    }
    namespace.link("down");
    processes.iter_mut().for_each(Told::go_on);
    thread::sleep(Duration::from_millis(500));
    for (client, process) in clients.iter().zip(&mut processes) {
        let mut said = || process.next(Duration::from_secs(10));
        match client.ends {
            Ends::Killed => process.child.kill().unwrap(),
            Ends::Dropped => assert_eq!(said().as_deref(), Some("dropped"), "{client:?}"),
            _ => assert_eq!(said().as_deref(), Some("MaybeSent(Timeout)"), "{client:?}"),
        }
    }
    thread::sleep(BELOW_TCP);
    namespace.link("up");

    // The kernel tries again at growing intervals: once those without a reset have arrived, those with one would have, too.
    let up = Instant::now();
    let mut arrived = BTreeSet::new();
    let expected = clients.iter().filter(|client| !client.resets).count();
    while arrived.len() < expected {
        let line =
            server.next(Duration::from_secs(90)).expect("what is not reset arrives: the test can fail");
        arrived.insert(line);
    }
    let as_long_again = up.elapsed() + Duration::from_secs(3);
    while let Some(line) = server.next(as_long_again) {
        arrived.insert(line);
    }
    let whole = |client: &Client| format!("{} has a whole request", client.port);
    let wanted: BTreeSet<String> = clients.iter().filter(|client| !client.resets).map(whole).collect();
    assert_eq!(arrived, wanted);
}

/// `kicc pay` as it is configured for real, once giving up and once killed; then its rescue, over the link that is back.
/// A first order goes well, so that nothing but the approval is left to be sent: i'mport's token was got for it.
fn lost_link_of_the_command(product: Product) {
    let namespace = Namespace::new();
    let listen = format!("{}:8080", namespace.inside);
    let mut sandbox = Told::start(
        namespace.run(Path::new(env!("CARGO_BIN_EXE_kicc"))).args(["sandbox", "--listen", &listen]),
    );
    assert!(sandbox.next(Duration::from_secs(10)).is_some_and(|line| line.contains(&listen)));
    let base_url = format!("http://{listen}");
    let shops = [(); 2].map(|()| Shop::at(product, Van::start(CALM.van()).unwrap(), &base_url, CALM));
    for shop in &shops {
        shop.change_config(|scaled| {
            let (defaults, _) = scaled.split_once("[policy]").unwrap();
            let is_time =
                |line: &&str| line.starts_with("answer_timeout") || line.starts_with("quiet_period");
            let defaults: String =
                defaults.lines().filter(|line| !is_time(line)).map(|line| format!("{line}\n")).collect();
            defaults.replace("[merchant]", "allow_http = true\n[merchant]")
        });
    }
    let numbers = ["GIVEN-UP", "KILLED"];
    let [(given_up, mut its_orders), (killed, mut others)] = [0, 1].map(|which: usize| {
        let (shop, first) = (&shops[which], format!("FIRST-{which}"));
        let orders = shop.path("orders.fifo");
        assert!(Command::new("mkfifo").arg(&orders).status().unwrap().success());
        let process = Process::start(shop.pay_command(&orders, 1).arg("--stream"));
        let mut pipe = File::options().write(true).open(&orders).unwrap();
        pipe.write_all(&fs::read(shop.orders(&[first])).unwrap()).unwrap();
        (process, pipe)
    });
    wait_until(|| shops.iter().all(|shop| shop.rows().iter().any(|row| row.told)));
    namespace.let_only_small_packets_through();
    for ((shop, pipe), number) in shops.iter().zip([&mut its_orders, &mut others]).zip(numbers) {
        pipe.write_all(&fs::read(shop.orders(&[number.into()])).unwrap()).unwrap();
    }
    drop(its_orders);
    wait_until(|| shops.iter().all(|shop| shop.rows().len() == 2));
    // Connected and written: each packet that holds a part of the request has been lost.
    thread::sleep(Duration::from_secs(2));
    namespace.link("down");
    killed.kill();
    wait_until(|| shops[0].rows().iter().any(|row| row.stage == Stage::Reversing));
    thread::sleep(BELOW_TCP);
    namespace.let_all_packets_through();
    namespace.link("up");
    let given_up = given_up.wait().ended_with(&[12]);
    let killed = shops[1].recover(&[]).ended_with(&[0]);
    for (run, number) in [given_up, killed].iter().zip(numbers) {
        let line = run.lines.iter().find(|line| line.number == number);
        assert_eq!(line.map(Line::outcome), Some("reversed"), "{run:#?}");
        let entry = ureq::get(format!("{base_url}/ledger/{number}"))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        let entry: Entry = serde_json::from_str(&entry).unwrap();
        assert_eq!(entry.approvals, 0, "{entry:?}");
        assert!(entry.net_cancels + entry.status_queries >= 2, "{entry:?}");
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < until, "it does not come");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What this process is to do, if it is not to test.
pub fn role() -> Option<ExitCode> {
    let role = env::var(ROLE).ok()?;
    match role.split(' ').collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address.parse().unwrap()),
        ["approve", inside, port] => {
            let client = clients().into_iter().find(|client| client.port.to_string() == port).unwrap();
            approve(&format!("http://{inside}:{port}"), client);
        }
        _ => panic!("no such role: {role}"),
    }
    Some(ExitCode::SUCCESS)
}

/// Says what arrives at each port, until it is killed.
fn serve(address: Ipv4Addr) {
    for Client { port, .. } in clients() {
        let listener = TcpListener::bind(SocketAddr::from((address, port))).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                receive(stream.unwrap(), port);
            }
        });
    }
    say("listening");
    loop {
        thread::park();
    }
}

fn receive(mut stream: TcpStream, port: u16) {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    // A reset is an end like any other.
    while let Ok(read @ 1..) = stream.read(&mut part) {
        all.extend_from_slice(&part[..read]);
        let is_whole = all.ends_with(b"}");
        say(&format!(
            "{port} has {}",
            if is_whole { "a whole request".to_owned() } else { format!("{} bytes", all.len()) }
        ));
    }
}

/// Connects and says so, writes when told to, gives up, says so, and lives on until it is killed or not needed.
fn approve(url: &str, Client { product, resets, ends, .. }: Client) {
    let mut settings = HttpSettings::new(url);
    settings.allow_http = true;
    let limits = Limits {
        send_by: Instant::now() + Duration::from_secs(60),
        answer_within: Duration::from_secs(if matches!(ends, Ends::Killed | Ends::Dropped) { 60 } else { 1 }),
        // This alone decides over the reset on close.
        money: resets,
    };
    let may_send = || {
        say("connected");
        wait_for_a_line()
    };
    let token = AccessToken::new("0123456789abcdef").unwrap();
    let exchange = message::with_approval(product, "ORD_LINK", &token, |request| match ends {
        Ends::TimesOut | Ends::Killed => {
            Some(Http::new(settings).unwrap().exchange(&request, limits, Arc::new(may_send)))
        }
        Ends::TimesOutAsync | Ends::Dropped => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let http = kicc_hyper::http::Http::new(settings).unwrap();
            runtime.block_on(async {
                let exchange = http.exchange(&request, limits, Box::pin(async move { may_send() }));
                let patience = Duration::from_secs(if ends == Ends::Dropped { 1 } else { 60 });
                // The permission is waited for in one poll with the write, so that it is dropped behind both.
                tokio::time::timeout(patience, exchange).await.ok()
            })
        }
    });
    say(&match exchange.map(|exchange| exchange.result) {
        Some(Ok(reply)) => format!("{reply:?}"),
        Some(Err(failure)) => format!("{failure:?}"),
        None => "dropped".to_owned(),
    });
    wait_for_a_line();
}

fn wait_for_a_line() -> bool {
    std::io::stdin().read_line(&mut String::new()).is_ok()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// A process that says something line by line. Dropped, it is killed.
struct Told {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Told {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Told { child, input, lines }
    }

    fn next(&mut self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A network namespace at the other end of a veth pair. Dropped, both are gone.
struct Namespace {
    name: String,
    inside: Ipv4Addr,
    outside: Ipv4Addr,
}

impl Namespace {
    fn possible() -> Result<(), String> {
        let name = format!("kicc-try-{}", process::id());
        possible("ip", &["netns", "add", &name])?;
        possible("ip", &["netns", "del", &name])
    }

    fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let (id, serial) = (process::id(), SERIAL.fetch_add(1, Ordering::SeqCst));
        // A network of four addresses of its own, at most one in 2^14 processes has the same.
        let [.., third, fourth] = (id.wrapping_mul(8) + serial * 4).to_be_bytes();
        let [outside, inside] = [1, 2].map(|host| Ipv4Addr::new(10, 213, third, fourth | host));
        let namespace = Namespace { name: format!("kicc-{id}-{serial}"), inside, outside };
        let (name, here) = (&namespace.name, format!("kicc{id}{}", char::from(b'a' + serial as u8)));
        ip(&format!("netns add {name}"));
        ip(&format!("link add {here} type veth peer name kicc netns {name}"));
        ip(&format!("address add {outside}/30 dev {here}"));
        ip(&format!("-n {name} address add {inside}/30 dev kicc"));
        ip(&format!("link set {here} up"));
        ip(&format!("-n {name} link set lo up"));
        namespace.link("up");
        namespace
    }

    /// Takes the other end `up` or `down`.
    fn link(&self, how: &str) {
        ip(&format!("-n {} link set kicc {how}", self.name));
    }

    /// Connections come about, and every packet with a request in it is lost.
    fn let_only_small_packets_through(&self) {
        let Namespace { name, inside, outside } = self;
        ip(&format!("-n {name} link set kicc mtu 80"));
        // Or the clients would be told to send small ones.
        ip(&format!("-n {name} route add {outside}/32 dev kicc src {inside} advmss 1460"));
    }

    fn let_all_packets_through(&self) {
        ip(&format!("-n {} link set kicc mtu 1500", self.name));
    }

    /// A command inside.
    fn run(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

#[track_caller]
fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}: {status}");
}
