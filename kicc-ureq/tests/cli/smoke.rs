//! Each subcommand once.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use serde_json::Value;

use crate::shop::{Ran, Shop, listening, order, signal, spawn, wait_for, wait_until};

/// R3: a finished file sends nothing when it is run again, and prints the same outcomes with `repeat`.
#[test]
fn r3_orders_are_paid_told_and_known() {
    let shop = Shop::new();
    shop.orders(&["A1", "Xdec-0001", "Xhanga-0001"]);
    let first = shop.pay("").ends(12);
    assert_eq!(first.line("A1")["outcome"], "approved");
    assert_eq!(first.line("A1")["approval"]["amount_stated"], "not_stated");
    assert_eq!(first.line("Xdec-0001")["code"], "8521");
    assert_eq!(first.line("Xhanga-0001")["charged"], "no");
    let approvals = shop.van.counts().approvals;
    let again = shop.pay("").ends(12);
    assert_eq!(shop.van.counts().approvals, approvals);
    for mut line in first.lines() {
        assert_eq!(line["repeat"], false);
        line["repeat"] = true.into();
        assert_eq!(again.line(line["number"].as_str().unwrap()), line);
    }

    let status = shop.kicc("status A1 --config kicc.toml --journal j --output json").ends(0);
    assert_eq!(status.line("A1")["charged"], "yes");
    shop.kicc("status NONE --config kicc.toml --journal j").ends(2);
    shop.kicc("recover --config kicc.toml --journal j").ends(0);
    let list = shop.kicc("journal list --all --journal j --output json").ends(0);
    assert_eq!(list.lines().len(), 3);
    assert_eq!(shop.kicc("journal list --journal j").ends(0).out, "");
    let show = shop.kicc("journal show Xhanga-0001 --journal j").ends(0).out;
    assert!(show.contains("about to send the approval request, once"), "{show}");
    assert!(show.contains("no answer in time") && show.contains("the customer is NOT charged"), "{show}");
    let diagram = shop.kicc("journal show Xhanga-0001 --journal j --diagram").ends(0).out;
    assert!(diagram.starts_with("sequenceDiagram\n") && diagram.contains("V--xK: "), "{diagram}");
    let drawing = shop.kicc("journal show Xhanga-0001 --diagram=terminal --journal j").ends(0).out;
    assert!(drawing.contains("KICC's VAN") && drawing.contains("NOT charged; told"), "{drawing}");
    assert_eq!(
        shop.kicc("journal prune --older-than 0s --journal j").ends(0).out.split(' ').nth(1),
        Some("3")
    );
    assert!(shop.pay("").ends(2).line("A1")["error"].as_str().unwrap().contains("used before"));
}

/// What the end of the day is compared by.
#[test]
fn a_days_records_are_listed_for_programs() {
    let shop = Shop::new();
    shop.orders(&["A1", "Xdec-0001"]);
    let paid = shop.pay("").ends(10);
    shop.kicc("refund --config kicc.toml --journal j --number A1").ends(0);
    let all = shop.kicc("journal list --all --journal j --output json").ends(0);
    let day = all.line("A1")["made_at"].as_str().unwrap()[..10].to_owned();
    let list = |days: &str| shop.kicc(&format!("journal list {days} --journal j --output json")).ends(0);
    assert_eq!(list(&format!("--from {day} --until {day}")).out, all.out);
    let line = all.line("A1");
    assert_eq!(line["approval"], paid.line("A1")["approval"]);
    assert_eq!((&line["terminal"], &line["amount"]), (&"T123456789".into(), &52_000.into()));
    let refund = all.lines().into_iter().find(|line| line["kind"] == "refund").unwrap();
    assert_eq!((&refund["original"], &refund["outcome"]), (&"A1".into(), &"refunded".into()));
    assert_eq!(
        (list("--from 2100-01-01").out, list("--until 2026-01-01").out),
        (String::new(), String::new())
    );
    assert_eq!(list("--from 2026-01-01").lines().len(), 3);
    shop.kicc("journal list --from 2026-02-30 --journal j").ends(2);
    shop.kicc("journal list --from 2026-01-01 --open --journal j").ends(2);
}

