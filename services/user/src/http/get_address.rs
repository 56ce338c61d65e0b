//! `GET /api/v1/me/addresses/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::AddressId;
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use super::representation::EntryBody;

/// Read one of your addresses
#[utoipa::path(
    get,
    path = "/api/v1/me/addresses/{id}",
    tag = "me",
    operation_id = "getAddress",
    params(("id" = AddressId, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = EntryBody, description = "The address", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_address(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<AddressId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let entry = api.store.address(caller.user_id, id).await?;
    let entry = entry.ok_or_else(Problem::not_found)?;
    let tag = ETag::of_version(entry.version);
    Ok(json_with_etag(EntryBody::from(entry), &tag, &headers))
}
