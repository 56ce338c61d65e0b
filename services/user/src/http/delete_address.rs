//! `DELETE /api/v1/me/addresses/{id}`.

use access_token::Caller;
use axum::extract::State;
use contracts::AddressId;
use http::{HeaderMap, StatusCode};
use service_kit::http::{Path, Problem, ProblemBody};

use super::{Api, reply};

/// Remove one of your addresses
///
/// Orders that go there keep their copy.
#[utoipa::path(
    delete,
    path = "/api/v1/me/addresses/{id}",
    tag = "me",
    operation_id = "deleteAddress",
    params(("id" = AddressId, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` you read, if nobody's change may be lost")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn delete_address(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<AddressId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let if_match = reply::optional_if_match(&headers)?;
    api.store
        .remove_address(caller.user_id, id, if_match)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
