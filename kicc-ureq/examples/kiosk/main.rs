//! A kiosk's day, on a small screen in Korean: boot, drain, open for sale, and the totals at its end.
//!
//! ```text
//! cargo run -p kicc-ureq --example kiosk
//! cargo run -p kicc-ureq --example kiosk -- --folder DIR --gateway http://127.0.0.1:8080
//! ```
//!
//! At a terminal it takes keys; else it plays a day by itself: the till was cut off in the middle of yesterday's last
//! payment, somebody taps twice, a sale is given back, a card is refused, an answer is lost, and one payment is left to
//! the staff. The gateway is a simulated one, which plays the fault that a price asks for (`kicc sandbox --help`).
//!
//! With a folder and a gateway (`kicc sandbox`) it always takes keys, and can be killed and started again.

mod books;
mod screen;
mod till;
mod words;

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    time::Duration,
};

use kicc_testkit::van::{Van, VanConfig};
use kicc_ureq::{Progress, client::Begun};

use self::till::{Sale, Till};

/// What is sold, for how many won. The last three prices make the simulated gateway fail.
const MENU: [(&str, u64); 5] = [
    ("아메리카노", 4_500),
    ("카페라떼", 5_000),
    ("딸기케이크", 9_008),
    ("치즈케이크", 9_013),
    ("생일케이크", 9_513),
];

/// The keys of a day that nobody types: a tap, a double tap, that one given back, and a tap on each of the other cakes.
const DAY: [&str; 6] = ["1", "2 2", "r", "3", "4", "5"];

/// When the simulated gateway books what it books late.
const LATE: Duration = Duration::from_millis(300);
/// The same of `kicc sandbox`.
const SANDBOX_LATE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["--folder", folder, "--gateway", gateway] => {
            fs::create_dir_all(folder)?;
            keys(Path::new(folder), gateway, SANDBOX_LATE)
        }
        [] if io::stdin().is_terminal() => {
            let van = Van::start(VanConfig { late: LATE, ..VanConfig::default() })?;
            keys(tempfile::tempdir()?.path(), &van.base_url(), LATE)
        }
        [] => day(),
        _ => Err("usage: kiosk [--folder DIR --gateway URL]".into()),
    }
}

/// A day by keys. The folder of a real till is on a disk that outlives it.
fn keys(folder: &Path, gateway: &str, late: Duration) -> Result<(), Box<dyn Error>> {
    let till = Till::boot(folder, gateway, late)?;
    drain(&till)?;
    serve(&till, &mut io::stdin().lock().lines().map_while(Result::ok))?;
    close(&till)
}

/// A day that nobody types.
fn day() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig { late: LATE, ..VanConfig::default() })?;
    let folder = tempfile::tempdir()?;
    cut_off(&Till::boot(folder.path(), &van.base_url(), LATE)?)?;
    let till = Till::boot(folder.path(), &van.base_url(), LATE)?;
    drain(&till)?;
    serve(&till, &mut DAY.iter().map(|keys| (*keys).to_owned()))?;
    close(&till)?;
    // Yesterday's latte and an americano; today's latte was given back. Nobody paid twice, and nobody for nothing.
    let books = till.totals()?.books;
    assert_eq!(books.values().sum::<u64>(), 5_000 + 4_500);
    let ledger = van.ledger();
    assert!(books.keys().all(|number| ledger.standing(number)));
    let standing = ledger.entries.iter().filter(|entry| ledger.standing(&entry.number)).count();
    assert_eq!(standing, books.len() + 1, "what stands and is in no book waits for the staff");
    Ok(())
}

/// Before the first customer: what the till left behind when it went out is brought to its end (R20), and what waits
/// for a person is shown to one.
fn drain(till: &Till) -> Result<(), Box<dyn Error>> {
    screen::show("영업 준비", &["지난 거래를 확인하고 있습니다".into()]);
    let report = till.drain(|ended| {
        screen::show(&format!("지난 {}", words::what(ended.record())), &words::settled(ended));
    })?;
    for parked in &report.parked {
        screen::show(&format!("직원 확인 필요: {}", words::what(parked.record())), &words::settled(parked));
    }
    for (title, lines) in
        [("직원 확인 필요", words::left(&report)), ("관리자 확인 필요", words::restore(till.restore()))]
    {
        if !lines.is_empty() {
            screen::show(title, &lines);
        }
    }
    screen::show("영업을 시작합니다", &[]);
    Ok(())
}

/// Takes orders until there are no more keys. A line is what was tapped: the same key twice is a double tap.
fn serve(till: &Till, keys: &mut dyn Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    loop {
        let menu =
            MENU.iter().zip(1..).map(|((name, won), key)| format!("{key}. {name}  {}", words::won(*won)));
        let others = ["r. 마지막 거래 환불".into(), "q. 영업 마감".into()];
        screen::show("주문하세요", &menu.chain(others).collect::<Vec<_>>());
        io::stdout().flush()?;
        let Some(line) = keys.next().filter(|line| line.trim() != "q") else { return Ok(()) };
        if line.trim() == "r" {
            if let Some(number) = till.last_sale()? {
                follow(till, &format!("환불 {number}"), till.refund(&number))?;
            }
            continue;
        }
        let taps: Vec<_> = line.split_whitespace().filter_map(|tap| tap.parse::<usize>().ok()).collect();
        let Some((name, won)) = taps.first().and_then(|tap| MENU.get(tap.wrapping_sub(1))) else { continue };
        // The number belongs to the basket, not to the tap: the second tap finds what the first one began (R3).
        let sale = Sale { number: till.new_number()?, won: *won };
        let sent: Vec<_> = std::thread::scope(|scope| {
            let taps: Vec<_> = taps.iter().map(|_| scope.spawn(|| till.pay(&sale))).collect();
            taps.into_iter().map(|tap| tap.join().expect("paying does not panic")).collect()
        });
        for progress in sent {
            follow(till, &format!("{name}  {}", words::won(*won)), progress)?;
        }
    }
}

/// Shows where it stands, and, where that is not its end, waits for that.
fn follow(
    till: &Till,
    title: &str,
    progress: Result<Progress, kicc_ureq::Error>,
) -> Result<(), Box<dyn Error>> {
    let settled = match progress {
        Ok(Progress::Settled(settled)) => settled,
        Ok(Progress::Open(open)) => {
            screen::show(title, &words::open(&open));
            match till.wait(&open.key.number) {
                Ok(Progress::Settled(settled)) => settled,
                // What the screen says stays true; recovery goes on with it.
                Ok(Progress::Open(_)) | Err(_) => return Ok(()),
            }
        }
        Err(error) => {
            screen::show(title, &words::error(&error));
            return Ok(());
        }
    };
    screen::show(title, &words::answer(&settled));
    till.told(&settled)
}

/// The day's totals.
fn close(till: &Till) -> Result<(), Box<dyn Error>> {
    screen::show("오늘의 합계", &words::totals(&till.totals()?));
    Ok(())
}

/// The power goes out between an approval and its place in the books.
fn cut_off(till: &Till) -> Result<(), Box<dyn Error>> {
    let sale = Sale { number: till.new_number()?, won: 5_000 };
    match till.begin(&sale)? {
        Begun::Undecided(undecided) => drop(undecided),
        Begun::Progress(progress) => return Err(format!("not approved: {progress:?}").into()),
    }
    Ok(())
}

/// It runs.
#[test]
fn a_day_at_the_till() {
    day().unwrap();
}