#[test]
fn a_refund_has_outcomes_and_exit_codes_of_its_own() {
    let shop = Shop::new();
    shop.orders(&["A1", "Xdec-0001"]);
    shop.pay("").ends(10);
    let refund = "refund --config kicc.toml --journal j --output json --number";
    let first = shop.kicc(&format!("{refund} A1")).ends(0).line("A1");
    assert_eq!((&first["outcome"], &first["charged"]), (&"refunded".into(), &"no".into()));
    let second = shop.kicc(&format!("{refund} A1")).ends(0).line("A1");
    assert_eq!((&second["repeat"], &second["refund_number"]), (&true.into(), &first["refund_number"]));
    assert!(!shop.van.ledger().standing("A1"));
    let nothing = shop.kicc(&format!("{refund} Xdec-0001")).ends(2);
    assert!(nothing.err.contains("nothing to refund"), "{}", nothing.err);
    let status = shop.kicc("status A1 --config kicc.toml --journal j --output json").ends(0);
    assert_eq!(status.lines().len(), 2);

    let today = status.lines()[0]["approval"]["approved_at"].as_str().unwrap()[..10].to_owned();
    let report =
        shop.kicc(&format!("report --date {today} --journal j --output json")).ends(0).lines().remove(0);
    assert_eq!(report["approvals"]["approved"]["won"], 52_000);
    assert_eq!(report["refunds"]["refunded"]["count"], 1);
    assert_eq!(report["net"], 0);
    let report = shop.kicc(&format!("report --date {today} --journal j")).ends(0).out;
    assert!(report.contains("declined") && report.contains("approved less refunded: 0 won"), "{report}");
    let status = shop.kicc("status A1 --config kicc.toml --journal j").ends(0).out;
    assert!(status.lines().next().unwrap().contains("charged: given back"), "{status}");
    let list = shop.kicc("journal list --all --journal j").ends(0).out;
    assert!(list.lines().any(|line| line.contains("refunded") && line.ends_with("of A1")), "{list}");
    let show = shop.kicc("journal show A1 --journal j").ends(0).out;
    assert!(show.contains("what was charged is given back"), "{show}");
}

/// Whoever asks about a sale is sent to its refund, where that is what waits.
#[test]
fn a_sale_shows_that_its_refund_waits_for_a_person() {
    let shop = Shop::new();
    shop.orders(&["Xok_cref-0001"]);
    shop.pay("").ends(0);
    let refund = "refund --number Xok_cref-0001 --config kicc.toml --journal j --output json";
    let refund = shop.kicc(refund).ends(23).line("Xok_cref-0001");
    let number = refund["refund_number"].as_str().unwrap();
    let show = shop.kicc("journal show Xok_cref-0001 --journal j").ends(0).out;
    let advice =
        format!("Of the sale nothing; its refund {number} waits for a person: `kicc journal show {number}`");
    assert!(show.contains(&advice) && !show.contains("given back"), "{show}");
    let status = shop.kicc("status Xok_cref-0001 --config kicc.toml --journal j").ends(0).out;
    assert!(status.lines().next().unwrap().contains("charged: yes"), "{status}");
}

/// R5: every bad line is named, and nothing is sent.
#[test]
fn r5_one_bad_line_stops_the_whole_file() {
    let shop = Shop::new();
    fs::write(shop.path("orders"), order("A1") + "{\"number\":\"A2\"}\n" + &order("B|1")).unwrap();
    let ran = shop.pay("").ends(2);
    assert!(ran.err.contains("line 2: \"A2\": amount: is missing"), "{}", ran.err);
    assert!(ran.err.contains("line 3: \"B|1\": transaction number"), "{}", ran.err);
    assert_eq!((ran.out.as_str(), shop.van.counts().approvals), ("", 0));
}

#[test]
fn a_wrong_configuration_names_the_nearest_right_key() {
    let shop = Shop::with("quite_period = \"1s\"");
    shop.orders(&["A1"]);
    let ran = shop.pay("").ends(2);
    assert!(ran.err.contains("did you mean `quiet_period`?"), "{}", ran.err);
    let no_key = Shop::new();
    no_key.orders(&["A1"]);
    let mut command = no_key.command("pay --config kicc.toml --journal j --orders orders");
    let ran = Ran::new(command.env_remove("KICC_SECRET_KEY").output().unwrap()).ends(2);
    assert!(ran.err.contains("KICC_SECRET_KEY is not set"), "{}", ran.err);
}

