//! `PATCH /api/v1/admin/products/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{ProductId, Role};
use http::HeaderMap;
use service_kit::http::etag::if_match_version;
use service_kit::http::{Json, Path, Problem, ProblemBody};

use super::representation::ProductBody;
use super::{Api, reply};
use crate::domain::product::ProductPatch;

/// Change a product
#[utoipa::path(
    patch,
    path = "/api/v1/admin/products/{id}",
    tag = "catalog",
    operation_id = "patchProduct",
    params(("id" = ProductId, Path), ("If-Match" = String, Header, description = "the `ETag` you read")),
    request_body = ProductPatch,
    responses(
        (status = 200, body = ProductBody, description = "The product as it is now", headers(("ETag" = String))),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 428, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_required`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn patch_product(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
    Json(patch): Json<ProductPatch>,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let if_match = if_match_version(&headers)?;
    let listed = api
        .store
        .patch(id, if_match, patch, api.present.context())
        .await?;
    api.poke.poke();
    Ok(reply::product(listed))
}
