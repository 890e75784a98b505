//! Products side by side in one configuration and one journal.

use std::fs;

use serde_json::{Value, json};

use crate::shop::{Ran, Shop, listening, signal, spawn};

const PAY: &str = "pay --product easytalk --config kicc.toml --journal j --orders orders --output json";

fn sale(number: &str) -> Value {
    json!({ "number": number, "amount": 51_000, "cert_control_no": format!("W51000-{number}") })
}

fn write(shop: &Shop, lines: &[Value]) {
    fs::write(shop.path("orders"), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

/// R11: a lost answer is asked for and cancelled; R8: the amount is stated, and matches.
#[test]
fn r11_an_order_of_easytalkpay_is_paid_rescued_and_refunded() {
    let shop = Shop::new();
    write(&shop, &[sale("E1"), sale("Xhanga-0001"), sale("Xdec-0001")]);
    let first = shop.kicc(PAY).ends(12);
    assert_eq!(first.line("E1")["approval"]["amount_stated"], "matched");
    assert_eq!(first.line("E1")["approval"]["payment_method"], "11");
    assert_eq!(first.line("Xhanga-0001")["outcome"], "reversed");
    assert_eq!(first.line("Xdec-0001")["code"], "8521");
    assert_eq!(shop.kicc(PAY).ends(12).line("E1")["repeat"], true);
    let refund = shop.kicc("refund --number E1 --config kicc.toml --journal j --output json").ends(0);
    assert_eq!(refund.line("E1")["outcome"], "refunded");
    let ledger = shop.van.ledger();
    assert_eq!((ledger.standing("E1"), ledger.violations.len()), (false, 0), "{:?}", ledger.violations);
    let show = shop.kicc("journal show Xhanga-0001 --journal j").ends(0).out;
    assert!(show.contains("the customer is NOT charged"), "{show}");
}

/// R3: a number is one of each product. What would move the money of one of them wants to know which.
#[test]
fn r3_a_number_of_both_products_is_two_attempts() {
    let shop = Shop::new();
    shop.orders(&["A1"]);
    shop.pay("").ends(0);
    write(&shop, &[sale("A1")]);
    let easytalk = shop.kicc(PAY).ends(0).line("A1");
    assert_eq!((&easytalk["repeat"], &easytalk["product"]), (&false.into(), &"easytalk".into()));
    let refund = "refund --number A1 --config kicc.toml --journal j --output json";
    let which = shop.kicc(refund).ends(2);
    assert!(which.err.contains("known at several terminals"), "{}", which.err);
    shop.kicc(&format!("{refund} --product easytalk")).ends(0);
    let status = |product: &str| {
        let words = format!("status A1 --config kicc.toml --journal j --output json --product {product}");
        shop.kicc(&words).ends(0).lines().len()
    };
    assert_eq!((status("simple"), status("easytalk")), (1, 2));
    shop.kicc("recover --config kicc.toml --journal j").ends(0);
}

/// R11: no status query by configuration is said, and ends with a person.
#[test]
fn r11_without_a_status_query_the_command_warns() {
    let shop = Shop::new();
    shop.change_config(|config| config.split("[easytalk]").next().unwrap().to_owned());
    write(&shop, &[sale("E1"), sale("Xhtml-0001")]);
    let ran = shop.kicc(PAY).ends(13);
    assert_eq!(ran.err.matches("without status query").count(), 1, "{}", ran.err);
    assert_eq!(ran.line("Xhtml-0001")["outcome"], "needs_operator");
    assert_eq!(ran.line("Xhtml-0001")["safe_to_retry"], false);
    let show = shop.kicc("journal show Xhtml-0001 --journal j").ends(0).out;
    assert!(show.contains("once [easytalk] status_path is set"), "{show}");
    shop.orders(&["A1"]);
    assert!(!shop.pay("").ends(0).err.contains("status query"));
}

/// EasyTalkPay signs nothing, so its orders need no secret.
#[test]
fn easytalkpay_alone_needs_no_secret() {
    let shop = Shop::new();
    write(&shop, &[sale("E1")]);
    let mut command = shop.command(PAY);
    Ran::new(command.env_remove("KICC_SECRET_KEY").output().unwrap()).ends(0);
}

#[test]
fn a_window_is_registered_for_either_product() {
    let shop = Shop::new();
    let register = "register --config kicc.toml --orders orders --output json";
    let easytalk = json!({ "number": "E1-R", "order_number": "E1", "amount": 51_000, "tax": 4_636, "product_name": "5월 수강료",
        "merchant_name": "엘리트 수학", "return_url": "http://127.0.0.1:9/done" });
    let simple = json!({ "number": "A1-R", "order_number": "A1", "customer_key": "KEY-THAT-NOBODY-SEES",
        "virtual_number": "V1", "payment_method": "11", "card_code": "026", "return_url": "http://127.0.0.1:9/done" });
    for (product, line) in [("easytalk", &easytalk), ("simple", &simple)] {
        write(&shop, std::slice::from_ref(line));
        let ran = shop.kicc(&format!("{register} --product {product}")).ends(0);
        assert!(!ran.out.contains("NOBODY-SEES") && !ran.err.contains("NOBODY-SEES"));
        let window = &ran.lines()[0];
        assert_eq!((&window["number"], &window["order_number"]), (&line["number"], &line["order_number"]));
        assert!(window["window"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{window}");
    }
    // The order number is registered already (spec B.2).
    write(&shop, std::slice::from_ref(&easytalk));
    let refused = shop.kicc(&format!("{register} --product easytalk")).ends(30);
    assert!(refused.line("E1-R")["error"].as_str().unwrap().contains("moved no money"), "{}", refused.out);
    let mut bad = easytalk;
    bad["product_name"] = "똠".into();
    bad["number"] = "E2-R".into();
    write(&shop, &[bad]);
    let bad = shop.kicc(&format!("{register} --product easytalk")).ends(2);
    assert!(bad.err.contains("\"E2-R\": product name"), "{}", bad.err);
}

/// What the configuration says of EasyTalkPay is what the sandbox plays.
#[test]
fn the_sandbox_speaks_as_the_configuration_has_it() {
    let shop = Shop::new();
    shop.change_config(|config| {
        let config = config.replace("tradeStatus.do", "ask.do").replace("transactionDate", "askDate");
        config
            .replace("[\"7010\"]", "[\"6010\"]")
            .replace("[\"7011\"]", "[\"6011\"]\nrequest_authorization = \"basic\"")
    });
    let mut sandbox = spawn(shop.command("sandbox --listen 127.0.0.1:0 --config kicc.toml"));
    let url = listening(&mut sandbox);
    shop.change_config(|config| config.replace(&shop.van.base_url(), &url));
    // Each kind of word: a rescue that asks and cancels, one that finds nothing, a repeated number.
    write(&shop, &[sale("E1"), sale("Xhanga-0001"), sale("Xhangb-0001"), sale("Xagain-0001")]);
    let ran = shop.kicc(PAY).ends(12);
    for number in ["Xhanga-0001", "Xhangb-0001", "Xagain-0001"] {
        assert_eq!(ran.line(number)["outcome"], "reversed", "{}", ran.out);
    }
    shop.orders(&["A1"]);
    assert_eq!(shop.pay("").line("A1")["outcome"], "approved");
    signal(&sandbox, "TERM");
    let ended = Ran::new(sandbox.wait_with_output().unwrap()).ends(0);
    assert!(ended.err.contains("violations of the protocol: 0"), "{}", ended.err);
}
