//! A payment in i'mport's window, from the page to the books: what the browser and the webhook say is looked up, and put
//! to the accept step once, however often they say it; a page that was changed in the browser gets its money back.
//!
//! ```text
//! cargo run -p kicc-hyper --example iamport_window
//! ```
//!
//! runs it against a simulated i'mport of its own, where customers pay without a browser. The pages of a whole shop are
//! in the example `checkout`.

use std::{error::Error, sync::Arc};

use kicc_hyper::{
    client::{Answer, Client, Keys, Progress, Question, Terminal, Verified},
    http::{Http, HttpSettings},
    journal::SqliteJournal,
};
use kicc_proto::{
    flow::Policy,
    iamport::{
        ApiKeys, ImpUid, Merchant as Iamport, Settings, StoreCode, WindowPayment, calls,
        payment::PayMethod,
        result::WindowResult,
        webhook::Webhook,
        window::{Gateway, RequestPay},
    },
    product::Merchant,
    values::{Amount, Environment, Parts, ReturnUrl, TransactionNumber, Won},
    wire::post::Post,
};
use kicc_testkit::van::{Van, VanConfig};

const PRICE: u64 = 51_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let van = Van::start(VanConfig::default())?;
    let folder = tempfile::tempdir()?;
    let journal = Arc::new(SqliteJournal::open(folder.path().join("journal.db")).await?);
    let client = Client::builder(Http::new(HttpSettings::new(van.base_url()))?, journal)
        .policy(Policy::default().with_iamport(Settings::test()))
        .terminal(Terminal {
            merchant: Merchant::Iamport(Iamport {
                environment: Environment::new("test")?,
                store: StoreCode::new("imp12345678")?,
                tier: None,
            }),
            keys: Keys::Api(ApiKeys::new("sandbox-imp-key", "sandbox-imp-secret")?),
        })
        // Here the sale is written into the shop's books, once however often it is asked.
        .accept_step(|_: Question| async { Answer::Held })
        .build()?;

    let honest = page(&client, "CHAIR-1").await?;
    println!("the page calls IMP.request_pay({honest}, paid)");
    let imp_uid = van.pay_in_window("CHAIR-1", PRICE);

    // The page posts what `IMP.request_pay` gave to its callback. It names a payment, and proves nothing.
    let body =
        format!(r#"{{"success":true,"imp_uid":"{imp_uid}","merchant_uid":"CHAIR-1","paid_amount":1}}"#);
    let result = WindowResult::from_callback(json(&body))?;
    let end = verify(&client, "CHAIR-1", result.imp_uid.ok_or("look the number up")?).await?;
    println!("callback: {end}");
    assert_eq!(end, "approved");

    // The webhook comes too, and may come twice. The order is the one that the payment names, not the post.
    for webhook in van.webhooks().iter().chain(&van.webhooks()) {
        let webhook = Webhook::read(json(&webhook.json()))?;
        let settings = Settings::test();
        let found =
            client.call(&calls::payment(&webhook.imp_uid, &settings)).await?.ok_or("no such payment")?;
        let end = verify(&client, &found.merchant_uid, webhook.imp_uid).await?;
        println!("webhook: {end}");
        assert_eq!(end, "approved, as was known");
    }

    // Somebody has changed the amount in the page.
    let _ = page(&client, "CHAIR-2").await?;
    let imp_uid = van.pay_in_window("CHAIR-2", 100);
    let end = verify(&client, "CHAIR-2", ImpUid::new(&imp_uid)?).await?;
    println!("changed page: {end}");
    assert_eq!(end, "reversed");
    Ok(())
}

/// What the page of an order calls `IMP.request_pay` with. i'mport is told the price beforehand: then its window opens
/// for no other, which a simulated customer does not mind.
async fn page(client: &Client, number: &str) -> Result<String, Box<dyn Error>> {
    let number = TransactionNumber::new(number)?;
    client.call(&calls::prepare(&number, &Amount::new(Won(PRICE), Parts::default())?)).await?;
    let (kicc, back) = (Gateway::kicc(), ReturnUrl::new("https://shop.example/paid")?);
    let mut window = RequestPay::new(&kicc, PayMethod::Card, &number, "의자", Won(PRICE), &back);
    window.buyer.tel = Some("010-1234-5678");
    Ok(window.parameters()?.json().to_owned())
}

/// What became of a payment that somebody named; the price is that of the shop's own books.
async fn verify(client: &Client, number: &str, imp_uid: ImpUid) -> Result<String, Box<dyn Error>> {
    let amount = Amount::new(Won(PRICE), Parts::default())?;
    let payment = WindowPayment::new(TransactionNumber::new(number)?, imp_uid, amount)?;
    Ok(match client.verify(&payment).await? {
        Verified::Recorded(Progress::Settled(settled)) => {
            let name = settled.outcome().ok_or("not an approval")?.name();
            let end = if settled.repeat() { format!("{name}, as was known") } else { name.to_owned() };
            settled.told().await?;
            end
        }
        Verified::Recorded(Progress::Open(_)) => "still open: recovery goes on with it".into(),
        Verified::Nothing(verdict) => format!("not paid: {verdict:?}"),
        Verified::NoPayment => "no such payment".into(),
    })
}

fn json(body: &str) -> Post<'_> {
    Post { content_type: Some("application/json"), body: body.as_bytes() }
}

/// It runs.
#[test]
fn the_window_is_verified() {
    main().unwrap();
}
