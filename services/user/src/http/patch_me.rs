//! `PATCH /api/v1/me`.

use access_token::{Caller, VerifyError};
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use service_kit::http::{Json, Problem, ProblemBody};
use utoipa::ToSchema;

use super::present_field::not_null;
use super::representation::AccountBody;
use super::{Api, reply};
use crate::domain::Name;
use crate::store::ChangeError;

/// What changes about an account; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountPatch {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    name: Option<Name>,
}

/// Change your account
#[utoipa::path(
    patch,
    path = "/api/v1/me",
    tag = "me",
    operation_id = "patchMe",
    params(("If-Match" = Option<String>, Header, description = "the `ETag` you read, if nobody's change may be lost")),
    request_body = AccountPatch,
    responses(
        (status = 200, body = AccountBody, description = "Your account as it is now", headers(("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn patch_me(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Json(patch): Json<AccountPatch>,
) -> Result<Response, Problem> {
    let if_match = reply::optional_if_match(&headers)?;
    let context = api.present.context();
    let account = api
        .store
        .rename(caller.user_id, if_match, patch.name, context)
        .await
        .map_err(|error| match error {
            ChangeError::NotFound => VerifyError::Invalid.into(),
            other => Problem::from(other),
        })?;
    api.poke.poke();
    Ok(reply::changed(account.version, AccountBody::from(account)))
}
