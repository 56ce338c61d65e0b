//! `DELETE /api/v1/admin/products/{id}`.

use access_token::Caller;
use axum::extract::State;
use contracts::events::product::ProductStatus;
use contracts::{ProductId, Role};
use http::{HeaderMap, StatusCode};
use service_kit::http::etag::if_match_version;
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use crate::domain::product::ProductPatch;

/// Take a product off the shelf; orders that hold it are not touched
#[utoipa::path(
    delete,
    path = "/api/v1/admin/products/{id}",
    tag = "catalog",
    operation_id = "archiveProduct",
    params(("id" = ProductId, Path), ("If-Match" = String, Header, description = "the `ETag` you read")),
    responses(
        (status = 204, description = "It is archived"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 428, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_required`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn archive_product(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    caller.require(Role::Catalog)?;
    let if_match = if_match_version(&headers)?;
    let patch = ProductPatch {
        status: Some(ProductStatus::Archived),
        ..ProductPatch::default()
    };
    api.store
        .patch(id, if_match, patch, api.present.context())
        .await?;
    api.poke.poke();
    Ok(StatusCode::NO_CONTENT)
}
