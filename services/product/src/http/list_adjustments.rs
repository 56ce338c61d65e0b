//! `GET /api/v1/admin/inventory/{sku}/adjustments`.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::{Role, Sku};
use serde::Deserialize;
use service_kit::http::page::{Limit, Page, decode_cursor};
use service_kit::http::{Path, Problem, ProblemBody, Query};
use utoipa::IntoParams;

use super::Api;
use crate::store::Adjustment;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Items a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where the page starts.
    cursor: Option<String>,
}

/// List who changed the stock of a sku, when and why, newest first
#[utoipa::path(
    get,
    path = "/api/v1/admin/inventory/{sku}/adjustments",
    tag = "inventory",
    operation_id = "listAdjustments",
    params(("sku" = Sku, Path), ListQuery),
    responses(
        (status = 200, body = Page<Adjustment>, description = "A page of them"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_cursor`, `invalid_query`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_adjustments(
    State(api): State<Api>,
    caller: Caller,
    Path(sku): Path<Sku>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    api.store
        .inventory(sku.clone())
        .await?
        .ok_or_else(Problem::not_found)?;
    let name = format!("adjustments of {sku}");
    let after = query
        .cursor
        .map(|cursor| decode_cursor(&name, &cursor))
        .transpose()?;
    let adjustments = api
        .store
        .adjustments(sku, after, query.limit.and_one())
        .await?;
    Ok(Page::cut(adjustments, query.limit, &name, |last| last.id).reply(&uri))
}
