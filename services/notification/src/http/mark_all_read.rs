//! `POST /api/v1/me/notifications/read`.

use access_token::Caller;
use axum::extract::State;
use http::StatusCode;
use service_kit::http::{Problem, ProblemBody};

use crate::http::Api;

/// Mark all your notifications as read
///
/// Those that are read keep the time they were read at, so sending it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/me/notifications/read",
    tag = "notifications",
    operation_id = "markAllNotificationsRead",
    responses(
        (status = 204, description = "None is unread"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn mark_all_read(
    State(api): State<Api>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let now = api.present.now();
    api.store.mark_all_read(caller.user_id, now).await?;
    Ok(StatusCode::NO_CONTENT)
}
