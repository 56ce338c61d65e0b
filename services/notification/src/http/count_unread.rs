//! `GET /api/v1/me/notifications/unread-count`.

use access_token::Caller;
use axum::extract::State;
use serde::Serialize;
use service_kit::http::{Json, Problem, ProblemBody};
use utoipa::ToSchema;

use crate::http::Api;

/// How many notifications are unread.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnreadCount {
    /// The number.
    unread: u64,
}

/// Count your unread notifications
#[utoipa::path(
    get,
    path = "/api/v1/me/notifications/unread-count",
    tag = "notifications",
    operation_id = "countUnreadNotifications",
    responses(
        (status = 200, body = UnreadCount, description = "The number"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn count_unread(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<UnreadCount>, Problem> {
    let unread = api.store.count_unread(caller.user_id).await?;
    Ok(Json(UnreadCount { unread }))
}
