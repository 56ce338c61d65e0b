//! `GET /api/v1/admin/notifications`: the delivery log.

use access_token::Caller;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use contracts::{DeliveryId, EventId, NotificationId, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::http::page::{self, Limit, Page};
use service_kit::http::{Problem, ProblemBody, Query};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Channel, DeliveryState};
use crate::http::Api;
use crate::store::{Delivery, DeliveryFilter};

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDeliveries {
    /// How many, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Only those in this state.
    #[serde(default)]
    state: Option<DeliveryState>,
    /// Only those over this channel.
    #[serde(default)]
    channel: Option<Channel>,
    /// Only those to this account.
    #[serde(default)]
    user: Option<UserId>,
}

/// A notification on its way to one recipient over one channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryBody {
    /// Its name.
    id: DeliveryId,
    /// What is on its way.
    notification_id: NotificationId,
    /// The event it tells about.
    event_id: EventId,
    /// The event's type, without its version.
    #[serde(rename = "type")]
    kind: &'static str,
    /// To whom.
    user_id: UserId,
    /// How.
    channel: Channel,
    /// Where to.
    address: String,
    /// How far it is.
    state: DeliveryState,
    /// Tries so far.
    attempts: u32,
    /// When the next try may begin, while there is one.
    next_try_at: Option<Timestamp>,
    /// What the channel said last, if it refused.
    last_error: Option<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it changed last.
    updated_at: Timestamp,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            notification_id: delivery.notification_id,
            event_id: delivery.event_id,
            kind: delivery.event_type.unversioned(),
            user_id: delivery.user_id,
            channel: delivery.channel,
            address: delivery.address,
            state: delivery.state,
            attempts: delivery.attempts,
            next_try_at: delivery.due_at,
            last_error: delivery.last_error,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

/// List what was sent
///
/// The newest first, with what became of it.
#[utoipa::path(
    get,
    path = "/api/v1/admin/notifications",
    tag = "notifications (administration)",
    operation_id = "adminListDeliveries",
    params(ListDeliveries),
    responses(
        (status = 200, body = Page<DeliveryBody>, description = "A page", headers(("Link" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_query`, `invalid_cursor`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn admin_list_deliveries(
    State(api): State<Api>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListDeliveries>,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let filter = DeliveryFilter {
        state: query.state,
        channel: query.channel,
        user_id: query.user,
    };
    let name = format!("deliveries;{filter:?}");
    let before = query
        .cursor
        .map(|cursor| page::decode_cursor::<i64>(&name, &cursor))
        .transpose()?;
    let limit = query.limit;
    let found = api
        .store
        .deliveries(filter, before, limit.and_one())
        .await?;
    let page = Page::cut(found, limit, &name, |last| last.sequence);
    Ok(page.map(DeliveryBody::from).reply(&uri))
}
