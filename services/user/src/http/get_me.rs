//! `GET /api/v1/me`.

use access_token::{Caller, VerifyError};
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Problem, ProblemBody};

use super::Api;
use super::representation::AccountBody;

/// Read your account
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "me",
    operation_id = "getMe",
    params(("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = AccountBody, description = "Your account", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_me(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // A token whose account is not here was made for another store.
    let account = api.store.account(caller.user_id).await?;
    let account = account.ok_or(VerifyError::Invalid)?;
    let tag = ETag::of_version(account.version);
    Ok(json_with_etag(AccountBody::from(account), &tag, &headers))
}
