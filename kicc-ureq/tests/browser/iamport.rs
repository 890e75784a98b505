//! i'mport: the shop's page opens the window with the parameters that `kicc register` prints, and `kicc pay` verifies
//! what the browser says of it.

use std::{fs, process::Command};

use kicc_proto::iamport::result::WindowResult;
use kicc_testkit::van::{Ledger, Van, VanConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    chromium::{Browser, PHONE},
    return_url::ReturnUrl,
};

const NUMBER: &str = "ORDER-1";
const WON: u64 = 51_000;
/// Would end the script that it stands in, and run another.
const NAME: &str = "의자</script><script>document.title=1//";

struct Shop {
    van: Van,
    site: ReturnUrl,
    folder: TempDir,
}

/// What a command came to.
struct Ran {
    code: Option<i32>,
    line: Value,
}

impl Shop {
    fn new() -> Self {
        // Billing keys are believed that its windows issued, and no others.
        let van = Van::start(VanConfig { magic: false, ..VanConfig::default() }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"environment = "test"
base_url = "{}"
[iamport]
store = "imp12345678"
channel = "test"
sees_sandbox = true
quiet_period = "1s"
answer_timeout = "20s"
[secrets]
imp_key = {{ env = "KICC_IMP_KEY" }}
imp_secret = {{ env = "KICC_IMP_SECRET" }}
[policy]
backoff = {{ first = "20ms", cap = "200ms" }}
"#,
            van.base_url()
        );
        fs::write(folder.path().join("kicc.toml"), config).unwrap();
        Shop { van, site: ReturnUrl::listen(), folder }
    }

