//! `GET /api/v1/admin/users/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{Role, UserId};
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;
use super::representation::AccountBody;

/// Read an account
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{id}",
    tag = "users (administration)",
    operation_id = "getUser",
    params(("id" = UserId, Path), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = AccountBody, description = "The account", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_user(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<UserId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let account = api.store.account(id).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    let tag = ETag::of_version(account.version);
    Ok(json_with_etag(AccountBody::from(account), &tag, &headers))
}
