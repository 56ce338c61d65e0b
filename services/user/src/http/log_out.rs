//! `POST /api/v1/auth/logout`.

use access_token::Caller;
use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use service_kit::http::{Json, Problem, ProblemBody};
use service_kit::settings::Secret;
use utoipa::ToSchema;

use super::Api;
use crate::domain::TokenHash;

/// The session to end, by its refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Logout {
    #[schema(value_type = String)]
    refresh_token: Secret,
}

/// Sign out
///
/// Ends the session of the refresh token, or without a body that of the access token. An access token given out before lives
/// to its end, at most 10 minutes.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    tag = "sign-in",
    operation_id = "logOut",
    request_body(content = Option<Logout>),
    responses(
        (status = 204, description = "The session has ended, now or before"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`: without a body an access token is needed"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security((), ("bearer" = []))
)]
pub(super) async fn log_out(
    State(api): State<Api>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let context = api.present.context();
    if request.headers().contains_key(CONTENT_TYPE) {
        let Json(logout) = Json::<Logout>::from_request(request, &api).await?;
        let token = TokenHash::of(logout.refresh_token.expose());
        api.store.sign_out(token, context).await?;
    } else {
        let (mut parts, _) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, &api).await?;
        api.store
            .end_session(caller.user_id, caller.session_id, context)
            .await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
