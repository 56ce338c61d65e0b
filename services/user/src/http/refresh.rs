//! `POST /api/v1/auth/refresh`.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use service_kit::http::{Json, Problem, ProblemBody};
use service_kit::settings::Secret;
use utoipa::ToSchema;

use super::reply::TokenPair;
use super::{Api, reply};
use crate::domain::TokenHash;
use crate::store::{Refreshed, Successors};

/// A refresh token to use.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    #[schema(value_type = String)]
    refresh_token: Secret,
}

/// Carry a session on
///
/// A refresh token works once. For ten seconds it gives the same successor again, so that tabs of a browser may refresh at once.
/// If the reply is lost, it works once more as long as its successor is unused; any other second use ends the session, and all its refresh tokens with it. Roles are read anew.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    tag = "sign-in",
    operation_id = "refresh",
    request_body = Refresh,
    responses(
        (status = 200, body = TokenPair, description = "The next pair of tokens"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_reused`, `token_expired`, `token_invalid`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    )
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    Json(refresh): Json<Refresh>,
) -> Result<Response, Problem> {
    let token = TokenHash::of(refresh.refresh_token.expose());
    let first = api.tokens.successor_of(refresh.refresh_token.expose());
    let replacement = api.tokens.refresh_token()?;
    let successors = Successors {
        first: first.hash(),
        replacement: replacement.hash(),
    };
    let context = api.present.context();
    let now = context.now;
    let idle = api.tokens.idle();
    let refreshed = api.store.refresh(token, successors, idle, context).await?;
    metrics::counter!("shop_token_refreshes_total", "outcome" => outcome(&refreshed)).increment(1);
    let (code, detail) = match refreshed {
        Refreshed::Rotated(identity) | Refreshed::Concurrent(identity) => {
            return reply::tokens(&api, identity, &first, now);
        }
        Refreshed::Repeated(identity) => {
            return reply::tokens(&api, identity, &replacement, now);
        }
        Refreshed::Reused => (
            "token_reused",
            "This refresh token was used before, so its session was ended for everybody. Sign in again.",
        ),
        Refreshed::Expired => ("token_expired", "The session has ended. Sign in again."),
        Refreshed::Unknown => (
            "token_invalid",
            "This is no refresh token, or its session has ended. Sign in again.",
        ),
    };
    Err(Problem::unauthorized(code, Some("invalid_token"), detail))
}

fn outcome(refreshed: &Refreshed) -> &'static str {
    match refreshed {
        Refreshed::Rotated(_) => "rotated",
        Refreshed::Concurrent(_) => "concurrent",
        Refreshed::Repeated(_) => "repeated",
        Refreshed::Reused => "reused",
        Refreshed::Expired => "expired",
        Refreshed::Unknown => "unknown",
    }
}
