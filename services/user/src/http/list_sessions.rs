//! `GET /api/v1/auth/sessions`.

use access_token::Caller;
use axum::extract::State;
use service_kit::http::{Json, Problem, ProblemBody};

use super::Api;
use super::representation::{SessionBody, Whole};

/// List where you are signed in
///
/// The newest first; at most 50.
#[utoipa::path(
    get,
    path = "/api/v1/auth/sessions",
    tag = "sign-in",
    operation_id = "listSessions",
    responses(
        (status = 200, body = Whole<SessionBody>, description = "All of them, the newest first"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_sessions(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Whole<SessionBody>>, Problem> {
    let sessions = api
        .store
        .sessions(caller.user_id, api.present.now())
        .await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionBody::of(session, caller.session_id));
    Ok(Json(Whole::of(sessions)))
}
