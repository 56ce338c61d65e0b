//! `GET /api/v1/orders/{id}/timeline`.

use access_token::Caller;
use axum::extract::State;
use contracts::{OrderId, Timestamp};
use serde::Serialize;
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use crate::domain::Entry;
use crate::http::Api;

/// What happened to an order, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timeline {
    /// The entries.
    data: Vec<TimelineEntry>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TimelineEntry {
    /// When.
    at: Timestamp,
    /// What: `placed`, `confirmed`, `rejected`, `cancel_requested`, `cancelled`, `shipped`, `shipment_delivered`,
    /// `delivered`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// More about it, for people.
    detail: Option<String>,
}

/// Read what happened to one of your orders
#[utoipa::path(
    get,
    path = "/api/v1/orders/{id}/timeline",
    tag = "orders",
    operation_id = "getOrderTimeline",
    params(("id" = OrderId, Path)),
    responses(
        (status = 200, body = Timeline, description = "The oldest first"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: no such order, or somebody else's"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn order_timeline(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
) -> Result<Json<Timeline>, Problem> {
    let entries = api.store.timeline(id, Some(caller.user_id)).await?;
    let data = entries
        .ok_or_else(Problem::not_found)?
        .into_iter()
        .map(TimelineEntry::from)
        .collect();
    Ok(Json(Timeline { data }))
}

impl From<Entry> for TimelineEntry {
    fn from(entry: Entry) -> Self {
        Self {
            at: entry.at,
            kind: entry.kind.as_str(),
            detail: entry.detail,
        }
    }
}
