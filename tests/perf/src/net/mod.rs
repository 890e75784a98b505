//! Both adapters over loopback, beside the bare clients that they stand on.

pub mod bare;
pub mod journals;
pub mod report;
pub mod server;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kicc_hyper::client::{Answer, Keys, Signing, Terminal};
use kicc_proto::{
    flow::{Outcome, Policy},
    journal::{AsyncJournal, Journal},
    time::Millis,
    wire::settings::HttpSettings,
};
use tokio::runtime::Runtime;

use self::{bare::Hyper, server::Server};
use crate::core::{floor::Floor, ours};

/// What goes wrong when nothing is under test.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A success under that number, of the length of a real one.
fn answer_to(number: &str) -> String {
    let echo = format!(r#""tid":"{}","mercTrxNo":"{number}""#, ours::TERMINAL);
    format!(
        r#"{{"respCd":"0000","respMsg":"정상승인",{echo},"aprvNo":"12345678","aprvDt":"20280816","aprvTm":"083320","vanTrxNo":"12345678901234567890","issFmCd":"026","issFmNm":"비씨카드","purchFmCd":"026","purchFmNm":"비씨카드","joShopNo":"1234567890","cardConfirmNo":"1234-56**-****-1234"}}"#
    )
}

/// A number that no payment of this process had.
fn fresh_number() -> String {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    format!("ORD-{:010}", SERIAL.fetch_add(1, Ordering::Relaxed))
}

fn terminal() -> Terminal {
    let (merchant, channel_id, signer) = ours::simple_terminal();
    Terminal { merchant, keys: Keys::Signing(Signing { channel_id, signer }) }
}

fn policy() -> Policy {
    // Nothing comes too late on a busy machine.
    let mut policy = Policy::default();
    policy.send_by = Millis::from_secs(60);
    policy.lease = Millis::from_secs(120);
    policy
}

fn settings(server: &Server) -> HttpSettings {
    let (scheme, host) =
        if server.certificate.is_some() { ("https", "localhost") } else { ("http", "127.0.0.1") };
    let mut settings = HttpSettings::new(format!("{scheme}://{host}:{}", server.port));
    settings.ca_pem = server.certificate.clone().map(String::into_bytes);
    settings
}

/// `kicc-ureq` over a journal.
///
/// # Errors
/// When it cannot be built.
pub fn blocking(settings: HttpSettings, journal: Arc<dyn Journal>) -> Result<kicc_ureq::Client, Failed> {
    let builder = kicc_ureq::Client::builder(kicc_ureq::http::Http::new(settings)?, journal).policy(policy());
    Ok(builder
        .terminal(terminal())
        .accept_step(|_: &kicc_ureq::client::Question<'_>| Answer::Held)
        .build()?)
}

/// `kicc-hyper` over a journal.
///
/// # Errors
/// When it cannot be built.
pub fn non_blocking(
    settings: HttpSettings,
    journal: Arc<dyn AsyncJournal>,
) -> Result<kicc_hyper::Client, Failed> {
    let builder =
        kicc_hyper::Client::builder(kicc_hyper::http::Http::new(settings)?, journal).policy(policy());
    Ok(builder.terminal(terminal()).accept_step(async |_| Answer::Held).build()?)
}

fn pay_blocking(client: &kicc_ureq::Client) -> Result<(), Failed> {
    match client.approve(&ours::simple_order(&fresh_number()))? {
        kicc_ureq::Progress::Settled(settled) => {
            approved(settled.outcome())?;
            Ok(settled.told()?)
        }
        kicc_ureq::Progress::Open(open) => Err(format!("{open:?}").into()),
    }
}

async fn pay(client: &kicc_hyper::Client) -> Result<(), Failed> {
    match client.approve(&ours::simple_order(&fresh_number())).await? {
        kicc_hyper::Progress::Settled(settled) => {
            approved(settled.outcome())?;
            Ok(settled.told().await?)
        }
        kicc_hyper::Progress::Open(open) => Err(format!("{open:?}").into()),
    }
}

fn approved(outcome: Option<&Outcome>) -> Result<(), Failed> {
    match outcome {
        Some(Outcome::Approved(_)) => Ok(()),
        other => Err(format!("not approved: {other:?}").into()),
    }
}

/// One side of a comparison: payments, so many at once.
#[derive(Clone)]
pub enum Side {
    /// The bare client.
    Bare(Hyper),
    /// Ours.
    Ours(kicc_hyper::Client),
}

impl Side {
    /// So many payments, at most `at_once` in flight; how long all of them took.
    ///
    /// # Panics
    /// When one is not approved.
    pub fn run(&self, runtime: &Runtime, payments: usize, at_once: usize) -> Duration {
        let left = Arc::new(AtomicU64::new(payments as u64));
        let next = move || {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        let began = Instant::now();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..at_once)
                .map(|_| {
                    let next = next.clone();
                    match self.clone() {
                        Side::Bare(bare) => tokio::spawn(async move {
                            let mut floor = Floor::for_requests();
                            while next() {
                                bare.pay(&fresh_number(), &mut floor).await?;
                            }
                            Ok::<_, Failed>(())
                        }),
                        Side::Ours(client) => tokio::spawn(async move {
                            while next() {
                                pay(&client).await?;
                            }
                            Ok(())
                        }),
                    }
                })
                .collect();
            for task in tasks {
                task.await.expect("a task").expect("a payment");
            }
        });
        began.elapsed()
    }
}

/// Payments one after the other through `kicc-ureq`.
///
/// # Panics
/// When one is not approved.
pub fn run_blocking(client: &kicc_ureq::Client, payments: usize) -> Duration {
    let began = Instant::now();
    (0..payments).for_each(|_| pay_blocking(client).expect("a payment"));
    began.elapsed()
}

/// The same through bare ureq.
///
/// # Panics
/// When one is not approved.
pub fn run_bare(client: &mut bare::Ureq, payments: usize) -> Duration {
    let began = Instant::now();
    (0..payments).for_each(|_| client.pay(&fresh_number()).expect("a payment"));
    began.elapsed()
}

/// Memory of this process in KiB.
///
/// # Errors
/// Where there is no `/proc`.
pub fn resident() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| io::Error::other("VmRSS is not told"))
}

/// A SQLite journal in that folder.
///
/// # Errors
/// When it cannot be opened.
pub async fn sqlite(folder: &Path) -> Result<kicc_hyper::journal::SqliteJournal, Failed> {
    Ok(kicc_hyper::journal::SqliteJournal::open(folder.join("journal.db")).await?)
}
