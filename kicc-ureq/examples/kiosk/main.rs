//! A kiosk's day, on a small screen in Korean: boot, drain, open for sale, and the totals at its end.
//!
//! ```text
//! cargo run -p kicc-ureq --example kiosk
//! ```
//!
//! At a terminal it takes keys; else it plays a day by itself: the till was cut off in the middle of yesterday's last
//! payment, somebody taps twice, a card is refused, an answer is lost, and one payment is left to the staff. The gateway
//! is a simulated one, which plays the fault that a price asks for (`kicc sandbox --help`).

mod screen;
mod till;
mod words;

use std::{
    error::Error,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use kicc_testkit::van::{Van, VanConfig};
use kicc_ureq::client::Begun;

use self::till::{Sale, Till};

/// What is sold, for how many won. The last three prices make the simulated gateway fail.
const MENU: [(&str, u64); 5] = [
    ("아메리카노", 4_500),
    ("카페라떼", 5_000),
    ("딸기케이크", 9_008),
    ("치즈케이크", 9_013),
    ("생일케이크", 9_513),
];

/// The keys of a day that nobody types: a tap, a double tap, and a tap on each of the other cakes.
const DAY: [&str; 5] = ["1", "2 2", "3", "4", "5"];

fn main() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig { late: till::LATE, ..VanConfig::default() })?;
    // Of a real till this folder is on a disk that outlives it.
    let folder = tempfile::tempdir()?;
    if io::stdin().is_terminal() {
        let till = Till::boot(folder.path(), &van.base_url())?;
        drain(&till)?;
        serve(&till, &mut io::stdin().lock().lines().map_while(Result::ok))?;
        return close(&till);
    }
    cut_off(&Till::boot(folder.path(), &van.base_url())?)?;
    let till = Till::boot(folder.path(), &van.base_url())?;
    drain(&till)?;
    serve(&till, &mut DAY.iter().map(|keys| (*keys).to_owned()))?;
    close(&till)?;
    // Yesterday's latte, an americano and one latte: nobody paid twice, and nobody for nothing.
    let books = till.books();
    assert_eq!(books.values().sum::<u64>(), 5_000 + 4_500 + 5_000);
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
    let report =
        till.drain(|number, ended| screen::show(&format!("지난 거래 {number}"), &words::settled(ended)))?;
    for parked in report.parked {
        screen::show("직원 확인 필요", &words::settled(&parked));
    }
    screen::show("영업을 시작합니다", &[]);
    Ok(())
}

/// Takes orders until there are no more keys. A line is what was tapped: the same key twice is a double tap.
fn serve(till: &Till, keys: &mut dyn Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    loop {
        let menu =
            MENU.iter().zip(1..).map(|((name, won), key)| format!("{key}. {name}  {}", words::won(*won)));
        screen::show("주문하세요", &menu.chain(["q. 영업 마감".into()]).collect::<Vec<_>>());
        io::stdout().flush()?;
        let Some(line) = keys.next().filter(|line| line.trim() != "q") else { return Ok(()) };
        let taps: Vec<_> = line.split_whitespace().filter_map(|tap| tap.parse::<usize>().ok()).collect();
        let Some((name, won)) = taps.first().and_then(|tap| MENU.get(tap.wrapping_sub(1))) else { continue };
        // The number belongs to the basket, not to the tap: the second tap finds what the first one began (R3).
        let sale = Sale { number: till.new_number()?, won: *won };
        let sent: Vec<_> = std::thread::scope(|scope| {
            let taps: Vec<_> = taps.iter().map(|_| scope.spawn(|| till.pay(&sale))).collect();
            taps.into_iter().map(|tap| tap.join().expect("paying does not panic")).collect()
        });
        for progress in sent {
            let title = format!("{name}  {}", words::won(*won));
            match progress {
                Ok(progress) => {
                    screen::show(&title, &words::progress(&progress));
                    if let Some(settled) = till.end_of(&sale, progress)? {
                        screen::show(&title, &words::settled(&settled));
                        settled.told()?;
                    }
                }
                Err(error) => screen::show(&title, &words::error(&error)),
            }
        }
    }
}

/// The day's totals.
fn close(till: &Till) -> Result<(), Box<dyn Error>> {
    screen::show("오늘의 합계", &words::totals(&till.totals()?, &till.books()));
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
    main().unwrap();
}
