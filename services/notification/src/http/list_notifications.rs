//! `GET /api/v1/me/notifications`.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::{NotificationId, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::http::page::{self, Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::{IntoParams, ToSchema};

use crate::http::Api;
use crate::store::Notification;

/// Which of one's notifications to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListNotifications {
    /// How many, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Only those that were not read.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    unread: bool,
}

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotificationBody {
    /// Its name.
    id: NotificationId,
    /// What happened: `order.confirmed`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// One line.
    title: String,
    /// A sentence or two.
    body: String,
    /// What it is about: `order_id` and `order_number`, `sku`, and more by type.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// When it was made.
    created_at: Timestamp,
    /// When it was read; null if it was not.
    read_at: Option<Timestamp>,
}

impl From<Notification> for NotificationBody {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            kind: notification.event_type.unversioned(),
            title: notification.title,
            body: notification.body,
            data: notification.data,
            created_at: notification.created_at,
            read_at: notification.read_at,
        }
    }
}

/// List your notifications
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/me/notifications",
    tag = "notifications",
    operation_id = "listNotifications",
    params(ListNotifications),
    responses(
        (status = 200, body = Page<NotificationBody>, description = "A page", headers(("Link" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_query`, `invalid_cursor`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_notifications(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListNotifications>,
) -> Result<Response, Problem> {
    let (reader, unread, limit) = (caller.user_id, query.unread, query.limit);
    let name = format!("notifications;reader={reader};unread={unread}");
    let before = query
        .cursor
        .map(|cursor| page::decode_cursor::<i64>(&name, &cursor))
        .transpose()?;
    let found = api
        .store
        .notifications(reader, unread, before, limit.and_one())
        .await?;
    let page = Page::cut(found, limit, &name, |last| last.stream_seq);
    Ok(page.map(NotificationBody::from).reply(&uri))
}
