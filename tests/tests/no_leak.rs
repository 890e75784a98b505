//! R23: whatever can hold a secret is shown, in every way that it can be, and no secret is in it. What the command
//! prints is looked at wherever its tests run it.

use std::{
    fmt::{Debug, Display, Write as _},
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64ct::{Base64, Encoding as _};
use kicc_proto::{
    client::Found,
    easytalk,
    flow::{Policy, Step, table::Verb},
    iamport::{self, AccessToken, ApiKeys, CustomerUid, GetToken, ImpUid},
    journal::record::Record,
    product::{Merchant, Product},
    simple::{self, auth},
    time::Millis,
    values::{
        Amount, AuthorizationId, BusinessNumber, CertControlNumber, ChannelId, OrderNumber, Parts, ReturnUrl,
        Secret, ServiceId, TokenKey, TransactionNumber, UserData, Won,
    },
    wire::{
        Reply, RequestBuffer,
        call::{Call as _, RequestAuthorization},
        post::{Post, Posted},
        sign::HmacSha256,
        token_key::{Aes256Cbc, EncryptTokenKey as _, Output},
    },
};
use kicc_testkit::{
    client_kit,
    memory::MemoryJournal,
    van::{Van, VanConfig},
};
use kicc_ureq::{
    Client, Progress,
    client::{Answer, Keys, Question, Recovery, Signing, Terminal, Told},
    http::{Http, HttpSettings},
};

#[path = "../../fuzz/src/shop.rs"]
#[allow(dead_code, reason = "the fuzz targets use the rest")]
mod shop;

use shop::{Shop, amount, approved, easytalk_merchant, easytalk_settings, in_korea, number, simple_merchant};

const KEY: &str = "canary-secret-key";
const CIPHER_KEY: &str = "canary-cipher-key-of-32-bytes-ab";
const CIPHER_IV: &str = "canary-iv-of-16b";
const AUTHORIZATION: &str = "canary-authorization-id";
const TOKEN: &str = "canary-token-key";
const CERTIFICATE: &str = "canary_cert_control";
const USER_DATA: &str = "canary user data";
const CUSTOMER: &str = "canary-customer-key";
const VIRTUAL: &str = "canary-virtual-number";
const CI: &str = "CA4A41C1CA4A41C1";
const PROXY: &str = "canary-proxy-password";
const CARD: &str = "4111222233335555";
const IMP_KEY: &str = "canary-imp-key";
const IMP_SECRET: &str = "canary-imp-secret";

const CANARIES: [&str; 14] = [
    KEY,
    CIPHER_KEY,
    CIPHER_IV,
    AUTHORIZATION,
    TOKEN,
    CERTIFICATE,
    USER_DATA,
    CUSTOMER,
    VIRTUAL,
    CI,
    PROXY,
    CARD,
    IMP_KEY,
    IMP_SECRET,
];

/// What was shown, and of what.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    /// What a panic says of it is this too.
    fn debug(&mut self, what: &str, value: &impl Debug) {
        self.text(what, format!("{value:?} {value:#?}"));
    }

    fn error(&mut self, what: &str, value: &(impl Debug + Display)) {
        self.text(what, format!("{value} {value:#}"));
        self.debug(what, value);
    }

    fn text(&mut self, what: &str, text: String) {
        self.0.push((what.into(), text));
    }

    fn check(&self, at_least: usize) {
        assert!(self.0.len() >= at_least, "only {} were shown", self.0.len());
        for (what, text) in &self.0 {
            if let Some(found) = found(text) {
                panic!("R23: {what} shows {found}:\n{text}");
            }
        }
    }
}

/// A canary in a text, as it is or as somebody might write its bytes.
fn found(text: &str) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| {
        let bytes = canary.as_bytes();
        let mut hexadecimal = String::new();
        for byte in bytes {
            write!(hexadecimal, "{byte:02x}").unwrap();
        }
        let base64 = Base64::encode_string(&bytes[..bytes.len() / 3 * 3]);
        let list = format!("{bytes:?}");
        text.contains(canary)
            || text.to_lowercase().contains(&hexadecimal)
            || text.contains(&base64)
            || text.contains(list.trim_matches(['[', ']']))
    })
}

/// The search must be able to find.
#[test]
fn a_canary_is_found_however_it_is_written() {
    let secret = KEY.as_bytes();
    for leak in
        [format!("x{KEY}y"), format!("{secret:?}"), format!("{:x?}", Leak), Base64::encode_string(secret)]
    {
        assert_eq!(found(&leak), Some(KEY), "{leak}");
    }
    assert_eq!(found("Secret(..)"), None);
}

