//! `POST /api/v1/me/notifications/{id}/read`.

use access_token::Caller;
use axum::extract::State;
use contracts::NotificationId;
use http::StatusCode;
use service_kit::http::{Path, Problem, ProblemBody};

use crate::http::Api;

/// Mark one of your notifications as read
///
/// It keeps the time it was read at first, so sending it again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/me/notifications/{id}/read",
    tag = "notifications",
    operation_id = "markNotificationRead",
    params(("id" = NotificationId, Path)),
    responses(
        (status = 204, description = "It is read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: no such notification, or somebody else's"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn mark_read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<NotificationId>,
) -> Result<StatusCode, Problem> {
    let now = api.present.now();
    if api.store.mark_read(caller.user_id, id, now).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}