    /// `kicc` with one line in, and its one line out.
    fn kicc(&self, words: &str, line: &Value) -> Ran {
        fs::write(self.folder.path().join("orders"), line.to_string()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_kicc"))
            .args(words.split(' '))
            .args(["--config", "kicc.toml", "--orders", "orders", "--output", "json"])
            .current_dir(self.folder.path())
            .envs([("KICC_IMP_KEY", "sandbox-imp-key"), ("KICC_IMP_SECRET", "sandbox-imp-secret")])
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        let line = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        Ran { code: output.status.code(), line }
    }

    /// Puts the page of an order on the shop's site.
    fn sells(&self, more: Value) {
        let mut order = json!({ "number": NUMBER, "amount": WON, "name": NAME, "pay_method": "card",
            "return_url": self.site.address, "buyer_tel": "010-1234-5678" });
        order.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let Ran { code, line } = self.kicc("register", &order);
        assert_eq!(code, Some(0), "{line}");
        let [script, init, parameters] =
            ["script", "init", "parameters"].map(|field| line[field].as_str().unwrap());
        self.site.show(format!(
            r#"<!DOCTYPE html><meta charset="utf-8"><title>Shop</title><script src="{script}"></script>
<script>
{init}
var parameters = {parameters};
function done(result) {{
    fetch("/return?shop=1", {{ method: "POST", headers: {{ "content-type": "application/json" }}, body: JSON.stringify(result) }});
}}
</script>
<button id="buy" onclick="IMP.request_pay(parameters, done)">Buy</button>"#
        ));
    }

    /// Opens the window and presses a button in it; what the page's callback is told.
    fn press(&self, browser: &Browser, button: &str) -> WindowResult {
        browser.click("#buy");
        browser.enter("#imp-iframe");
        browser.click(button);
        browser.leave();
        WindowResult::from_callback(self.site.next().post()).unwrap()
    }

    /// The number and the amount are those of the shop's books; the payment is whichever the browser says.
    fn verify(&self, result: &WindowResult) -> Ran {
        let imp_uid = result.imp_uid.as_ref().expect("an id").as_str();
        assert_eq!(result.merchant_uid.as_ref().unwrap().as_str(), NUMBER);
        self.kicc("pay --journal journal", &json!({ "number": NUMBER, "amount": WON, "imp_uid": imp_uid }))
    }

    fn ledger(&self) -> Ledger {
        let ledger = self.van.ledger();
        assert_eq!(ledger.violations, Vec::<String>::new());
        ledger
    }
}

impl Ran {
    #[track_caller]
    fn is(&self, code: i32, outcome: &str) {
        assert_eq!((self.code, &self.line["outcome"]), (Some(code), &outcome.into()), "{}", self.line);
    }
}

fn bought(shop: &Shop, result: &WindowResult) {
    assert!(result.failure.is_none(), "{result:?}");
    shop.verify(result).is(0, "approved");
    let ledger = shop.ledger();
    let charges = &ledger.entry(NUMBER).unwrap().charges;
    assert_eq!((charges.len(), charges[0].amount, ledger.standing(NUMBER)), (1, WON, true));
    assert_eq!(shop.verify(result).line["repeat"], true);
}

pub fn callback() {
    let (shop, browser) = (Shop::new(), Browser::start(PHONE));
    shop.sells(json!({}));
    browser.open(&shop.site.page_address);
    assert_eq!(browser.execute("return [document.title, parameters.name]"), json!(["Shop", NAME]));
    let result = shop.press(&browser, "#pay");
    bought(&shop, &result);
}

pub fn redirect() {
    let (shop, browser) = (Shop::new(), Browser::phone());
    shop.sells(json!({}));
    browser.open(&shop.site.page_address);
    browser.click("#buy");
    browser.click("#pay");
    let query = shop.site.next().query;
    assert!(query.starts_with("shop=1&"), "{query}");
    bought(&shop, &WindowResult::from_query(&query).unwrap());
}

/// The customer has the page pay less, and more.
pub fn changed() {
    let browser = Browser::start(PHONE);
    for amount in [100, WON + 1] {
        let shop = Shop::new();
        shop.sells(json!({}));
        browser.open(&shop.site.page_address);
        browser.execute(&format!("parameters.amount = {amount}"));
        let result = shop.press(&browser, "#pay");
        shop.verify(&result).is(12, "reversed");
        let ledger = shop.ledger();
        let entry = ledger.entry(NUMBER).unwrap();
        assert_eq!((entry.charges[0].amount, entry.cancels, ledger.standing(NUMBER)), (amount, 1, false));
    }
}

pub fn not_paid() {
    let browser = Browser::start(PHONE);
    for button in ["#cancel", "#fail", "#close"] {
        let shop = Shop::new();
        shop.sells(json!({}));
        browser.open(&shop.site.page_address);
        let result = shop.press(&browser, button);
        assert!(result.failure.is_some(), "{button}: {result:?}");
        let Ran { code, line } = shop.verify(&result);
        assert_eq!(code, Some(32), "{line}");
        assert!(line["error"].as_str().unwrap().contains("nothing was recorded"), "{line}");
        // The same order, now in another window.
        browser.open(&shop.site.page_address);
        bought(&shop, &shop.press(&browser, "#pay"));
    }
}

pub fn key() {
    let (shop, browser) = (Shop::new(), Browser::start(PHONE));
    let customer = "customer-1";
    shop.sells(json!({ "customer_uid": customer }));
    browser.open(&shop.site.page_address);
    let charge = json!({ "number": "ORDER-2", "amount": WON, "customer_uid": customer, "name": "이용료" });
    let charges = |number: &str| {
        let mut charge = charge.clone();
        charge["number"] = number.into();
        shop.kicc("pay --journal journal", &charge)
    };
    charges("ORDER-2").is(10, "declined");
    let result = shop.press(&browser, "#pay");
    let Ran { code, line } = shop.verify(&result);
    assert_eq!(code, Some(32), "{line}");
    assert!(line["error"].as_str().unwrap().contains("billing key"), "{line}");
    charges("ORDER-3").is(0, "approved");
    let ledger = shop.ledger();
    assert_eq!(
        (ledger.standing(NUMBER), ledger.standing("ORDER-2"), ledger.standing("ORDER-3")),
        (false, false, true)
    );
}
