//! `GET /api/v1/admin/products/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{ProductId, Role};
use http::HeaderMap;
use service_kit::http::etag::json_with_etag;
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use super::representation::{ProductBody, tag};
use crate::store::Name;

/// Read a product, archived or not
#[utoipa::path(
    get,
    path = "/api/v1/admin/products/{id}",
    tag = "catalog",
    operation_id = "getAdminProduct",
    params(("id" = ProductId, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = ProductBody, description = "The product", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_admin_product(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let listed = api
        .store
        .product(Name::Id(id))
        .await?
        .ok_or_else(Problem::not_found)?;
    let tag = tag(&listed);
    Ok(json_with_etag(ProductBody::from(listed), &tag, &headers))
}