struct Leak;

impl std::fmt::LowerHex for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        KEY.bytes().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl Debug for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::LowerHex::fmt(self, f)
    }
}

fn iamport_order(text: &str) -> iamport::Charge {
    let customer = CustomerUid::new(CUSTOMER).unwrap();
    let amount = Amount::new(Won(1_004), Parts::default()).unwrap();
    iamport::Charge::new(number(text), customer, amount, "coffee").unwrap().custom_data(USER_DATA).unwrap()
}

fn simple_order(number: &str) -> simple::Order {
    simple::Order::new(TransactionNumber::new(number).unwrap(), amount(), TokenKey::new(TOKEN).unwrap())
        .user_data(UserData::new(USER_DATA).unwrap())
}

fn easytalk_order(number: &str) -> easytalk::Order {
    easytalk::Order::new(
        TransactionNumber::new(number).unwrap(),
        OrderNumber::new("GDS30004").unwrap(),
        amount(),
        CertControlNumber::new(CERTIFICATE).unwrap(),
    )
}

#[test]
fn r23_no_value_shows_a_secret() {
    let mut shown = Shown::default();
    let (authorization, signer) =
        (AuthorizationId::new(AUTHORIZATION).unwrap(), HmacSha256::new(&Secret::from_utf8(KEY)));
    let [key, iv] = [CIPHER_KEY, CIPHER_IV].map(Secret::from_utf8);
    let cipher = Aes256Cbc::new(&key, &iv, Output::Hex).unwrap();
    let token = cipher.encrypt(&authorization).unwrap();
    let authorised =
        simple::Order::authorised(number("ORD-1"), amount(), &authorization, &cipher, &signer).unwrap();
    for secret in [&key, &iv] {
        shown.debug("Secret", secret);
    }
    shown.debug("AuthorizationId", &authorization);
    shown.debug("HmacSha256", &signer);
    shown.debug("Aes256Cbc", &cipher);
    shown.debug("TokenKey", &TokenKey::new(TOKEN).unwrap());
    shown.debug("CertControlNumber", &CertControlNumber::new(CERTIFICATE).unwrap());
    shown.debug("UserData", &UserData::new(USER_DATA).unwrap());
    shown.debug("simple::Order", &simple_order("ORD-1"));
    shown.debug("simple::Order, authorised", &authorised);
    shown.debug("easytalk::Order", &easytalk_order("ORD-1"));
    assert!(!format!("{token:?} {authorised:?}").contains(token.expose()), "R23");

    let (customer, virtual_number) =
        (auth::CustomerKey::new(CUSTOMER).unwrap(), auth::VirtualNumber::new(VIRTUAL).unwrap());
    let certification = auth::Certification::Ci(auth::CertValue::new(CI).unwrap());
    let return_url = ReturnUrl::new("https://shop.example/return").unwrap();
    let order_number = OrderNumber::new("GDS30004").unwrap();
    let number = number("AUTH-1");
    let mut settings = auth::Settings::new(ServiceId::new("SVC_SIMPLE").unwrap());
    settings.authorization = RequestAuthorization::Basic;
    let authentication = auth::Authentication {
        number: &number,
        order_number: &order_number,
        customer_key: &customer,
        virtual_number: &virtual_number,
        type_code: "11",
        detail_code: "026",
        return_url: &return_url,
        parameter: None,
    };
    let registration = auth::registration(&settings, &authentication).unwrap();
    let methods = auth::PaymentMethods::new(&settings, &customer, None).unwrap();
    let user = auth::UserRegistration::new(
        &settings,
        &auth::Customer {
            number: &number,
            user_id: "user",
            mail: "a@shop.example",
            certification: &certification,
            return_url: &return_url,
            parameter: None,
        },
    )
    .unwrap();
    shown.debug("CustomerKey", &customer);
    shown.debug("VirtualNumber", &virtual_number);
    shown.debug("Certification", &certification);
    shown.debug("Authentication", &authentication);
    shown.debug("Registration", &registration);
    shown.debug("PaymentMethods", &methods);
    shown.debug("UserRegistration", &user);
    let mut buffer = RequestBuffer::new();
    for request in [
        registration.request(&mut buffer),
        methods.request(&mut RequestBuffer::new()),
        user.request(&mut RequestBuffer::new()),
    ] {
        assert!(found(&String::from_utf8_lossy(request.body())).is_some(), "or this proves nothing");
        shown.debug("Request", &request);
    }
    shown.debug("RequestBuffer", &buffer);

    let list = format!(r#"{{"resCd":"0000","payMethodInfoList":[{{"easypayVirtualNo":"{VIRTUAL}"}}]}}"#);
    let broken = list.replace(VIRTUAL, &format!("{VIRTUAL} {CARD}"));
    for body in [&list, &broken] {
        let reply = Reply { status: 200, content_type: None, body: body.as_bytes() };
        shown.debug("Reply", &reply);
        shown.debug("PaymentMethod", &methods.read(reply));
    }
    let forged = format!("resCd=0000&shopTransactionId=AUTH-1&authorizationId={AUTHORIZATION}");
    for body in [
        forged.clone(),
        forged.replace("AUTH-1", VIRTUAL),
        format!("{forged}&authorizationId={KEY}"),
        format!("{forged}%0a"),
    ] {
        let post = Post { content_type: None, body: body.as_bytes() };
        shown.debug("Post", &post);
        match auth::read_window(post, &number, &order_number) {
            Ok(Posted::Failed(said)) => panic!("{said}"),
            Ok(posted) => shown.debug("Posted", &posted),
            Err(error) => shown.error("PostError", &error),
        }
    }
    let post = format!("resCd=0000&shopOrderNo=GDS30004&certControlNo={CERTIFICATE}");
    let post = Post { content_type: None, body: post.as_bytes() };
    shown.debug("Posted", &easytalk::window::read(post, &order_number).unwrap());

    let proxied = |proxy: &str| {
        let mut settings = HttpSettings::new("https://api.example");
        settings.proxy = Some(proxy.into());
        settings
    };
    for proxy in [
        format!("http://shop:{PROXY}@proxy.example:3128"),
        format!("socks5://{PROXY}@x"),
        format!("{PROXY} x"),
    ] {
        let settings = proxied(&proxy);
        shown.debug("HttpSettings", &settings);
        match Http::new(settings) {
            Ok(http) => shown.debug("Http", &http),
            Err(error) => shown.error("SettingsError", &error),
        }
    }
    let settings = HttpSettings::new(format!("https://user:{PROXY}@api.example"));
    shown.debug("HttpSettings", &settings);
    shown.error("SettingsError", &Http::new(settings).unwrap_err());
    shown.check(40);
}

/// The error of a bad value names field and limit, and of the value nothing.
#[test]
fn r23_no_error_of_a_value_shows_it() {
    let mut shown = Shown::default();
    for canary in CANARIES {
        let long = canary.repeat(600);
        for bad in [format!("{canary}\n"), format!("\"{canary}'"), format!("{canary}한"), long] {
            let json = serde_json::to_string(&bad).unwrap();
            macro_rules! refused {
                ($($type:ty),*) => {$(
                    if let Err(error) = <$type>::new(&bad) {
                        shown.error(stringify!($type), &error);
                    }
                )*};
            }
            refused!(
                TokenKey,
                AuthorizationId,
                CertControlNumber,
                UserData,
                TransactionNumber,
                OrderNumber,
                ServiceId,
                ChannelId,
                BusinessNumber,
                ReturnUrl,
                AccessToken,
                CustomerUid,
                ImpUid,
                auth::CustomerKey,
                auth::VirtualNumber,
                auth::CertValue
            );
            if let Err(error) = ApiKeys::new(&bad, canary) {
                shown.error("ApiKeys", &error);
            }
            if let Err(error) = serde_json::from_str::<TokenKey>(&json) {
                shown.error("TokenKey in serde", &error);
            }
            if let Err(error) = serde_json::from_str::<UserData>(&json) {
                shown.error("UserData in serde", &error);
            }
            if let Err(error) =
                Aes256Cbc::new(&Secret::from_utf8(&bad), &Secret::from_utf8(canary), Output::Hex)
            {
                shown.error("Aes256Cbc", &error);
            }
        }
    }
    shown.check(1_000);
}

/// Every step of all products, with what it holds; and a record that was damaged or comes from a later version.
#[test]
fn r23_no_step_and_no_record_shows_a_secret() {
    let mut shown = Shown::default();
    let mut texts = String::new();
    for product in Product::ALL {
        let verbs = match product {
            Product::Simple => [Verb::Approve, Verb::NetCancel, Verb::Cancel],
            Product::EasyTalk | Product::Iamport => [Verb::Approve, Verb::Query, Verb::Cancel],
        };
        for verb in verbs {
            let mut shop = Shop::new(product);
            // A gateway that forgot to mask.
            let unmasked = approved(product)
                .replace("1234-56**-****-1234", CARD)
                .replace(r#"{"authNo""#, &format!(r#"{{"cardInfo":{{"cardNo":"{CARD}"}},"authNo""#));
            let mut step = Step::InFlight(shop.under_way(verb));
            for _ in 0..12 {
                shown.debug("Step", &step);
                step = match step {
                    Step::Persist(persist) => {
                        let row = persist.row();
                        shown.debug("Row", &row);
                        let record = Record::of_row(&row).unwrap();
                        shown.debug("Record", &record);
                        shown.debug("Payload", &record.payload);
                        shown.debug("Cancel", &record.cancel);
                        shown.debug("Approval", &record.approval);
                        shown.debug("Verdict", &record.verdict());
                        shown.debug("History", &record.history);
                        shown.debug("Found", &Found::of_row(&row, false, kicc_proto::time::UnixMillis(0)));
                        assert!(!row.record.0.contains(CARD), "R23: recorded");
                        damaged(&row.record.0, &mut shown);
                        texts.push_str(&row.record.0);
                        let written = shop.store(row, persist.expect());
                        persist.written(Ok(written), shop.now)
                    }
                    Step::Transmit(transmit) => Step::InFlight(shop.encode(transmit).unwrap().1),
                    Step::InFlight(in_flight) => {
                        let reply = Reply { status: 200, content_type: None, body: unmasked.as_bytes() };
                        in_flight.reply(reply, shop.now)
                    }
                    Step::Wait(wait) => {
                        shown.debug("Wait", &wait.record());
                        shop.later(wait.until(0, shop.now).0.saturating_sub(shop.now.mono.0));
                        wait.wake(shop.now)
                    }
                    Step::Settle(settle) => {
                        shown.debug("Question", &Question::of_settle(&settle));
                        settle.refuse(shop.now)
                    }
                    Step::AskBooks(ask) => ask.not_held(shop.now),
                    Step::Done(done) => {
                        shown.debug("Done", &done);
                        break;
                    }
                };
            }
        }
    }
    assert!(texts.contains(shop::TOKEN_KEY), "or this proves nothing");
    assert!(shown.0.iter().all(|(_, text)| !text.contains(shop::TOKEN_KEY)), "R23");
    shown.check(200);
}

/// The record's errors: torn, of a later version, and with a field or value that nobody knows.
fn damaged(text: &str, shown: &mut Shown) {
    let json = text.splitn(3, ' ').nth(2).unwrap();
    let changed = [
        json.replace("\"stage\":", &format!("\"{KEY}\":")),
        json.replace("\"kind\":\"", &format!("\"kind\":\"{KEY}")),
        json.replace(shop::TOKEN_KEY, &format!("{KEY}\\ud800")),
        json.replace("\"total\":", &format!("\"total\":\"{KEY}\",\"x\":")),
    ];
    for json in changed {
        let summed = format!("kicc/1 {:08x} {json}", crc32fast::hash(json.as_bytes()));
        for text in [
            summed.clone(),
            format!("{summed} "),
            summed.replacen("kicc/1", "kicc/9", 1),
            format!("{KEY}{summed}"),
        ] {
            if let Err(error) = Record::decode(&text) {
                shown.error("RecordError", &error);
            }
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What was said since it was taken last.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sale of each product and its troubles through the client, with everybody talking at TRACE, the HTTP library too.
#[test]
fn r23_a_log_of_everything_holds_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let mut config = VanConfig {
        secret_key: KEY.into(),
        hang: Duration::from_secs(2),
        late: Duration::from_millis(50),
        ..VanConfig::default()
    };
    (config.iamport.imp_key, config.iamport.imp_secret) = (IMP_KEY.into(), IMP_SECRET.into());
    let van = Van::start(config).unwrap();
    let mut shown = Shown::default();
    let journal = MemoryJournal::new();
    let mut policy = Policy::default();
    policy.answer_timeout = Millis(400);
    policy.quiet_period = Millis(300);
    policy.backoff_first = Millis(20);
    policy.backoff_cap = Millis(100);
    policy.rescue_attempts = 4;
    policy.products.easytalk = Some(easytalk_settings().authorization(RequestAuthorization::Basic));
    let mut iamport = iamport::Settings::test();
    (iamport.answer_timeout, iamport.quiet_period) = (policy.answer_timeout, policy.quiet_period);
    policy.products.iamport = Some(iamport);
    let signing = Signing {
        channel_id: ChannelId::new("CH_A1B2C3D4").unwrap(),
        signer: Arc::new(HmacSha256::new(&Secret::from_utf8(KEY))),
    };
    let keys = ApiKeys::new(IMP_KEY, IMP_SECRET).unwrap();
    let client =
        Client::builder(Http::new(HttpSettings::new(van.base_url())).unwrap(), Arc::new(journal.another()))
            .policy(policy)
            .terminal(Terminal {
                merchant: Merchant::Simple(simple_merchant()),
                keys: Keys::Signing(signing),
            })
            .terminal(Terminal { merchant: Merchant::EasyTalk(easytalk_merchant()), keys: Keys::None })
            .terminal(Terminal { keys: Keys::Api(keys.clone()), ..client_kit::iamport_terminal() })
            .accept_step(|question: &Question<'_>| match question.key.number.as_str() {
                "NOT-HELD" => Answer::NotHeld,
                _ => Answer::Held,
            })
            .build()
            .unwrap();
    for number in ["A1", "NOT-HELD", "Xdec-0001", "Xhanga-0001", "X502-0001", "Xtext-0001"] {
        let progress = client.approve(&simple_order(number));
        shown.debug(number, &progress);
        if let Ok(Progress::Settled(settled)) = &progress {
            shown.debug("record", &settled.record());
            shown.debug("outcome", &settled.outcome());
            settled.told().unwrap();
        }
    }
    for number in ["B1", "Xdec-0002", "Xhanga-0002"] {
        shown.debug(number, &client.approve(&easytalk_order(number)));
    }
    let other = simple_order("A1").instalment(kicc_proto::values::Instalment::of_months(3).unwrap());
    shown.error("Error", &client.approve(&other).unwrap_err());
    shown.debug("refund", &client.refund(&number("A1")));
    shown.debug("recover", &client.recover(Recovery::default(), |_| Told::Yes));
    for number in ["A1", "NOT-HELD", "Xhanga-0001"] {
        shown.debug("outcome", &client.outcome(&shop::number(number)));
        let row =
            client.journal().find(&Merchant::Simple(simple_merchant()).key(shop::number(number))).unwrap();
        assert!(row.as_ref().is_some_and(|row| row.record.0.contains(TOKEN)), "or this proves nothing");
        shown.debug("row", &row);
    }
    let purchase = easytalk::register::Purchase {
        number: &number("REG-1"),
        order_number: &OrderNumber::new("GDS30004").unwrap(),
        total: Won(1_004),
        tax: Won(91),
        product_name: "볼펜",
        merchant_name: "상점",
        business_number: &BusinessNumber::new("1234567890").unwrap(),
        return_url: &ReturnUrl::for_tests("http://127.0.0.1:9/").unwrap(),
        complete_url: None,
        notice: None,
    };
    let now = in_korea("20261121120000");
    let call =
        easytalk::register::registration(&easytalk_merchant(), &easytalk_settings(), &purchase, now).unwrap();
    let http = Http::new(HttpSettings::new(van.base_url())).unwrap();
    shown.debug("call", &http.call(&call, kicc_ureq::http::CallLimits::default()));
    let text = log.take();
    for said in ["sending", "reqAprv", "no answer"] {
        assert!(text.contains(said), "{said} was not logged, so that this proves nothing:\n{text}");
    }
    shown.text("the log", text);

    for number in ["C1", "Xdec-0003", "Xhanga-0003"] {
        shown.debug(number, &client.approve(&iamport_order(number)));
    }
    van.end_token();
    for customer in ["customer-1", "none-such"] {
        let call = iamport::calls::billing_key(&CustomerUid::new(customer).unwrap());
        shown.debug("billing key", &client.call(&call));
    }
    // The raw bytes, headers among them, that the transport's page warns of.
    let text: String = log.take().lines().filter(|line| !line.contains(" ureq_proto::util: ")).collect();
    // As long as it lives everybody is given the same one.
    let granted = http.call(&GetToken(&keys), kicc_ureq::http::CallLimits::default()).unwrap();
    shown.debug("Granted", &granted);
    let shows_token = |text: &str| text.contains(granted.token.expose());
    assert!(!shows_token(&text) && !shown.0.iter().any(|(_, text)| shows_token(text)), "R23: the token");
    assert!(text.contains("payments/again") && text.contains("getToken"), "or this proves nothing");
    shown.text("i'mport's log", text);
    shown.check(30);
}
