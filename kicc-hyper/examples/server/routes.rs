//! What the shop answers.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequestParts, Path, Query, State as Shared},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use kicc_hyper::Progress;
use kicc_proto::{
    flow::Outcome,
    values::{CertControlNumber, Invalid, OrderNumber, TransactionNumber, Won},
    wire::{
        NotSent,
        post::{POST_MAX, Post},
    },
};
use serde::Deserialize;
use serde_json::json;

use super::{
    books::{self, Order, State},
    health,
    pages::{self, Language},
    shop::Shop,
};

/// All of them. `unhealthy_after`: an unknown payment older than that needs attention.
pub fn routes(shop: Arc<Shop>, unhealthy_after: Duration) -> Router {
    let health = health::routes(Arc::clone(&shop), unhealthy_after);
    Router::new()
        .route("/", get(product))
        .route("/orders", post(register))
        .route("/return", post(returned))
        .route("/orders/{order_number}", get(standing))
        .route("/api/approvals", post(approve))
        .layer(axum::extract::DefaultBodyLimit::max(POST_MAX))
        .with_state(shop)
        .merge(health)
}

async fn product(Shared(shop): Shared<Arc<Shop>>, language: Language) -> Html<String> {
    pages::product(language, shop.price())
}

/// Opens a payment window.
async fn register(Shared(shop): Shared<Arc<Shop>>, language: Language) -> Response {
    match shop.register(language == Language::English).await {
        // Not in a frame: on a phone the window must have the page to itself (spec B.3).
        Ok(window) => Redirect::to(window.as_str()).into_response(),
        Err(error) => {
            tracing::error!(%error, "no payment window");
            let text = [
                "결제창을 열지 못했습니다. 청구되지 않았습니다.",
                "The payment window did not open. You were not charged.",
            ];
            (StatusCode::BAD_GATEWAY, pages::trouble(language, text)).into_response()
        }
    }
}

#[derive(Deserialize)]
struct Returned {
    order: String,
}

/// `returnUrl`: the window is done. The result has an address of its own, so that to reload it posts nothing again.
async fn returned(
    Shared(shop): Shared<Arc<Shop>>,
    language: Language,
    Query(Returned { order }): Query<Returned>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = match find(&shop, language, &order).await {
        Ok(order) => order,
        Err(answer) => return answer,
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match shop.returned(&order, Post { content_type, body: &body }).await {
        Ok(()) => {
            Redirect::to(&format!("/orders/{}?lang={}", order.order_number, language.tag())).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, order_number = %order.order_number, "a post that is not believed");
            let text = ["결제 결과를 읽을 수 없습니다.", "The result of the payment cannot be read."];
            (StatusCode::BAD_REQUEST, pages::trouble(language, text)).into_response()
        }
    }
}

async fn standing(
    Shared(shop): Shared<Arc<Shop>>,
    language: Language,
    Path(order): Path<String>,
) -> Response {
    let order = match find(&shop, language, &order).await {
        Ok(order) => order,
        Err(answer) => return answer,
    };
    match shop.standing(&order).await {
        Ok(standing) => pages::standing(language, &order, standing).into_response(),
        Err(error) => unavailable(language, &error.into()),
    }
}

async fn find(shop: &Shop, language: Language, order: &str) -> Result<Order, Response> {
    let found = match OrderNumber::new(order) {
        Ok(order) => shop.books.find(&order).await.map_err(|error| unavailable(language, &error))?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        let text = ["그런 주문이 없습니다.", "There is no such order."];
        (StatusCode::NOT_FOUND, pages::trouble(language, text)).into_response()
    })
}

fn unavailable(language: Language, error: &books::Error) -> Response {
    tracing::error!(%error, "books or journal did not answer");
    let text = ["잠시 후 이 페이지를 다시 열어 주세요.", "Please open this page again in a moment."];
    (StatusCode::SERVICE_UNAVAILABLE, pages::trouble(language, text)).into_response()
}

/// An order that a customer has authenticated elsewhere.
#[derive(Deserialize)]
struct Authenticated {
    number: String,
    amount: u64,
    order_number: String,
    cert_control_no: String,
}

impl Authenticated {
    fn order(&self) -> Result<(Order, CertControlNumber), Invalid> {
        let order = Order {
            order_number: OrderNumber::new(&self.order_number)?,
            number: TransactionNumber::new(&self.number)?,
            amount: Won(self.amount),
            state: State::Unpaid,
            note: None,
        };
        Ok((order, CertControlNumber::new(&self.cert_control_no)?))
    }
}

/// Takes a payment, and answers its outcome, or where it stands.
async fn approve(Shared(shop): Shared<Arc<Shop>>, Json(asked): Json<Authenticated>) -> Response {
    let answer = |status: StatusCode, mut answer: serde_json::Value| {
        answer["number"] = asked.number.as_str().into();
        (status, Json(answer)).into_response()
    };
    let (order, authorisation) = match asked.order() {
        Ok(order) => order,
        Err(error) => return answer(StatusCode::BAD_REQUEST, json!({ "error": error.to_string() })),
    };
    let paid = match shop.books.add(&order).await {
        Ok(_) => shop.pay(order, authorisation).await,
        Err(error) => Err(error),
    };
    match paid {
        Ok(Progress::Settled(end)) => match end.outcome() {
            // Nobody had recorded it when this was told; another replica, asked at the same time, may do so yet.
            Some(Outcome::NeverSent(NotSent::NotRecorded)) => {
                let error = "the payment was not recorded; ask again under the same number";
                answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": error, "safe_to_retry": false }))
            }
            Some(outcome) => {
                let (charged, safe) = (outcome.charged().as_str(), outcome.safe_to_retry());
                let outcome = outcome.name();
                answer(
                    StatusCode::OK,
                    json!({ "outcome": outcome, "charged": charged, "safe_to_retry": safe, "repeat": end.repeat() }),
                )
            }
            None => answer(StatusCode::CONFLICT, json!({ "error": "the number is a refund's" })),
        },
        Ok(Progress::Open(open)) => {
            let stage = open.record.stage;
            answer(
                StatusCode::ACCEPTED,
                json!({ "open": stage, "until": open.until.map(|until| until.0), "safe_to_retry": false }),
            )
        }
        // What it says of its own call is no outcome: ask again under the same number.
        Err(error) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "error": error.to_string(), "safe_to_retry": false }),
        ),
    }
}

/// `lang=` of the query, else the browser's first wish, else Korean.
impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = query.split('&').find_map(|part| part.strip_prefix("lang="));
        let wish = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let is_english = asked.or(wish).is_some_and(|language| language.starts_with("en"));
        Ok(if is_english { Language::English } else { Language::Korean })
    }
}
