//! What a try came to.

use contracts::{DeliveryId, Timestamp};
use postgres_store::{parsed, store_error};
use service_kit::Context;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::store::outcome::{About, Outcome};
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
    let outcome = Outcome::of(tried);
    let recorded = sqlx::query(statements::RECORD)
        .bind(id.to_string())
        .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
        .bind(outcome.state.as_str())
        .bind(outcome.due_at.map(Timestamp::unix_millis))
        .bind(outcome.reason)
        .bind(context.now.unix_millis())
        .fetch_optional(&mut *connection)
        .await
        .map_err(store_error)?;
    let Some(row) = recorded else {
        return Ok(false);
    };
    let about = about(&row).map_err(store_error)?;
    if let Some(event) = about.told(id, attempt, tried, context) {
        let traceparent = context.traceparent.as_deref();
        messaging::postgres::append_outbox(connection, &event, traceparent).await?;
    }
    Ok(true)
}

fn about(row: &PgRow) -> sqlx::Result<About> {
    Ok(About {
        event_id: parsed(row, 0)?,
        user_id: parsed(row, 1)?,
        channel: row.try_get(2)?,
    })
}
