//! `GET /api/v1/admin/orders`.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::events::order::OrderStatus;
use contracts::{Role, UserId};
use serde::Deserialize;
use service_kit::http::page::{Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::list_orders::list;
use crate::http::representation::OrderBody;
use crate::store::OrderFilter;

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AdminListOrders {
    /// How many, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Only those in this status.
    #[serde(default)]
    status: Option<OrderStatus>,
    /// Only this customer's.
    #[serde(default)]
    customer: Option<UserId>,
}

/// List everybody's orders
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/admin/orders",
    tag = "orders (administration)",
    operation_id = "adminListOrders",
    params(AdminListOrders),
    responses(
        (status = 200, body = Page<OrderBody>, description = "A page", headers(("Link" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_query`, `invalid_cursor`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn admin_list_orders(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<AdminListOrders>,
) -> Result<Response, Problem> {
    caller.require(Role::Support)?;
    let filter = OrderFilter {
        customer_id: query.customer,
        status: query.status,
    };
    list(
        &api,
        "admin-orders",
        filter,
        query.limit,
        query.cursor,
        &uri,
    )
    .await
}
