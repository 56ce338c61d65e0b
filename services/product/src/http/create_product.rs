//! `POST /api/v1/admin/products`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::Role;
use service_kit::http::idempotency::OptionalKey;
use service_kit::http::{Json, Problem, ProblemBody};

use super::representation::ProductBody;
use super::{Api, reply};
use crate::domain::product::NewProduct;

/// Put a product on the shelf
#[utoipa::path(
    post,
    path = "/api/v1/admin/products",
    tag = "catalog",
    operation_id = "createProduct",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewProduct,
    responses(
        (status = 201, body = ProductBody, description = "On the shelf, now or by an earlier request with the same key", headers(("Location" = String), ("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`, `invalid_idempotency_key`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`sku_taken`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`, `idempotency_key_reused`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn create_product(
    State(api): State<Api>,
    caller: Caller,
    OptionalKey(key): OptionalKey,
    Json(new): Json<NewProduct>,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let retry = key
        .map(|key| reply::retry(&caller, &key, "/api/v1/admin/products", &new))
        .transpose()?;
    let once = api
        .store
        .create(new, Some(caller.user_id), retry, api.present.context())
        .await?;
    api.poke.poke();
    reply::created(
        once,
        |listed| format!("/api/v1/admin/products/{}", listed.product.id),
        reply::product,
    )
}
