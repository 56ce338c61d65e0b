//! `POST /api/v1/orders/{id}/cancel`, and what cancelling is for everybody.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::events::order::CancelReason;
use contracts::{OrderId, UserId};
use http::Method;
use service_kit::http::idempotency::{self, IdempotencyKey, OptionalKey};
use service_kit::http::{Path, Problem, ProblemBody};

use crate::domain::Input;
use crate::http::representation::OrderBody;
use crate::http::{Api, reply};
use crate::store::{RequestKey, TellOrder, Told};

/// Cancel one of your orders
///
/// Possible until something has been shipped. The order is `cancelling` until its stock is back, then `cancelled`.
#[utoipa::path(
    post,
    path = "/api/v1/orders/{id}/cancel",
    tag = "orders",
    operation_id = "cancelOrder",
    params(("id" = OrderId, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters")),
    responses(
        (status = 202, body = OrderBody, description = "It is being cancelled",
            headers(("ETag" = String), ("Idempotency-Replayed" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_idempotency_key`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: no such order, or somebody else's"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_transition` with `allowed`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`idempotency_key_reused`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn cancel_order(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    OptionalKey(key): OptionalKey,
) -> Result<Response, Problem> {
    let path = format!("/api/v1/orders/{id}/cancel");
    let command = TellOrder {
        order_id: id,
        owner: Some(caller.user_id),
        input: Input::Cancel(CancelReason::Customer),
        seen_version: None,
        request: key
            .map(|key| request_key(caller.user_id, &key, &path, &()))
            .transpose()?,
        context: api.present.context(),
    };
    Ok(reply::accepted(tell(&api, command).await?))
}

/// What makes a repeated POST recognisable.
pub(super) fn request_key(
    caller: UserId,
    key: &IdempotencyKey,
    path: &str,
    body: &impl serde::Serialize,
) -> Result<RequestKey, Problem> {
    let fingerprint = idempotency::fingerprint(&Method::POST, path, body).map_err(|error| {
        tracing::error!(%error, "a request could not be written as JSON");
        Problem::internal()
    })?;
    Ok(RequestKey {
        caller,
        key: key.as_str().to_owned(),
        fingerprint,
    })
}

/// Tells the order, and whoever waits for it or for its events.
pub(super) async fn tell(api: &Api, command: TellOrder) -> Result<Told, Problem> {
    let told = api.store.tell(command).await?;
    if !told.replayed {
        api.poke.poke();
        api.waiting.wake(told.order.id);
        let status = told.order.status.as_str();
        tracing::info!(order_id = %told.order.id, status, "order changed");
    }
    Ok(told)
}