#[test]
fn a_stream_answers_line_by_line() {
    let shop = Shop::new();
    let mut child = shop
        .command("pay --config kicc.toml --journal j --orders - --stream --output json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |line: &str| -> Value {
        input.write_all(line.as_bytes()).unwrap();
        serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap()
    };
    assert_eq!(ask(&order("A1"))["outcome"], "approved");
    let bad = ask("{\"number\":\"A2\",\"amount\":0}\n");
    assert_eq!((&bad["line"], &bad["number"]), (&2.into(), &"A2".into()));
    assert!(bad["error"].as_str().unwrap().starts_with("amount: "), "{bad}");
    assert_eq!(ask(&order("A1"))["repeat"], true);
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

/// R19.
#[test]
fn r19_the_accept_command_decides() {
    let shop = Shop::new();
    fs::write(
        shop.path("accept"),
        "cat > asked.$KICC_NUMBER; test $KICC_AMOUNT = 52000 && test $KICC_NUMBER != A2 || exit 10",
    )
    .unwrap();
    shop.orders(&["A1", "A2"]);
    let mut command =
        shop.command("pay --config kicc.toml --journal j --orders orders --output json --on-approved");
    let ran = Ran::new(command.arg("sh accept").output().unwrap()).ends(12);
    assert_eq!(ran.line("A1")["outcome"], "approved");
    assert_eq!(ran.line("A2")["outcome"], "reversed");
    let ledger = shop.van.ledger();
    assert!(ledger.standing("A1") && !ledger.standing("A2"));
    let asked = fs::read_to_string(shop.path("asked.A1")).unwrap();
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!((&asked["question"], &asked["amount"]), (&"approved".into(), &52_000.into()));
    assert_eq!(asked["approval"]["approval_number"].as_str().unwrap().len(), 8);
}

/// R13d.
#[test]
fn r13d_a_reversal_can_be_told_early_and_is_still_confirmed() {
    let shop = Shop::with("report_reversal = \"first_success\"");
    shop.orders(&["Xhanga-0001"]);
    let ran = shop.pay("").ends(12);
    assert_eq!(ran.lines().len(), 1, "{}", ran.out);
    assert_eq!(ran.line("Xhanga-0001")["confirmed"], false);
    assert_eq!(shop.van.ledger().entry("Xhanga-0001").unwrap().net_cancels, 2);
    assert_eq!(shop.kicc("journal list --journal j").ends(0).out, "");
}

/// What stops is left to recovery, and said so; a parked record waits for a person.
#[test]
fn a_stopped_run_is_recovered_and_a_parked_record_resolved() {
    let shop = Shop::with("rescue_attempts = 3");
    shop.orders(&["Xhanga_never-0001", "Xrsta-0001"]);
    let child = spawn(shop.command("pay --config kicc.toml --journal j --orders orders --output json"));
    wait_until(|| shop.van.counts().net_cancels > 0);
    signal(&child, "TERM");
    let stopped = Ran::new(child.wait_with_output().unwrap()).ends(75);
    assert!(stopped.err.contains("`kicc recover` goes on with"), "{}", stopped.err);
    let parked = shop.kicc("recover --config kicc.toml --journal j --output json").ends(13);
    assert_eq!(parked.line("Xhanga_never-0001")["code"], "7777");
    assert_eq!(parked.lines().pop().unwrap()["parked"][0]["number"], "Xhanga_never-0001");
    let show = shop.kicc("journal show Xhanga_never-0001 --journal j").ends(0).out;
    assert!(
        show.contains("NOBODY KNOWS") && show.contains("kicc journal resolve Xhanga_never-0001"),
        "{show}"
    );
    shop.kicc("recover --retry Xhanga_never-0001 --config kicc.toml --journal j").ends(13);
    let resolve = "journal resolve Xhanga_never-0001 --charged yes --note seen --config kicc.toml --journal j --output json";
    let resolved = wait_for(|| Some(shop.kicc(resolve)).filter(|ran| ran.code == Some(0)));
    assert_eq!(resolved.line("Xhanga_never-0001")["charged"], "yes");
    shop.kicc("recover --config kicc.toml --journal j").ends(0);
}

/// R22: what could not be written does not count as told.
#[test]
fn r22_an_outcome_that_nobody_read_is_told_again() {
    let shop = Shop::new();
    shop.orders(&["A1"]);
    let mut child = spawn(shop.command("pay --config kicc.toml --journal j --orders orders"));
    drop(child.stdout.take());
    Ran::new(child.wait_with_output().unwrap()).ends(74);
    let told = shop.kicc("recover --config kicc.toml --journal j --output json").ends(0);
    assert_eq!(told.line("A1")["outcome"], "approved");
    assert_eq!(told.lines().pop().unwrap()["told_again"], 1);
}

/// R24.
#[test]
fn r24_a_restored_journal_wants_a_new_prefix() {
    let shop = Shop::new();
    shop.orders(&["A1"]);
    shop.pay("").ends(0);
    shop.kicc("journal restored --prefix A --journal j").ends(2);
    shop.kicc("journal restored --prefix R2- --journal j").ends(0);
    shop.orders(&["A2", "R2-1"]);
    let ran = shop.pay("").ends(2);
    assert!(ran.line("A2")["error"].as_str().unwrap().contains("must begin with R2-"));
    assert_eq!(ran.line("R2-1")["outcome"], "approved");
}

#[test]
fn the_sandbox_serves_the_merchant_of_a_configuration() {
    let shop = Shop::new();
    let mut command = shop.command("sandbox --listen 127.0.0.1:0 --config kicc.toml --faults");
    command.arg("number=F* fault=decline");
    let mut sandbox = spawn(command);
    let url = listening(&mut sandbox);
    shop.change_config(|config| config.replace(&shop.van.base_url(), &url));
    shop.orders(&["A1", "F1"]);
    let ran = shop.pay("").ends(10);
    assert_eq!(ran.line("F1")["outcome"], "declined");
    signal(&sandbox, "TERM");
    let ended = Ran::new(sandbox.wait_with_output().unwrap()).ends(0);
    assert!(ended.err.contains("violations of the protocol: 0"), "{}", ended.err);
    assert!(shop.kicc("sandbox --help").ends(0).out.contains("Xhanga-"));
}

#[test]
fn a_small_storm_agrees() {
    let shop = Shop::new();
    let ran = shop.kicc("storm --orders 16 --scale 20").ends(0);
    assert!(ran.out.contains("0 lost, 0 doubled, 0 for a person"), "{}", ran.out);
}
