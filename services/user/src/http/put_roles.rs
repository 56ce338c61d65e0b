//! `PUT /api/v1/admin/users/{id}/roles`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{Role, UserId};
use http::HeaderMap;
use serde::Deserialize;
use service_kit::http::etag::if_match_version;
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use super::representation::AccountBody;
use super::{Api, reply};

/// What an account may do from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRoles {
    /// All its roles; `customer` need not be named.
    roles: Vec<Role>,
}

/// Say what an account may do
///
/// Takes effect when the account signs in or refreshes its token next, at the latest after 10 minutes.
#[utoipa::path(
    put,
    path = "/api/v1/admin/users/{id}/roles",
    tag = "users (administration)",
    operation_id = "putRoles",
    params(("id" = UserId, Path), ("If-Match" = String, Header, description = "the `ETag` you read")),
    request_body = NewRoles,
    responses(
        (status = 200, body = AccountBody, description = "The account as it is now", headers(("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`last_administrator`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 428, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_required`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn put_roles(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<UserId>,
    headers: HeaderMap,
    Json(new): Json<NewRoles>,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let if_match = if_match_version(&headers)?;
    let context = api.present.context();
    let account = api
        .store
        .set_roles(id, if_match, new.roles, context)
        .await?;
    tracing::info!(user_id = %id, by = %caller.user_id, "an account has other roles");
    api.poke.poke();
    Ok(reply::changed(account.version, AccountBody::from(account)))
}
