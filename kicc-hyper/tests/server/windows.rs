//! The example server as its customers meet it: through the payment window and back, by plain HTTP.

use std::{
    thread,
    time::{Duration, Instant},
};

use kicc_hyper::client::{Backlog, Clock, Counts};
use kicc_proto::time::UnixMillis;
use kicc_testkit::van::{Charset, State, VanConfig};
use libtest_mimic::Trial;

use crate::{
    checkout::health,
    http::{self, Answer},
    shop::{HURRY, Server, Shop},
    trials::trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("windows::a_customer_pays_once_however_often_the_window_is_posted", pays),
        trial("windows::a_customer_cancels_and_pays_after_all", cancels),
        trial("windows::a_refused_card_is_told_to_the_customer", declined),
        trial("windows::r13_a_lost_answer_is_reversed_and_the_page_says_not_to_pay_again", loses),
        trial("windows::a_payment_for_a_person_an_old_one_and_what_grows_are_alerts", complains),
        trial("windows::a_post_that_is_not_the_windows_is_not_believed", forged),
        trial("windows::r17_a_customer_who_leaves_while_paying_has_paid", leaves),
        trial("windows::r17_what_is_open_at_the_end_is_left_to_the_next_process", ends),
    ]
}

/// The VAN believes only what its windows gave. Every order of the shop meets the fault. Where that is no lost answer,
/// there is more time than a busy machine needs.
fn shop(fault: &str) -> Shop {
    let faults = vec![format!("amount=47000 fault={fault}").parse().unwrap()];
    let hurry = if fault.starts_with("hang") { HURRY } else { 3 };
    let van = VanConfig { faults, magic: false, window_charset: Charset::Utf8, ..VanConfig::default() };
    Shop::open(van, hurry)
}

/// A form of a window.
#[derive(Clone)]
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    /// The one with that button.
    fn of(page: &str, button: &str) -> Self {
        let text = |html: &str| html.replace("&quot;", "\"").replace("&amp;", "&");
        let between = |html: &str, begin: &str| {
            let at = html.find(begin)? + begin.len();
            let end = html[at..].find('"')?;
            Some(text(&html[at..at + end]))
        };
        let forms = page.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
        let form = forms.into_iter().find(|form| form.contains(&format!("id=\"{button}\""))).unwrap();
        let fields = form.split("<input ").skip(1);
        let fields =
            fields.map(|input| (between(input, "name=\"").unwrap(), between(input, "value=\"").unwrap()));
        Form { action: between(form, "action=\"").unwrap(), fields: fields.collect() }
    }

    /// The shop's order number, from the address that it posts to.
    fn order(&self) -> &str {
        self.action.split("order=").nth(1).unwrap().split('&').next().unwrap()
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.iter_mut().find(|(own, _)| own == name).unwrap().1 = value.into();
        self
    }

    fn post(&self) -> Answer {
        http::post_form(&self.action, &self.fields).unwrap()
    }
}

/// Orders, and gives the window.
#[track_caller]
fn window(server: &Server) -> String {
    let ordered = http::post_form(&format!("{}/orders?lang=en", server.url), &[]).unwrap();
    assert_eq!(ordered.status, 303, "{ordered:?}");
    let window = http::get(&ordered.location).unwrap();
    assert_eq!(window.status, 200);
    window.body
}

/// Presses a button of a window, and follows to the page that the customer sees at last.
#[track_caller]
fn press(server: &Server, form: &Form) -> (String, Answer) {
    let returned = form.post();
    assert_eq!(returned.status, 303, "{returned:?}");
    let page = server.get(&returned.location);
    assert_eq!(page.status, 200);
    (returned.location, page)
}

#[track_caller]
fn shows(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(page.body.contains(text), "no {text:?} in {}", page.body);
    }
}

