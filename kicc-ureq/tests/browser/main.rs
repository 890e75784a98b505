//! From an order to a settled payment in a real browser: register, open the window in headless Chromium, press a
//! button, take the post at a local `returnUrl`, approve. i'mport's window is opened by the shop's own page, and what it
//! says is verified by the command.
//!
//! It needs `chromium` and `chromedriver`. Where they are not there the tests are reported as ignored; with
//! `KICC_NO_SKIP=1` they fail.

mod chromium;
mod iamport;
mod return_url;
mod sale;
mod shop;

use std::process::{Command, ExitCode, Stdio};

use kicc_proto::{
    simple::auth::read_user_window,
    wire::post::{PostError, Posted},
};
use kicc_testkit::van::{Charset, State};
use libtest_mimic::Trial;

use crate::{
    chromium::{Browser, PHONE},
    sale::{EasyTalk, Sale, Simple, register_user},
    shop::Shop,
};

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let missing = ["chromium", "chromedriver"].into_iter().find(|program| !is_there(program));
    let must_run = std::env::var_os("KICC_NO_SKIP").is_some_and(|value| value == "1");
    let trial = |name: &str, run: fn()| match missing {
        Some(program) if must_run => Trial::test(name, move || Err(format!("there is no {program}").into())),
        _ => Trial::test(name, move || {
            run();
            Ok(())
        })
        .with_ignored_flag(missing.is_some()),
    };
    if let Some(program) = missing {
        eprintln!("the browser's tests are skipped: there is no {program}");
    }
    let trials = vec![
        trial("easytalk::a_paid_window_becomes_an_approval", paid::<EasyTalk>),
        trial("simple::a_paid_window_becomes_an_approval", paid::<Simple>),
        trial("easytalk::a_window_that_was_not_paid_charges_nobody", not_paid::<EasyTalk>),
        trial("simple::a_window_that_was_not_paid_charges_nobody", not_paid::<Simple>),
        trial("easytalk::a_forged_post_is_refused", forged::<EasyTalk>),
        trial("simple::a_forged_post_is_refused", forged::<Simple>),
        trial("easytalk::the_window_fits_a_phone_in_both_languages", phone::<EasyTalk>),
        trial("simple::the_window_fits_a_phone_in_both_languages", phone::<Simple>),
        trial("simple::a_customer_is_registered", user),
        trial("iamport::a_payment_told_by_the_callback_is_verified", iamport::callback),
        trial("iamport::a_payment_told_by_a_phones_redirect_is_verified", iamport::redirect),
        trial("iamport::r8_a_page_that_changed_the_amount_is_cancelled", iamport::changed),
        trial("iamport::a_window_that_was_not_paid_leaves_no_record", iamport::not_paid),
        trial("iamport::a_billing_key_is_issued_and_charged", iamport::key),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

const CHARSETS: [Charset; 2] = [Charset::EucKr, Charset::Utf8];

/// What the buttons other than `pay` post.
const NOT_PAID: [(&str, &str, &str); 3] =
    [("cancel", "W001", "사용자 취소"), ("fail", "8311", "비밀번호 오류"), ("close", "W002", "결제창 닫힘")];

fn paid<S: Sale>() {
    let browser = Browser::start(PHONE);
    for charset in CHARSETS {
        let shop = Shop::new(charset);
        let (sale, page) = S::register(&shop);
        browser.open(page.as_str());
        browser.click("#pay");
        let Posted::Authenticated(authorisation) = sale.read(shop.arrived().post()).unwrap() else {
            panic!("a paid window's post is a success");
        };
        let order = sale.order("ORD-1", authorisation);
        assert_eq!(shop.approve(&order).name(), "approved");
        let ledger = shop.van.ledger();
        let entry = ledger.entry("ORD-1").unwrap();
        assert_eq!((entry.state, entry.approvals, entry.charges.len()), (State::Approved, 1, 1));
        assert_eq!(entry.charges[0].amount, S::WON.0);
        assert_eq!((ledger.entries.len(), &ledger.violations), (1, &Vec::new()));
    }
}

fn not_paid<S: Sale>() {
    let browser = Browser::start(PHONE);
    for charset in CHARSETS {
        let shop = Shop::new(charset);
        let (sale, page) = S::register(&shop);
        for (button, code, message) in NOT_PAID {
            browser.open(page.as_str());
            browser.click(&format!("#{button}"));
            let Posted::Failed(said) = sale.read(shop.arrived().post()).unwrap() else {
                panic!("{button} is no success");
            };
            assert_eq!((&*said.code, &*said.message), (code, message), "{button}");
        }
        shop.assert_nothing_approved();
    }
}

/// The customer changes what the window is about to post.
fn forged<S: Sale>() {
    let shop = Shop::new(Charset::EucKr);
    let browser = Browser::start(PHONE);
    let (sale, page) = S::register(&shop);
    let (id, authorisation) = (S::ID, S::AUTHORISATION);
    for (button, change, expected) in [
        ("pay", format!("fields.{id}.value = 'ANOTHER'"), PostError::Foreign(id)),
        ("pay", format!("fields.{id}.remove()"), PostError::Missing(id)),
        ("pay", format!("form.append(fields.{id}.cloneNode())"), PostError::Twice(id)),
        ("cancel", "fields.resCd.value = '0000'".to_owned(), PostError::Missing(authorisation)),
    ] {
        browser.open(page.as_str());
        browser.execute(&format!(
            "const form = document.querySelector('#{button}').form, fields = form.elements; {change}"
        ));
        browser.click(&format!("#{button}"));
        assert_eq!(sale.read(shop.arrived().post()).err(), Some(expected), "{change}");
    }
    shop.assert_nothing_approved();
}

fn phone<S: Sale>() {
    let shop = Shop::new(Charset::EucKr);
    let (_, page) = S::register(&shop);
    for width in [320, PHONE] {
        let browser = Browser::start(width);
        browser.open(page.as_str());
        // The browser wishes Korean.
        for (language, pay, other) in [("ko", S::PAY[0], Some("a[lang=en]")), ("en", S::PAY[1], None)] {
            let shown = "return [document.documentElement.lang, pay.textContent]";
            assert_eq!(browser.execute(shown), serde_json::json!([language, pay]));
            let widest = browser.execute("return document.documentElement.scrollWidth");
            assert_eq!(widest, width, "{language} must not scroll sideways");
            let small = "return [...document.querySelectorAll('button, a')] \
                .filter(target => target.getBoundingClientRect().height < 44).map(target => target.textContent)";
            assert_eq!(
                browser.execute(small),
                serde_json::json!([]),
                "{language} at {width}: 44 px to touch"
            );
            if let Some(link) = other {
                browser.click(link);
            }
        }
    }
}

/// Spec A.3.4, whose text is URL-encoded twice.
fn user() {
    let browser = Browser::start(PHONE);
    for charset in CHARSETS {
        let shop = Shop::new(charset);
        let (number, window) = register_user(&shop);
        let press = |button: &str| {
            browser.open(window.page.as_str());
            browser.click(button);
            read_user_window(shop.arrived().post(), &number, &window.register_id).unwrap()
        };
        let Posted::Failed(said) = press("#fail") else { panic!("a failure is no success") };
        assert_eq!((&*said.code, &*said.message), ("8311", "비밀번호 오류"));
        let Posted::Authenticated(certified) = press("#pay") else { panic!("a success is one") };
        assert_eq!((&*certified.request_id, &certified.register_id), (number.as_str(), &window.register_id));
        shop.assert_nothing_approved();
    }
}
