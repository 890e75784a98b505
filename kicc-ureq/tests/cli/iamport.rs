//! i'mport by the command: charges of billing keys, payments that were made in the window, and the window's parameters.

use std::fs;

use serde_json::{Value, json};

use crate::shop::{CUSTOMER, Ran, Shop, listening, signal, spawn};

const PAY: &str = "pay --product iamport --config kicc.toml --journal j --orders orders --output json";

fn charge(number: &str) -> Value {
    json!({ "number": number, "amount": 51_000, "customer_uid": CUSTOMER, "name": "5월 이용료" })
}

fn paid(number: &str, imp_uid: &str) -> Value {
    json!({ "number": number, "amount": 51_000, "imp_uid": imp_uid })
}

fn write(shop: &Shop, lines: &[Value]) {
    fs::write(shop.path("orders"), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

/// R12: a lost answer is looked up and cancelled; R8: the amount is stated, and matches.
#[test]
fn r12_a_billing_key_is_charged_rescued_and_refunded() {
    let shop = Shop::new();
    let long = "SUBSCRIPTION-2026-11-CUSTOMER-0000000001";
    write(&shop, &[charge(long), charge("Xhanga-0001"), charge("Xdec-0001")]);
    let first = shop.kicc(PAY).ends(12);
    assert_eq!(first.line(long)["approval"]["amount_stated"], "matched");
    assert_eq!(first.line(long)["product"], "iamport");
    assert_eq!(first.line("Xhanga-0001")["outcome"], "reversed");
    let declined = first.line("Xdec-0001");
    assert_eq!((&declined["outcome"], &declined["code"]), (&"declined".into(), &"failed".into()));
    assert!(declined["message"].as_str().unwrap().contains("한도초과"), "{declined}");
    assert_eq!(shop.kicc(PAY).ends(12).line(long)["repeat"], true);
    let refund =
        shop.kicc(&format!("refund --number {long} --config kicc.toml --journal j --output json")).ends(0);
    assert_eq!(refund.line(long)["outcome"], "refunded");
    let status = shop.kicc(&format!("status {long} --config kicc.toml --journal j --output json")).ends(0);
    assert_eq!(status.lines().len(), 2);
    let ledger = shop.van.ledger();
    assert_eq!((ledger.standing(long), ledger.violations.len()), (false, 0), "{:?}", ledger.violations);
    let show = shop.kicc("journal show Xhanga-0001 --journal j").ends(0).out;
    assert!(show.contains("product iamport") && show.contains("the customer is NOT charged"), "{show}");
    let diagram = shop.kicc("journal show Xhanga-0001 --journal j --diagram").ends(0).out;
    assert!(diagram.contains("participant V as i'mport"), "{diagram}");
}

/// R16: parts, each under an id of the shop's, and then the rest.
#[test]
fn r16_parts_are_given_back_under_their_ids() {
    let shop = Shop::new();
    write(&shop, &[charge("M1")]);
    shop.kicc(PAY).ends(0);
    let refund = |more: &str| shop.kicc(&format!("refund --number M1 --config kicc.toml --journal j {more}"));
    let part = refund("--amount 3000 --id FIRST --output json").ends(0).line("M1");
    assert_eq!(
        (&part["outcome"], &part["refund_id"], &part["repeat"]),
        (&"refunded".into(), &"FIRST".into(), &false.into())
    );
    assert_eq!(refund("--amount 3000 --id FIRST --output json").ends(0).line("M1")["repeat"], true);
    let text = refund("--amount 1000 --id SECOND").ends(0).out;
    assert!(text.contains("1,000 won") && text.contains("part SECOND"), "{text}");
    for (more, why) in [
        ("--amount 3001 --id FIRST", "another amount"),
        ("--amount 47001 --id THIRD", "more than the 47000 won that are left"),
        ("--amount 100 --tax-free 101 --id THIRD", "tax-free amount"),
        ("--amount 100", "--id"),
        ("--id THIRD", "--amount"),
    ] {
        let refused = refund(more).ends(2).err;
        assert!(refused.contains(why), "{more}: {refused}");
    }
    assert_eq!(shop.van.counts().cancels, 2);
    let rest = refund("").ends(0).out;
    assert!(rest.contains("47,000 won"), "{rest}");
    let status = shop.kicc("status M1 --config kicc.toml --journal j --output json").ends(0);
    assert_eq!(status.lines().len(), 4);
    let sale = status.line("M1");
    let today = &sale["approval"]["approved_at"].as_str().unwrap()[..10];
    let report =
        shop.kicc(&format!("report --journal j --date {today} --output json")).ends(0).lines().remove(0);
    assert_eq!((&report["net"], &report["refunds"]["refunded"]["count"]), (&0.into(), &3.into()));
    let ledger = shop.van.ledger();
    assert_eq!((ledger.standing("M1"), ledger.violations.len()), (false, 0), "{:?}", ledger.violations);
    assert!(refund("--amount 1 --id LAST").ends(2).err.contains("everything was given back"));
}

/// R8: what was really paid is looked up, and another amount goes back. What was not paid leaves no record.
#[test]
fn r8_a_payment_in_the_window_is_verified_by_its_id() {
    let shop = Shop::new();
    let right = shop.van.pay_in_window("W1", 51_000);
    let wrong = shop.van.pay_in_window("W2", 100);
    let failed = shop.van.pay_in_window("Xdec-0001", 51_000);
    let none = "imp_999999999999";
    write(&shop, &[paid("W1", &right), paid("W2", &wrong), paid("Xdec-0001", &failed), paid("W4", none)]);
    let ran = shop.kicc(PAY).ends(32);
    assert_eq!(ran.line("W1")["outcome"], "approved");
    assert_eq!(ran.line("W2")["outcome"], "reversed");
    for (number, why) in [("Xdec-0001", "it is not paid"), ("W4", "no such payment")] {
        let line = ran.line(number);
        assert!(line["error"].as_str().unwrap().contains(why), "{line}");
        shop.kicc(&format!("status {number} --config kicc.toml --journal j")).ends(2);
    }
    let ledger = shop.van.ledger();
    assert_eq!((ledger.standing("W1"), ledger.standing("W2")), (true, false));
    assert_eq!((shop.van.counts().approvals, ledger.violations.len()), (0, 0), "{:?}", ledger.violations);
    // R3: a payment is spent on one number only, and a number on one payment.
    write(&shop, &[paid("W9", &right)]);
    let another = shop.kicc(PAY).ends(32);
    assert!(another.line("W9")["error"].as_str().unwrap().contains("another order"), "{}", another.out);
    shop.kicc("refund --number W1 --config kicc.toml --journal j").ends(0);
    assert!(!shop.van.ledger().standing("W1"));
}

/// A look-up that brings nothing says nothing of the payment, and leaves no record.
#[test]
fn a_payment_that_cannot_be_looked_up_may_be_verified_again() {
    let shop = Shop::new();
    let imp_uid = shop.van.pay_in_window("W1", 51_000);
    write(&shop, &[paid("W1", &imp_uid)]);
    let unreachable = format!("http://{}", shop.van.refusing_addr());
    shop.change_config(|config| {
        config.replace(&shop.van.base_url(), &unreachable).replace("[policy]", "[policy]\nsend_by = \"1s\"")
    });
    let ran = shop.kicc(PAY).ends(33);
    let error = ran.line("W1")["error"].to_string();
    assert!(error.contains("could not be looked up") && error.contains("verify it again"), "{error}");
    shop.change_config(|config| config.replace(&unreachable, &shop.van.base_url()));
    assert_eq!(shop.kicc(PAY).ends(0).line("W1")["outcome"], "approved");
}

/// Nothing that is printed can end a script, and nothing is sent.
#[test]
fn the_windows_parameters_are_printed_for_the_page() {
    let shop = Shop::new();
    let register = "register --product iamport --config kicc.toml --orders orders --output json";
    let order = json!({ "number": "W1", "amount": 51_000, "name": "</script><script>alert(1)", "pay_method": "card",
        "return_url": "http://127.0.0.1:9/done?a=1&b=2", "buyer_tel": "010-1234-5678", "buyer_name": "홍길동" });
    write(&shop, std::slice::from_ref(&order));
    let page = shop.kicc(register).ends(0).line("W1");
    assert_eq!(page["init"], "IMP.init(\"imp12345678\");");
    assert_eq!(page["script"], format!("{}/v1/iamport.js", shop.van.base_url()));
    let parameters = page["parameters"].as_str().unwrap();
    assert!(!parameters.contains(['<', '>', '&']), "{parameters}");
    let parameters: Value = serde_json::from_str(parameters).unwrap();
    assert_eq!(parameters["merchant_uid"], "W1");
    assert_eq!(parameters["name"], "</script><script>alert(1)");
    assert_eq!((&parameters["pg"], &parameters["amount"]), (&"kicc".into(), &51_000.into()));
    assert_eq!(shop.van.counts().requests, 0);
    for (field, value, why) in [
        ("pay_method", json!("wechat"), "overseas channel"),
        ("pay_method", json!("phone"), "digital"),
        ("name", json!(""), "name"),
        ("return_url", json!("http://shop.example/"), "return url"),
        ("digital", json!("yes"), "digital: must be true or false"),
    ] {
        let mut bad = order.clone();
        bad[field] = value;
        write(&shop, &[bad]);
        let ran = shop.kicc(register).ends(2);
        assert!(ran.err.contains(why) && ran.out.is_empty(), "{}", ran.err);
    }
    write(&shop, &[order.clone(), order]);
    assert!(shop.kicc(register).ends(2).err.contains("stands in an earlier line"));
}

/// The window of a registered amount opens for no other; to say another one changes it.
#[test]
fn an_amount_is_registered_before_its_page_is_printed() {
    let shop = Shop::new();
    let register = "register --product iamport --config kicc.toml --orders orders --output json --prepare";
    let line = |number: &str, won: u64| {
        json!({ "number": number, "amount": won, "name": "의자", "pay_method": "card", "buyer_tel": "010-1234-5678",
            "return_url": "http://127.0.0.1:9/done" })
    };
    let mut key = line("KEY-1", 0);
    key["customer_uid"] = "gildong-1".into();
    write(&shop, &[line("W1", 51_000), line("W2", 100), key]);
    assert_eq!(shop.kicc(register).ends(0).lines().len(), 3);
    let counts = shop.van.counts();
    assert_eq!((counts.tokens, counts.requests), (1, 3), "a key's issue charges nothing");
    write(&shop, &[line("W1", 52_000)]);
    assert!(shop.kicc(register).ends(0).line("W1")["parameters"].as_str().unwrap().contains("52000"));
    shop.van.serve_tokens(false);
    let ran = shop.kicc(register).ends(31);
    assert!(ran.line("W1")["error"].is_string() && !ran.out.contains("parameters"), "{}", ran.out);
    assert!(shop.kicc(&register.replace("iamport", "easytalk")).ends(2).err.contains("--prepare"));
}

/// R12: the merchant's choice for sales that nobody waits for.
#[test]
fn r12_a_charge_without_answer_is_adopted_where_the_configuration_says_so() {
    let shop = Shop::new();
    shop.change_config(|config| config.replace("sees_sandbox", "on_found_paid = \"adopt\"\nsees_sandbox"));
    write(&shop, &[charge("Xrsta-0001"), charge("Xrstb-0001")]);
    let ran = shop.kicc(PAY).ends(12);
    assert_eq!(ran.line("Xrsta-0001")["outcome"], "approved");
    assert_eq!(ran.line("Xrstb-0001")["outcome"], "reversed");
}

/// What the configuration says of i'mport is what the sandbox plays: store, keys, sub-merchant, channel.
#[test]
fn the_sandbox_speaks_as_the_configuration_has_it() {
    let shop = Shop::new();
    shop.change_config(|config| {
        let config =
            config.replace("channel = \"test\"\nsees_sandbox = true", "channel = \"live\"\ntier = \"A1b\"");
        config.replace("imp12345678", "imp87654321")
    });
    let mut sandbox = spawn(shop.command("sandbox --listen 127.0.0.1:0 --config kicc.toml"));
    let url = listening(&mut sandbox);
    shop.change_config(|config| config.replace(&shop.van.base_url(), &url));
    write(&shop, &[charge("I1"), charge("Xhanga-0001"), charge("Xhangb-0001")]);
    let ran = shop.kicc(PAY).ends(12);
    assert_eq!(ran.line("I1")["outcome"], "approved");
    for number in ["Xhanga-0001", "Xhangb-0001"] {
        assert_eq!(ran.line(number)["outcome"], "reversed", "{}", ran.out);
    }
    signal(&sandbox, "TERM");
    let ended = Ran::new(sandbox.wait_with_output().unwrap()).ends(0);
    assert!(ended.err.contains("violations of the protocol: 0"), "{}", ended.err);
    let help = shop.kicc("sandbox --help").ends(0).out;
    assert!(help.contains("\ni'mport\n") && help.contains("Xtwop-"), "{help}");
}

/// A wrong secret is told as what it is, and nothing is sent with it.
#[test]
fn wrong_keys_get_no_token_and_charge_nothing() {
    let shop = Shop::new();
    write(&shop, &[charge("I1")]);
    let mut command = shop.command(PAY);
    let ran = Ran::new(command.env("KICC_IMP_SECRET", "wrong").output().unwrap()).ends(11);
    assert_eq!(ran.line("I1")["outcome"], "never_sent");
    assert!(ran.line("I1")["why"].to_string().contains("token"), "{}", ran.out);
    assert_eq!(shop.van.counts().approvals, 0);
    let mut command = shop.command(PAY);
    let ran = Ran::new(command.env_remove("KICC_IMP_KEY").output().unwrap()).ends(2);
    assert!(ran.err.contains("KICC_IMP_KEY is not set"), "{}", ran.err);
}