fn pays() {
    let shop = shop("ok");
    let server = shop.serve();
    shows(&server.get("/"), &["lang=\"ko\"", "width=device-width", "구매하기", "47,000원"]);
    let english = http::get_with(&server.url, "accept-language: en-GB,en;q=0.9").unwrap();
    shows(&english, &["lang=\"en\"", "Buy", "47,000 won"]);

    let form = Form::of(&window(&server), "pay");
    let (location, page) = press(&server, &form);
    let ledger = shop.van.ledger();
    let approval_number = &ledger.entries[0].charges[0].approval_number;
    shows(&page, &["<title>Paid</title>", approval_number]);
    let (path, _) = location.split_once('?').unwrap();
    shows(&server.get(path), &["결제가 완료되었습니다"]);
    // A reload posts the form again.
    assert_eq!(press(&server, &form).1.body, page.body);
    let ledger = shop.van.ledger();
    assert_eq!((ledger.entries.len(), ledger.entries[0].approvals), (1, 1));
    assert_eq!((ledger.entries[0].state, ledger.violations.len()), (State::Approved, 0));

    let health: serde_json::Value = serde_json::from_str(&server.get("/health/payments").body).unwrap();
    let expected = serde_json::json!([true, 0, 0, 1]);
    assert_eq!(
        serde_json::json!([health["healthy"], health["unknown"], health["in_hand"], health["approved"]]),
        expected
    );
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("# TYPE kicc_approved_total counter\nkicc_approved_total 1\n"), "{metrics}");
    assert!(metrics.contains("\nkicc_open 0\n"), "{metrics}");
    assert_eq!(server.terminate(), 0);
}

fn cancels() {
    let shop = shop("ok");
    let server = shop.serve();
    let page = window(&server);
    for button in ["cancel", "fail", "close"] {
        let (_, seen) = press(&server, &Form::of(&page, button));
        shows(&seen, &["<title>Not paid</title>", "You were not charged"]);
    }
    assert_eq!(shop.van.counts().approvals, 0);
    shows(&press(&server, &Form::of(&page, "pay")).1, &["<title>Paid</title>"]);
    // What a customer posts afterwards changes nothing.
    shows(&press(&server, &Form::of(&page, "cancel")).1, &["<title>Paid</title>"]);
}

fn declined() {
    let shop = shop("decline");
    let server = shop.serve();
    let (_, page) = press(&server, &Form::of(&window(&server), "pay"));
    shows(&page, &["<title>Payment not made</title>", "You were not charged, and may try again"]);
    assert_eq!(shop.van.ledger().entries[0].state, State::Declined);
}

fn loses() {
    let shop = shop("hang_after+rescue_hang");
    let server = shop.serve_with(&["--patience", "0.2", "--unhealthy-after", "0.1"]);
    let (location, page) = press(&server, &Form::of(&window(&server), "pay"));
    shows(&page, &["<title>Payment being reversed</title>", "Do not pay again", "http-equiv=\"refresh\""]);
    let health = server.get("/health/payments");
    assert!(health.status == 503 && health.body.contains("open payments: 1, the oldest"), "{health:?}");
    assert_eq!(server.get("/health/live").status, 200, "one old payment takes a replica out");
    let until = Instant::now() + Duration::from_secs(30);
    let page = loop {
        let page = server.get(&location);
        if !page.body.contains("refresh") {
            break page;
        }
        assert!(Instant::now() < until, "{page:?}");
        thread::sleep(Duration::from_millis(50));
    };
    shows(&page, &["<title>Payment reversed</title>", "You are not charged, and may try again"]);
    let ledger = shop.van.ledger();
    assert_eq!((ledger.entries[0].state, ledger.entries[0].approvals), (State::Voided, 1));
    assert_eq!(ledger.violations.len(), 0);
    shop.wait_until_settled();
    assert_eq!(server.get("/health/payments").status, 200);
}

