//! `POST /api/v1/me/password`.

use access_token::{Caller, VerifyError};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use service_kit::http::{Json, Problem, ProblemBody};
use service_kit::settings::Secret;
use utoipa::ToSchema;

use super::client_address::ClientAddress;
use super::{Api, problems};
use crate::domain::NewPassword;
use crate::passwords::Verdict;

/// The old password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(value_type = String, format = Password)]
    current_password: Secret,
    /// 8 to 128 characters, and none of those that are tried first.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Secret,
}

/// Change your password
///
/// Ends all your other sessions. An `Idempotency-Key` is not looked at: a digest of passwords would have to be kept. A retry
/// of a change that was made finds the old password wrong, and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/me/password",
    tag = "me",
    operation_id = "changePassword",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "The new password is in force"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`, `wrong_password`, `weak_password`"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "`too_many_requests`", headers(("RateLimit" = String), ("RateLimit-Policy" = String), ("Retry-After" = u64))),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`busy`, `unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    api.throttle.from_address(address)?;
    let account = api.store.account(caller.user_id).await?;
    let account = account.ok_or(VerifyError::Invalid)?;
    api.throttle.with_email(account.email.as_str(), address)?;
    let new = NewPassword::choose(&change.new_password, &account.email)
        .map_err(|why| problems::weak_password(why, "/new_password"))?;
    let current = NewPassword::given(&change.current_password).map_err(|_| wrong_password())?;
    let known = api.store.credentials_of(caller.user_id).await?;
    let known = known.ok_or(VerifyError::Invalid)?;
    let stored = Some(known.password_hash.clone());
    if api.passwords.verify(current, stored).await? == Verdict::Wrong {
        return Err(wrong_password());
    }
    let new = api.passwords.hash(new).await?;
    let context = api.present.context();
    let changed = api
        .store
        .change_password(known, new, caller.session_id, context)
        .await?;
    if changed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(wrong_password())
    }
}

fn wrong_password() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "wrong_password",
        "The current password is wrong",
    )
    .field(
        "/current_password",
        "wrong_password",
        "this is not the account's password",
    )
}
