use kicc_proto::iamport::{Settings, window::Gateway};

use super::*;

/// Every key that there is.
const WHOLE: &str = r#"
    product = "simple"                        # the default product of this file; --product overrides it
    environment = "test"                      # required label (R3, R20)
    base_url = "http://127.0.0.1:8080"        # plain http to loopback only, unless allow_http = true
    auth_base_url = "http://127.0.0.1:8081"   # of Simple Payment's authentication stage, whose host differs
    auth_request_authorization = "none"       # or "basic"
    [merchant]
    terminal_id = "T123456789"
    service_id = "SVC_SIMPLE"
    business_number = "1234567890"
    channel_id = "CH_A1B2C3D4"
    van_terminal_id = "T5102001"               # EasyTalkPay's
    [easytalk]
    status_path = "/appcardpay/v1/tradeStatus.do"
    status_date_field = "transactionDate"
    not_found_codes = ["7010"]
    duplicate_codes = ["7011"]
    request_authorization = "none"             # or "basic"
    ks_x_1001_only = true
    [iamport]
    store = "imp12345678"
    tier = "A01"                               # of a sub-merchant
    channel = "live"                           # or "test"
    sees_sandbox = false                       # whether lists of a test channel show what is there
    on_found_paid = "cancel"                   # or "adopt"
    answer_timeout = "60s"
    quiet_period = "90s"
    pg = "kicc"                                # or channel_key = "..."; of the windows
    [secrets]
    secret_key = { env = "KICC_SECRET_KEY" }   # or { file = "..." }
    imp_key = { env = "KICC_IMP_KEY" }
    imp_secret = { env = "KICC_IMP_SECRET" }
    token_key = { env = "KICC_TOKEN_KEY", iv_env = "KICC_TOKEN_IV", output = "hex" }   # only where orders bring an authorization_id
    [network]                                  # optional
    proxy = "..."
    connect_timeout = "5s"
    reuse_connections = false
    [policy]                                   # optional; unsafe values are refused unless base_url is loopback
    answer_timeout = "33s"
    send_by = "10s"
    quiet_period = "35s"
    confirm_reversal = true
    report_reversal = "confirmed"              # or "first_success"
    unlisted_codes = "settle"                  # or "decline"
    net_cancel_settles_refund = "same_day"     # or "always", "never"
    rescue_attempts = 20
    rescues_in_flight = 16
    backoff = { first = "1s", cap = "60s" }
    horizon = "24h"
    lease = "80s"
    unknown_codes = []
    duplicate_codes = []
    nothing_to_void_codes = []
    already_voided_codes = []
    [accept]
    command = "/opt/shop/accept"
    holds = "/opt/shop/holds"
    time_limit = "10s"
"#;

fn read(text: &str) -> Result<Config, String> {
    Config::read(text, PathBuf::new(), None)
}

fn with(key: &str, line: &str) -> String {
    let begins = |text: &str| text.trim_start().starts_with(&format!("{key} ="));
    assert!(WHOLE.lines().any(begins), "{key}");
    let lines = WHOLE.lines().map(|text| if begins(text) { line } else { text });
    read(&lines.collect::<Vec<_>>().join("\n")).err().unwrap_or_default()
}

#[test]
fn the_whole_example_is_the_default_policy() {
    let mut config = read(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.policy.products.easytalk.take().unwrap().status().is_some());
    assert_eq!(config.policy, Policy::default().with_iamport(Settings::live()));
    assert_eq!(config.http.base_url, "http://127.0.0.1:8080");
    assert_eq!(config.auth_http.base_url, "http://127.0.0.1:8081");
    assert_eq!(config.http.connect_timeout, Duration::from_secs(5));
    let named =
        |command: &str| AcceptCommand { command: command.into(), time_limit: Duration::from_secs(10) };
    let commands = [config.accept.accept, config.accept.holds];
    assert_eq!(commands, ["/opt/shop/accept", "/opt/shop/holds"].map(|command| Some(named(command))));
}

#[test]
fn optional_sections_may_be_absent() {
    let short = WHOLE.split("[network]").next().unwrap();
    let policy = read(short).map(|mut config| {
        config.policy.products.easytalk = None;
        config.policy
    });
    assert_eq!(policy.ok(), Some(Policy::default().with_iamport(Settings::live())));
}

const EASYTALK: &str = r#"
    environment = "test"
    base_url = "http://127.0.0.1:8080"
    [merchant]
    van_terminal_id = "T5102001"
"#;

#[test]
fn each_product_stands_alone_or_beside_the_others() {
    let all = read(WHOLE).unwrap();
    assert_eq!(all.products().collect::<Vec<_>>(), Product::ALL);
    let chosen = Config::read(WHOLE, PathBuf::new(), Some("easytalk")).unwrap();
    let order = [Product::EasyTalk, Product::Simple, Product::Iamport];
    assert_eq!(chosen.products().collect::<Vec<_>>(), order);
    let one = read(EASYTALK).unwrap();
    assert_eq!((one.product, one.products().count()), (Product::EasyTalk, 1));
    let wrong = Config::read(EASYTALK, PathBuf::new(), Some("simple")).err().unwrap();
    assert!(wrong.contains("terminal_id, service_id"), "{wrong}");
    let simple = |line: &str| with("van_terminal_id", line);
    assert!(simple("").contains("[easytalk] needs van_terminal_id"));
    assert_eq!(with("service_id", ""), "[merchant] service_id is missing");
}

