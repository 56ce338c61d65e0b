//! What a try came to.

use contracts::events::notification::{NotificationDelivered, NotificationFailed};
use contracts::{DeliveryId, Event, EventId, Payload, Timestamp, UserId};
use postgres_store::{parsed, store_error};
use service_kit::Context;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::domain::DeliveryState;
use crate::store::postgres::statements;
use crate::store::{StoreFailure, Tried};

/// Records what a try came to, and tells it, if it is still that try's to say.
pub(super) async fn record(
    connection: &mut PgConnection,
    id: DeliveryId,
    attempt: u32,
    tried: &Tried,
    context: &Context,
) -> Result<bool, StoreFailure> {
    let (state, due_at, reason) = match tried {
        Tried::Sent => (DeliveryState::Sent, None, None),
        Tried::Later { reason, at } => (DeliveryState::Queued, Some(*at), Some(reason)),
        Tried::Failed { reason } => (DeliveryState::Failed, None, Some(reason)),
    };
    let recorded = sqlx::query(statements::RECORD)
        .bind(id.to_string())
        .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
        .bind(state.as_str())
        .bind(due_at.map(Timestamp::unix_millis))
        .bind(reason)
        .bind(context.now.unix_millis())
        .fetch_optional(&mut *connection)
        .await
        .map_err(store_error)?;
    let Some(row) = recorded else {
        return Ok(false);
    };
    let about = about(&row).map_err(store_error)?;
    if let Some(payload) = told(id, tried, &about) {
        let event = Event {
            id: EventId::at(context.now),
            occurred_at: context.now,
            aggregate_version: u64::from(attempt),
            correlation_id: about.user_id.to_string(),
            payload,
        };
        let traceparent = context.traceparent.as_deref();
        messaging::postgres::append_outbox(connection, &event, traceparent).await?;
    }
    Ok(true)
}

/// What a delivery is about.
struct About {
    event_id: EventId,
    user_id: UserId,
    channel: String,
}

fn about(row: &PgRow) -> sqlx::Result<About> {
    Ok(About {
        event_id: parsed(row, 0)?,
        user_id: parsed(row, 1)?,
        channel: row.try_get(2)?,
    })
}

/// What others hear when a delivery has ended.
fn told(delivery_id: DeliveryId, tried: &Tried, about: &About) -> Option<Payload> {
    let (event_id, user_id, channel) = (about.event_id, about.user_id, about.channel.clone());
    match tried {
        Tried::Sent => Some(Payload::from(NotificationDelivered {
            delivery_id,
            event_id,
            user_id,
            channel,
        })),
        Tried::Failed { reason } => Some(Payload::from(NotificationFailed {
            delivery_id,
            event_id,
            user_id,
            channel,
            reason: reason.clone(),
        })),
        Tried::Later { .. } => None,
    }
}
