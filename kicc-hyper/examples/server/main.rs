//! A shop's server on axum: an order is registered, the customer pays in the gateway's window and comes back, the
//! payment is approved and booked in the shop's own SQLite file, or in a PostgreSQL database that several replicas share,
//! and whatever goes wrong on the way is put right.
//!
//! ```text
//! cargo run -p kicc-hyper --example server
//! ```
//!
//! runs it against a simulated gateway of its own; `--gateway http://127.0.0.1:8080` against one that `kicc sandbox`
//! plays; `--database postgres://shop@localhost/shop` keeps journal and books there. `--price 9013` loses the gateway's
//! answer, `--price 9008` lets it decline (`kicc sandbox --help` has more).

pub mod books;
pub mod health;
mod pages;
mod routes;
pub mod shop;

use std::{error::Error, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser as _;
use kicc_hyper::client::Schedule;
use kicc_proto::{flow::Policy, time::Millis, values::Won};
use kicc_testkit::van::{Van, VanConfig};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::shop::{Kept, Plan, Shop};

/// A shop's server, to try and to copy from
#[derive(clap::Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Under which browsers reach it, where that is not `--listen`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The gateway; without it a simulated one runs inside
    #[arg(long, value_name = "URL", requires = "kept")]
    gateway: Option<String>,
    /// The folder of journal and books; without it they are gone at the end, as the simulated gateway is
    #[arg(long, value_name = "DIR", group = "kept")]
    data: Option<PathBuf>,
    /// A PostgreSQL database for both instead, which replicas of this server may share
    #[arg(long, value_name = "URL", group = "kept")]
    database: Option<String>,
    /// What the product costs
    #[arg(long, value_name = "WON", default_value = "47000")]
    price: u64,
    /// By how much all waiting is shorter than with a real gateway [default: 10 with the simulated one inside, else 1]
    #[arg(long, value_name = "N")]
    hurry: Option<u64>,
    /// How many rescues may be in flight at once; of several replicas, each one's share
    #[arg(long, value_name = "N", default_value = "16")]
    rescues_in_flight: u32,
    /// How long a customer waits at most while a payment is being reversed
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    patience: Duration,
    /// `/health/payments` complains when a payment was unknown for longer
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = seconds)]
    unhealthy_after: Duration,
    /// How long requests under way may take at the end, and payments after them
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    grace: Duration,
}

/// Runs until SIGTERM or Ctrl-C.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args = Args::parse();
    // What the pool says of each connection that broke, the journal says in its own words.
    let said =
        Targets::new().with_default(LevelFilter::INFO).with_target("deadpool.postgres", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(lines).with(said).init();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut policy = policy(args.hurry.unwrap_or(if args.gateway.is_some() { 1 } else { 10 }));
    policy.rescues_in_flight = args.rescues_in_flight;
    let simulated = match args.gateway {
        Some(_) => None,
        None => Some(Van::start(VanConfig {
            // Inside the quiet period.
            late: Duration::from_millis(policy.quiet_period.0 / 3),
            ..VanConfig::default()
        })?),
    };
    let gateway = args.gateway.or(simulated.as_ref().map(Van::base_url)).unwrap_or_default();
    let temporary = tempfile::tempdir()?;
    let data = args.data.unwrap_or(temporary.path().to_owned());
    std::fs::create_dir_all(&data)?;
    let kept = args.database.as_deref().map_or(Kept::Folder(&data), Kept::Database);

    let listener = TcpListener::bind(args.listen).await?;
    let public_url = args.public_url.unwrap_or(format!("http://{}", listener.local_addr()?));
    let every = Duration::from_millis(policy.answer_timeout.0);
    // The last process of a folder is gone; another replica may be at it just now.
    let never_began = Millis(if args.database.is_some() { 10 * policy.lease.0 } else { 0 });
    let shop = Shop::open(Plan {
        gateway: &gateway,
        kept,
        public_url: public_url.clone(),
        price: Won(args.price),
        policy,
        patience: args.patience,
    })
    .await?;
    shop.close_what_never_began(never_began).await?;
    if never_began > Millis(0) {
        let shop = shop.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(never_began.0)).await;
                if let Err(error) = shop.close_what_never_began(never_began).await {
                    tracing::warn!(%error, "orders that never began were not looked for");
                }
            }
        });
    }
    let mut schedule = Schedule::default();
    (schedule.every, schedule.jitter, schedule.tell_after) = (every, every / 3, 2 * every);
    shop.start_worker(schedule);

    println!("open at {public_url}, paying through {gateway}");
    let (stop, stopped) = oneshot::channel::<()>();
    let routes = routes::routes(shop.clone(), args.unhealthy_after);
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async { drop(stopped.await) });
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        ended = &mut serving => ended??,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }

    // No new customers; those who are here get their answer; then payments whose customer has gone. What still is open
    // is in the journal, and the next process goes on with it.
    drop(stop);
    if timeout(args.grace, serving).await.is_err() {
        tracing::warn!("customers were left without an answer");
    }
    let left = shop.client.shutdown(args.grace).await;
    println!("closed; left to recovery: {}", left.released.len() + left.in_hand.len());
    Ok(())
}

/// The safe times, or shorter ones, which are refused unless the gateway is on this machine.
pub fn policy(hurry: u64) -> Policy {
    let mut policy = Policy::default();
    let spans = [
        &mut policy.answer_timeout,
        &mut policy.quiet_period,
        &mut policy.backoff_first,
        &mut policy.backoff_cap,
        &mut policy.horizon,
    ];
    for span in spans {
        *span = Millis(span.0 / hurry.max(1));
    }
    policy.send_by = Millis((policy.send_by.0 / hurry.max(1)).max(2_000));
    policy.lease = policy.lease.min(Millis(policy.exchange().0 + 1_000));
    policy
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
