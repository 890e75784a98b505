//! The command over a journal in PostgreSQL.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use kicc_testkit::{
    cluster::{Cluster, Programs},
    van::faults::{Plan, Product},
};
use libtest_mimic::Trial;

use crate::{
    shop::{CALM, HASTY, Shop, Times},
    trials::trial_if,
};

pub fn trials() -> Vec<Trial> {
    let on = |name: &str, run: fn(&Cluster)| {
        trial_if(Programs::find().map(drop), name, move || run(&Cluster::start(&Programs::find().unwrap())))
    };
    vec![
        on("postgres::r20_what_a_killed_command_has_left_in_a_database_is_recovered", killed),
        on("postgres::journal_commands_work_on_a_database", journal),
        on("postgres::r3_a_shop_moves_from_its_file_into_a_database_and_back", moved),
        on("postgres::commands_that_look_make_no_journal", looking),
        on("postgres::r23_a_password_in_an_address_is_refused_and_not_shown", password),
    ]
}

fn shop(cluster: &Cluster, times: Times) -> Shop {
    let address = format!("{}?kicc_lease=2", cluster.address(&cluster.database()));
    Shop::open(Product::Simple, times, times.van()).in_database(address)
}

fn number(plan: &str, serial: u32) -> String {
    plan.parse::<Plan>().unwrap().number(serial)
}

fn killed(cluster: &Cluster) {
    let shop = shop(cluster, HASTY);
    let plans = ["ok", "hang_after", "hang_before", "html_502", "ok", "drip"];
    let numbers: Vec<String> = plans.iter().zip(1..).map(|(plan, serial)| number(plan, serial)).collect();
    let paying = shop.start_pay(&shop.orders(&numbers), numbers.len());
    shop.wait_for(|counts| counts.approvals >= 4);
    let mut lines = paying.kill().lines;
    let until = Instant::now() + Duration::from_secs(60);
    // Held for as long as its lease runs by the database's clock.
    loop {
        let run = shop.recover(&[]);
        lines.extend(run.lines);
        if cluster_open(cluster, &shop) == "0" {
            break;
        }
        assert!(Instant::now() < until, "{lines:#?}");
        thread::sleep(Duration::from_millis(200));
    }
    let told: BTreeMap<&str, &str> =
        lines.iter().map(|line| (line.number.as_str(), line.outcome())).collect();
    let ledger = shop.ledger();
    for number in &numbers {
        assert!(ledger.approvals(number) <= 1, "{number}");
        let approved = told.get(number.as_str()) == Some(&"approved");
        assert_eq!(ledger.standing(number), approved, "{number}: {told:?}");
        assert_eq!(shop.holds(number), approved, "{number}: {told:?}");
    }
}

/// How many records are open.
fn cluster_open(cluster: &Cluster, shop: &Shop) -> String {
    let address = shop.journal().to_str().unwrap().to_owned();
    let database = address.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    cluster.sql(&database, "SELECT count(*) FROM kicc_attempts WHERE standing = 'open'")
}

