//! `POST /api/v1/admin/orders/{id}/cancel`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::events::order::CancelReason;
use contracts::{OrderId, Role};
use service_kit::http::idempotency::OptionalKey;
use service_kit::http::{Path, Problem, ProblemBody};

use crate::domain::Input;
use crate::http::cancel_order::{request_key, tell};
use crate::http::representation::OrderBody;
use crate::http::{Api, reply};
use crate::store::TellOrder;

/// Cancel a customer's order
///
/// Possible until something has been shipped.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/cancel",
    tag = "orders (administration)",
    operation_id = "adminCancelOrder",
    params(("id" = OrderId, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters")),
    responses(
        (status = 202, body = OrderBody, description = "It is being cancelled",
            headers(("ETag" = String), ("Idempotency-Replayed" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_idempotency_key`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_transition` with `allowed`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`idempotency_key_reused`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn admin_cancel_order(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    OptionalKey(key): OptionalKey,
) -> Result<Response, Problem> {
    caller.require(Role::Support)?;
    let path = format!("/api/v1/admin/orders/{id}/cancel");
    let command = TellOrder {
        order_id: id,
        owner: None,
        input: Input::Cancel(CancelReason::Administrator),
        seen_version: None,
        request: key
            .map(|key| request_key(caller.user_id, &key, &path, &()))
            .transpose()?,
        context: api.present.context(),
    };
    Ok(reply::accepted(tell(&api, command).await?))
}