fn complains() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let mut backlog = Backlog::default();
    assert!(health::of_backlog(backlog, minutes(15)).is_empty());
    backlog.parked = 1;
    assert_eq!(health::of_backlog(backlog, minutes(15)), ["payments that wait for a person: 1"]);
    (backlog.parked, backlog.open) = (0, 1);
    backlog.oldest = Some(UnixMillis(Clock::new().now().wall.0 - 16 * 60 * 1000));
    assert_eq!(health::of_backlog(backlog, minutes(15)).len(), 1);
    assert!(health::of_backlog(backlog, minutes(20)).is_empty());

    let seen = |answered, failed, turned_away| {
        let mut counts = Counts::default();
        (counts.rescues_answered, counts.rescues_failed) = (answered, failed);
        (counts, turned_away)
    };
    // An outage after a week, and one that is over.
    let silent = ["the gateway does not answer"];
    assert_eq!(health::growth(seen(5_000, 20, 0), seen(5_000, 24, 0)), silent);
    assert!(health::growth(seen(0, 900, 7), seen(0, 900, 7)).is_empty());
    assert!(health::growth(seen(0, 900, 7), seen(3, 901, 7)).is_empty());
    assert_eq!(health::growth(seen(0, 0, 7), seen(1, 0, 8)).len(), 1);
}

fn forged() {
    let shop = shop("ok");
    let server = shop.serve();
    let (own, foreign) = (Form::of(&window(&server), "pay"), Form::of(&window(&server), "pay"));
    let foreign_number = &foreign.fields.iter().find(|(name, _)| name == "shopOrderNo").unwrap().1;
    for (form, status) in [
        (own.clone().with("shopOrderNo", foreign_number), 400),
        (own.clone().with("certControlNo", "한글"), 400),
        (own.clone().with("resCd", ""), 400),
        (Form { fields: [own.fields.clone(), own.fields.clone()].concat(), ..own.clone() }, 400),
        (Form { action: format!("{}/return?order=0123456789abcdef", server.url), ..own.clone() }, 404),
        (Form { action: format!("{}/return", server.url), ..own.clone() }, 400),
    ] {
        assert_eq!(form.post().status, status);
    }
    assert_eq!(server.get("/orders/0123456789abcdef").status, 404);
    assert_eq!(shop.van.counts().approvals, 0);
    // Whoever makes an authorisation up is refused by the gateway.
    shows(&press(&server, &foreign.with("certControlNo", "W1-A")).1, &["<title>Payment not made</title>"]);
    assert!(shop.van.ledger().entries.iter().all(|entry| entry.charges.is_empty()));
}

fn leaves() {
    let shop = shop("drip");
    let server = shop.serve();
    let form = Form::of(&window(&server), "pay");
    leave_while_paying(&shop, &form);
    let until = Instant::now() + Duration::from_secs(30);
    let order = form.order();
    while !server.get(&format!("/orders/{order}")).body.contains("결제가 완료되었습니다") {
        assert!(Instant::now() < until, "{}", shop.log());
        thread::sleep(Duration::from_millis(20));
    }
    assert!(shop.van.ledger().standing(&format!("P{order}")));
}

fn ends() {
    let shop = shop("hang_after+rescue_hang");
    let server = shop.serve_with(&["--patience", "60", "--grace", "0.3"]);
    let form = Form::of(&window(&server), "pay");
    leave_while_paying(&shop, &form);
    assert_eq!(server.terminate(), 1, "{}", shop.log());
    let next = shop.serve();
    shop.wait_until_settled();
    shows(&next.get(&format!("/orders/{}?lang=en", form.order())), &["<title>Payment reversed</title>"]);
    assert_eq!(shop.van.ledger().entries[0].approvals, 1);
    let log = shop.log();
    for said in ["recovery takes a record over", "recovery has ended a record"] {
        assert!(log.contains(said), "no {said:?} in {log}");
    }
}

/// The customer presses the button, and closes the browser once the gateway has the approval.
fn leave_while_paying(shop: &Shop, form: &Form) {
    let connection = http::post_form_and_leave(&form.action, &form.fields).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while shop.van.counts().approvals == 0 {
        assert!(Instant::now() < until, "{}", shop.log());
        thread::sleep(Duration::from_millis(1));
    }
    drop(connection);
}