/// What a command says that needs no configuration, and that it went well.
fn said(shop: &Shop, arguments: &[&str]) -> String {
    let output = run(shop, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn journal(cluster: &Cluster) {
    let shop = shop(cluster, CALM);
    let parked = "Xhanga_never-0021".to_owned();
    let sold = number("ok", 1);
    shop.pay(&[sold.clone(), parked.clone()]).ended_with(&[13]);
    let all = said(&shop, &["journal", "list", "--all"]);
    assert!(all.contains(&sold) && all.contains(&parked), "{all}");
    let waiting = said(&shop, &["journal", "list", "--parked"]);
    assert!(waiting.contains(&parked) && !waiting.contains(&sold), "{waiting}");
    assert!(said(&shop, &["journal", "show", &sold]).contains(&sold));
    let resolve = ["journal", "resolve", &parked, "--charged", "no", "--note", "looked"];
    let until = Instant::now() + Duration::from_secs(30);
    // Not while its last message may be under way.
    while !shop.command(&resolve).output().unwrap().status.success() {
        assert!(Instant::now() < until, "it is not resolved");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(said(&shop, &["journal", "list", "--parked"]), "");
    let restored = said(&shop, &["journal", "restored", "--prefix", "R-"]);
    assert!(restored.contains("R-"), "{restored}");
    shop.pay(&[number("ok", 2)]).ended_with(&[2]);
}

fn run(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kicc"));
    command.args(arguments).arg("--journal").arg(shop.journal()).output().unwrap()
}

/// R3: it sells at one place at a time, and knows every number wherever it is.
fn moved(cluster: &Cluster) {
    let file = Shop::open(Product::Simple, CALM, CALM.van());
    let (sold, parked) = (number("ok", 1), "Xhanga_never-0021".to_owned());
    file.pay(&[sold.clone(), parked.clone()]).ended_with(&[13]);
    let before = said(&file, &["journal", "list", "--all", "--output", "json"]);
    assert_eq!(before.lines().count(), 2);
    let export = file.path("move").to_str().unwrap().to_owned();
    assert!(said(&file, &["journal", "export", &export]).starts_with("moved 2 records and 0 hashes"));

    let database = shop_of(cluster, &file);
    let imported = said(&database, &["journal", "import", &export]);
    assert_eq!(imported, "imported 2 records and 0 hashes of pruned ones into the journal in the database\n");
    assert_eq!(said(&database, &["journal", "list", "--all", "--output", "json"]), before);
    file.pay(&[number("ok", 2)]).ended_with(&[74]);
    let approvals = file.van.counts().approvals;
    let again = database.pay(std::slice::from_ref(&sold)).ended_with(&[0]);
    assert_eq!((again.lines.len(), database.van.counts().approvals), (1, approvals));
    database.pay(&[number("ok", 3)]).ended_with(&[0]);

    let moved = said(&database, &["journal", "export", &export]);
    assert_eq!(
        moved,
        format!(
            "moved 3 records and 0 hashes of pruned ones to {export}; the journal in the database is closed for good\n"
        )
    );
    let closed = run(&database, &["journal", "list"]);
    let error = String::from_utf8_lossy(&closed.stderr);
    assert!(
        closed.status.code() == Some(74) && error.contains("was moved") && error.contains(&export),
        "{error}"
    );
    let new = file.in_database(file.path("new.db").to_str().unwrap().to_owned());
    said(&new, &["journal", "import", &export]);
    let waiting = said(&new, &["journal", "list"]);
    assert!(waiting.contains(&parked), "{waiting}");
    new.pay(&[number("ok", 4)]).ended_with(&[0]);
    assert!(new.ledger().violations.is_empty());
}

/// The same shop in a new database.
fn shop_of(cluster: &Cluster, shop: &Shop) -> Shop {
    shop.in_database(format!("{}?kicc_lease=2", cluster.address(&cluster.database())))
}

fn looking(cluster: &Cluster) {
    let shop = shop(cluster, CALM);
    let export = shop.path("file").to_str().unwrap().to_owned();
    for arguments in [
        &["journal", "list"][..],
        &["journal", "show", "N1"],
        &["journal", "prune", "--older-than", "1d"],
        &["journal", "restored", "--prefix", "B-"],
        &["journal", "export", &export],
        &["report", "--date", "2026-11-21"],
    ] {
        let ran = run(&shop, arguments);
        let error = String::from_utf8_lossy(&ran.stderr);
        assert!(
            ran.status.code() == Some(2) && error.contains("there is no journal"),
            "{arguments:?}: {error}"
        );
    }
    let database = shop.journal().to_str().unwrap().rsplit('/').next().unwrap().replace("?kicc_lease=2", "");
    assert_eq!(cluster.sql(&database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'kicc%'"), "0");
}

fn password(_: &Cluster) {
    let output = Command::new(env!("CARGO_BIN_EXE_kicc"))
        .args(["journal", "list", "--journal", "postgres://shop:s3cr3t@127.0.0.1/shop"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("PGPASSWORD") && !error.contains("s3cr3t"), "{error}");
}
