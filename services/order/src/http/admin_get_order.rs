//! `GET /api/v1/admin/orders/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{OrderId, Role};
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Path, Problem, ProblemBody};

use crate::http::Api;
use crate::http::representation::OrderBody;

/// Read a customer's order
#[utoipa::path(
    get,
    path = "/api/v1/admin/orders/{id}",
    tag = "orders (administration)",
    operation_id = "adminGetOrder",
    params(("id" = OrderId, Path), ("If-None-Match" = Option<String>, Header, description = "an `ETag` of an earlier answer")),
    responses(
        (status = 200, body = OrderBody, description = "The order", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn admin_get_order(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Support)?;
    let order = api.store.order(id, None).await?;
    let order = order.ok_or_else(Problem::not_found)?;
    let tag = ETag::of_version(order.version);
    Ok(json_with_etag(OrderBody::from(order), &tag, &headers))
}
