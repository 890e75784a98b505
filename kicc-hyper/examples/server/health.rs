//! For whoever watches over the shop: may a balancer send customers here, does anybody have to look, and the numbers.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use kicc_hyper::{
    Error,
    client::{Backlog, Clock, Counts},
};
use kicc_proto::journal::restore::Admission;
use serde_json::json;
use tokio::time::timeout;

use super::shop::Shop;

/// How long the journal may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far two samples of what only grows are apart.
const MINUTE: Duration = Duration::from_secs(60);

/// `/health/live`, `/health/payments` and `/metrics`.
pub fn routes(shop: Arc<Shop>, unhealthy_after: Duration) -> Router {
    let seen = (shop.client.counts(), shop.journal.counts().turned_away);
    let first = Sample { at: Instant::now(), seen, grows: Vec::new() };
    let watch = Arc::new(Watch { shop, unhealthy_after, sample: Mutex::new(first) });
    Router::new()
        .route("/health/live", get(live))
        .route("/health/payments", get(payments))
        .route("/metrics", get(metrics))
        .with_state(watch)
}

struct Watch {
    shop: Arc<Shop>,
    unhealthy_after: Duration,
    sample: Mutex<Sample>,
}

/// What the client counted, and how many writes the journal turned away.
pub type Seen = (Counts, u64);

/// What was counted a while ago, and what the counts of that while say.
struct Sample {
    at: Instant,
    seen: Seen,
    grows: Vec<&'static str>,
}

/// For the balancer: whether this replica can sell, which it cannot without its journal. Payments do not count here: no
/// customer is better off where all replicas are taken out because one old payment is open.
async fn live(Shared(watch): Shared<Arc<Watch>>) -> Response {
    let said = match timeout(PATIENCE, watch.shop.client.journal().admission()).await {
        Ok(Ok(Admission::None)) => "the journal was restored, and waits for a prefix".to_owned(),
        Ok(Ok(_)) => return "live\n".into_response(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the journal does not answer".to_owned(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, said + "\n").into_response()
}

/// For whoever has the telephone: 503, and in a sentence each what is wrong.
async fn payments(Shared(watch): Shared<Arc<Watch>>) -> Response {
    let (shop, counts) = (&watch.shop, watch.shop.client.counts());
    let backlog = match shop.client.backlog().await {
        Ok(backlog) => backlog,
        Err(error) => {
            let answer =
                json!({ "healthy": false, "said": [format!("the journal cannot be read: {error}")] });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(answer)).into_response();
        }
    };
    let said = watch.complaints(backlog, counts);
    let answer = json!({
        "healthy": said.is_empty(),
        "said": said,
        "unknown": backlog.open,
        "oldest_unknown_seconds": age(backlog).as_secs(),
        "for_a_person": backlog.parked,
        "in_hand": counts.in_hand,
        "approved": counts.approved,
        "declined": counts.declined,
        "never_sent": counts.never_sent,
        "reversed": counts.reversed,
        "needs_operator": counts.needs_operator,
        "rescues_answered": counts.rescues_answered,
        "rescues_failed": counts.rescues_failed,
    });
    let status = if said.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(answer)).into_response()
}

impl Watch {
    fn complaints(&self, backlog: Backlog, counts: Counts) -> Vec<String> {
        let journal = &self.shop.journal;
        let mut said = of_backlog(backlog, self.unhealthy_after);
        if journal.is_restored() {
            said.push("the journal was restored from a backup (R24)".to_owned());
        }
        if let Some(trouble) = journal.mark_trouble() {
            said.push(format!("the journal's mark does not follow: {trouble}"));
        }
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        if sample.at.elapsed() >= MINUTE {
            let seen = (counts, journal.counts().turned_away);
            *sample = Sample { at: Instant::now(), grows: growth(sample.seen, seen), seen };
        }
        said.extend(sample.grows.iter().map(|grows| (*grows).to_owned()));
        said
    }
}

/// What is wrong with what waits in the journal.
pub fn of_backlog(backlog: Backlog, unhealthy_after: Duration) -> Vec<String> {
    let (mut said, oldest) = (Vec::new(), age(backlog));
    if backlog.parked > 0 {
        said.push(format!("payments that wait for a person: {}", backlog.parked));
    }
    if oldest > unhealthy_after {
        said.push(format!("open payments: {}, the oldest for {} s", backlog.open, oldest.as_secs()));
    }
    said
}

/// What is wrong with what was counted between two samples: both count since they were made, and say nothing alone.
pub fn growth(before: Seen, now: Seen) -> Vec<&'static str> {
    let mut said = Vec::new();
    if now.0.rescues_failed > before.0.rescues_failed && now.0.rescues_answered == before.0.rescues_answered {
        said.push("the gateway does not answer");
    }
    if now.1 > before.1 {
        said.push("the journal falls behind: payments were turned away");
    }
    said
}

/// How old the oldest open payment is.
fn age(backlog: Backlog) -> Duration {
    let now = Clock::new().now().wall.0;
    Duration::from_millis(backlog.oldest.map_or(0, |made| now.saturating_sub(made.0)))
}

/// The numbers, as Prometheus reads them.
async fn metrics(Shared(watch): Shared<Arc<Watch>>) -> Result<String, StatusCode> {
    let Watch { shop, .. } = &*watch;
    let backlog = shop.client.backlog().await.map_err(|error: Error| {
        tracing::error!(%error, "the journal cannot be read");
        StatusCode::SERVICE_UNAVAILABLE
    })?;
    let (counts, journal) = (shop.client.counts(), shop.journal.counts());
    let mut text = String::new();
    let mut say = |kind: &str, name: &str, value: u64| {
        let _ = writeln!(text, "# TYPE kicc_{name} {kind}\nkicc_{name} {value}");
    };
    // Of all replicas: each says the same.
    say("gauge", "parked", backlog.parked);
    say("gauge", "open", backlog.open);
    say("gauge", "oldest_open_seconds", age(backlog).as_secs());
    // Of this one, since it began.
    say("gauge", "in_hand", counts.in_hand);
    say("counter", "approved_total", counts.approved);
    say("counter", "declined_total", counts.declined);
    say("counter", "never_sent_total", counts.never_sent);
    say("counter", "reversed_total", counts.reversed);
    say("counter", "needs_operator_total", counts.needs_operator);
    say("counter", "rescues_answered_total", counts.rescues_answered);
    say("counter", "rescues_failed_total", counts.rescues_failed);
    say("counter", "journal_turned_away_total", journal.turned_away);
    say("gauge", "journal_queued", journal.queued as u64);
    say("gauge", "journal_restored", shop.journal.is_restored().into());
    say("gauge", "journal_mark_trouble", shop.journal.mark_trouble().is_some().into());
    Ok(text)
}
