//! `DELETE /api/v1/auth/sessions/{id}`.

use access_token::Caller;
use axum::extract::State;
use contracts::SessionId;
use http::StatusCode;
use service_kit::http::{Path, Problem, ProblemBody};

use super::Api;

/// Sign out somewhere else
///
/// Ends one of your sessions. Its access token lives to its end, at most 10 minutes.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions/{id}",
    tag = "sign-in",
    operation_id = "endSession",
    params(("id" = SessionId, Path)),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: it is not yours, or has ended before"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn end_session(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    let context = api.present.context();
    if api.store.end_session(caller.user_id, id, context).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}
