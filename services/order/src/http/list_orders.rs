//! `GET /api/v1/orders`, and what lists of orders have in common.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::events::order::OrderStatus;
use serde::Deserialize;
use service_kit::http::page::{self, Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::IntoParams;

use crate::domain::OrderNumber;
use crate::http::Api;
use crate::http::representation::OrderBody;
use crate::store::OrderFilter;

/// Which of one's orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListOrders {
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
}

/// List your orders
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    tag = "orders",
    operation_id = "listOrders",
    params(ListOrders),
    responses(
        (status = 200, body = Page<OrderBody>, description = "A page", headers(("Link" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_query`, `invalid_cursor`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_orders(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListOrders>,
) -> Result<Response, Problem> {
    let filter = OrderFilter {
        customer_id: Some(caller.user_id),
        status: query.status,
    };
    list(&api, "orders", filter, query.limit, query.cursor, &uri).await
}

/// One page of a list; a cursor of another list or another filter is refused.
pub(super) async fn list(
    api: &Api,
    name: &str,
    filter: OrderFilter,
    limit: Limit,
    cursor: Option<String>,
    uri: &http::Uri,
) -> Result<Response, Problem> {
    let customer = filter.customer_id.map(|customer| customer.to_string());
    let status = filter.status.map(OrderStatus::as_str);
    let query = format!(
        "{name};customer={};status={}",
        customer.as_deref().unwrap_or_default(),
        status.unwrap_or_default()
    );
    let after = cursor
        .map(|cursor| page::decode_cursor::<i64>(&query, &cursor))
        .transpose()?
        .map(OrderNumber::of);
    let orders = api.store.orders(filter, after, limit.and_one()).await?;
    let page = Page::cut(orders, limit, &query, |last| last.number.sequence());
    Ok(page.map(OrderBody::from).reply(uri))
}
