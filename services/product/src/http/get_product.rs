//! `GET /api/v1/products/{id or slug}`.

use axum::extract::State;
use axum::response::Response;
use contracts::events::product::ProductStatus;
use http::HeaderMap;
use service_kit::http::etag::json_with_etag;
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use super::representation::{ProductBody, tag};
use crate::store::Name;

/// Read a product by its id or its slug
#[utoipa::path(
    get,
    path = "/api/v1/products/{name}",
    tag = "products",
    operation_id = "getProduct",
    params(("name" = String, Path, description = "An id or a slug"), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = ProductBody, description = "The product", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: no such product, or it is not offered any more"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`"),
    )
)]
pub(super) async fn get_product(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name.parse().map_or_else(|_| Name::Slug(name), Name::Id);
    let listed = api
        .store
        .product(name)
        .await?
        .filter(|listed| listed.product.status == ProductStatus::Active)
        .ok_or_else(Problem::not_found)?;
    let tag = tag(&listed);
    Ok(json_with_etag(ProductBody::from(listed), &tag, &headers))
}
