//! `POST /api/v1/auth/register`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use contracts::UserId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use service_kit::http::{Json, Problem, ProblemBody};
use service_kit::settings::Secret;
use utoipa::ToSchema;

use super::client_address::ClientAddress;
use super::{Api, problems};
use crate::domain::{Email, InvalidEmail, Name, NewPassword};
use crate::store::NewAccount;

/// An account to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada"}))]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// 8 to 128 characters, and none of those that are tried first.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: Secret,
    name: Name,
}

/// What is answered to every registration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// Always `accepted`.
    status: &'static str,
}

/// Register an account
///
/// The answer, and the time it takes, are the same if the address has an account already.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    tag = "sign-in",
    operation_id = "register",
    request_body = Registration,
    responses(
        (status = 201, body = Accepted, description = "The same answer whether or not the address had an account"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`, `invalid_email`, `weak_password`"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "`too_many_requests`", headers(("RateLimit" = String), ("RateLimit-Policy" = String), ("Retry-After" = u64))),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`busy`, `unavailable`", headers(("Retry-After" = u64))),
    )
)]
pub(super) async fn register(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Json(registration): Json<Registration>,
) -> Result<Response, Problem> {
    api.throttle.from_address(address)?;
    let email = Email::try_from(registration.email.as_str()).map_err(invalid_email)?;
    api.throttle.with_email(email.as_str(), address)?;
    let password = NewPassword::choose(&registration.password, &email)
        .map_err(|why| problems::weak_password(why, "/password"))?;
    // Hashed whether or not there is an account already: the answer takes as long.
    let password_hash = api.passwords.hash(password).await?;
    let context = api.present.context();
    let account = NewAccount {
        id: UserId::at(context.now),
        email,
        name: registration.name,
        roles: Vec::new(),
        password_hash,
    };
    let id = account.id;
    if api.store.register(account, context).await? {
        tracing::info!(user_id = %id, "somebody registered");
        metrics::counter!("shop_registrations_total").increment(1);
        api.poke.poke();
    }
    let accepted = Accepted { status: "accepted" };
    Ok((StatusCode::CREATED, Json(accepted)).into_response())
}

fn invalid_email(why: InvalidEmail) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_email",
        "The e-mail address is not valid",
    )
    .field("/email", "invalid_email", why.to_string())
}