/// The channel is never guessed: it says whether money is real.
#[test]
fn imports_store_and_channel_must_be_said() {
    let alone = |lines: &str| {
        read(&format!("environment = \"test\"\nbase_url = \"http://127.0.0.1:8080\"\n[iamport]\n{lines}"))
    };
    let one = alone("store = \"imp1\"\nchannel = \"test\"").unwrap();
    assert_eq!((one.product, one.products().count()), (Product::Iamport, 1));
    assert_eq!(one.policy, Policy::default().with_iamport(Settings::test()));
    assert_eq!(one.iamport.unwrap().gateway, Gateway::kicc());
    for (lines, why) in [
        ("store = \"imp1\"", "channel"),
        ("channel = \"test\"", "store"),
        ("store = \"shop\"\nchannel = \"test\"", "[iamport] store code: must begin with imp"),
        ("store = \"imp1\"\nchannel = \"test\"\ntier = \"TIER\"", "[iamport] tier"),
        ("store = \"imp1\"\nchannel = \"test\"\npg = \"nice\"", "[iamport] pg: must be kicc"),
        ("store = \"imp1\"\nchannel = \"test\"\npg = \"kicc\"\nchannel_key = \"c\"", "not both"),
        ("store = \"imp1\"\nchannel = \"test\"\nsee_sandbox = true", "did you mean `sees_sandbox`?"),
    ] {
        let error = alone(lines).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
    let missing = Config::read(EASYTALK, PathBuf::new(), Some("iamport")).err().unwrap();
    assert_eq!(missing, "product \"iamport\" needs the section [iamport]");
}

/// R20: a lease that is too short for i'mport's exchange is not lengthened in silence.
#[test]
fn r20_a_stated_lease_stands_as_it_is() {
    let config = read(&WHOLE.replace("lease = \"80s\"", "lease = \"60s\"")).unwrap();
    assert!(config.policy.check(true).unwrap_err().to_string().contains("lease"));
}

/// R11: a status query is configured whole, or not at all.
#[test]
fn r11_a_status_query_is_not_guessed() {
    let status = |more: &str| {
        read(&format!("{EASYTALK}\n[easytalk]\n{more}"))
            .map(|config| config.policy.products.easytalk.unwrap().status().is_some())
    };
    assert_eq!(status(""), Ok(false));
    assert_eq!(status("status_path = \"/x.do\"\nstatus_date_field = \"d\""), Ok(true));
    for half in ["status_path = \"/x.do\"", "status_date_field = \"d\"", "not_found_codes = [\"7010\"]"] {
        assert!(status(half).unwrap_err().contains("needs status_"), "{half}");
    }
    assert!(status("duplicate_codes = [\"0000\"]").unwrap_err().starts_with("[easytalk] duplicate codes"));
}

#[test]
fn a_wrong_key_names_the_nearest_right_one() {
    assert_eq!(
        with("send_by", "sendby = \"10s\""),
        "unknown key `sendby` in [policy]; did you mean `send_by`?"
    );
    assert_eq!(
        with("environment", "enviroment = \"test\""),
        "unknown key `enviroment`; did you mean `environment`?"
    );
    assert_eq!(
        with("backoff", "backoff = { frist = \"1s\" }"),
        "unknown key `frist` in [policy] backoff; did you mean `first`?"
    );
    assert!(with("secret_key", "secret_key = { envv = \"X\" }").contains("did you mean `env`?"));
    assert!(with("proxy", "zzzzzzzzz = 1").contains("the keys there are: ca_file, proxy"));
}

#[test]
fn wrong_values_are_named_with_their_place() {
    assert!(with("answer_timeout", "answer_timeout = \"33\"").contains("no time span"));
    assert!(with("answer_timeout", "answer_timeout = 33").contains("answer_timeout"));
    assert!(with("terminal_id", "terminal_id = \"T_1\"").contains("terminal id"));
    assert!(with("report_reversal", "report_reversal = \"never\"").contains("report_reversal"));
    assert!(with("unknown_codes", "unknown_codes = [\"12345\"]").starts_with("[policy] unknown_codes"));
    assert!(with("product", "product = \"easy\"").contains("simple"));
    assert!(with("environment", "").contains("environment"));
}

/// R23.
#[test]
fn r23_a_secret_in_the_file_is_refused_and_not_shown() {
    for key in ["secret_key", "imp_key", "imp_secret"] {
        for line in ["\"HUNTER2\"", "\"HUNTER2", "{ env = \"A\", = \"HUNTER2\" }"] {
            let error = with(key, &format!("{key} = {line}"));
            assert!(!error.is_empty() && !error.contains("HUNTER2"), "{error}");
        }
    }
}

#[test]
fn secrets_come_from_files_without_their_line_end_and_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "abc\r\n").unwrap();
    let from = |line: &str| {
        let text = WHOLE.replace("secret_key = { env = \"KICC_SECRET_KEY\" }", line);
        Config::read(&text, folder.path().to_owned(), None).unwrap().secret_key()
    };
    assert_eq!(from("secret_key = { file = \"key\" }").unwrap().expose(), b"abc");
    let missing = from("secret_key = { env = \"KICC_NO_SUCH_VARIABLE\" }").unwrap_err().0;
    assert!(
        missing
            .starts_with("[secrets] secret_key: the environment variable KICC_NO_SUCH_VARIABLE is not set"),
        "{missing}"
    );
    assert!(from("secret_key = { file = \"none\" }").unwrap_err().0.contains("none"));
    assert!(from("secret_key = {}").unwrap_err().0.contains("exactly one"));
    assert_eq!(from("").unwrap_err().0, "[secrets] secret_key is missing");
    assert!(read(WHOLE).unwrap().api_keys().unwrap_err().0.contains("imp_key: the environment variable"));
}
