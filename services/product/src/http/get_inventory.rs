//! `GET /api/v1/admin/inventory/{sku}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{Role, Sku};
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use crate::store::Inventory;

/// Read the stock of a sku
#[utoipa::path(
    get,
    path = "/api/v1/admin/inventory/{sku}",
    tag = "inventory",
    operation_id = "getInventory",
    params(("sku" = Sku, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Inventory, description = "The stock", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_inventory(
    State(api): State<Api>,
    caller: Caller,
    Path(sku): Path<Sku>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let inventory = api.store.inventory(sku).await?;
    let inventory = inventory.ok_or_else(Problem::not_found)?;
    let tag = ETag::of_version(inventory.version);
    Ok(json_with_etag(inventory, &tag, &headers))
}
