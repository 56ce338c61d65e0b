//! Deliveries: claimed, tried, recorded, listed.

use std::time::Duration;

use contracts::{DeliveryId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, named_params, params};
use service_kit::Context;
use sqlite_store::StoreError;

use crate::domain::{Channel, DeliveryState};
use crate::store::outcome::Outcome;
use crate::store::readable::readable;
use crate::store::sqlite::rows::{self, CLAIMED_COLUMNS, DELIVERY_COLUMNS};
use crate::store::{Claimed, Delivery, DeliveryFilter, Recorded, StoreFailure, TriedDelivery};

/// Gives back what an earlier process was sending when it ended: it may have been sent, so it is sent again under the same
/// `Message-ID`.
pub(super) fn release_all(conn: &Connection) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE deliveries SET state = 'queued', due_at = 0 WHERE state = 'sending'",
        [],
    )?;
    Ok(())
}

pub(super) const ANY_DUE: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND due_at <= ?2)";

pub(super) fn any_due(
    conn: &Connection,
    channel: Channel,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    Ok(conn
        .prepare_cached(ANY_DUE)?
        .query_row(params![channel.as_str(), now.unix_millis()], |row| {
            row.get(0)
        })?)
}

pub(super) const DUE: &str = "SELECT sequence FROM deliveries WHERE channel = ?1 AND due_at <= ?2 \
     AND (state = 'queued' OR due_at <= ?4) ORDER BY due_at LIMIT ?3";

/// Takes what is due: queued deliveries, and, if that is wanted, those whose sender's lease ended at a time or before.
pub(super) fn claim(
    conn: &Connection,
    channel: Channel,
    limit: u32,
    lease: Duration,
    abandoned: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<Claimed>, StoreFailure> {
    let abandoned = abandoned.map(Timestamp::unix_millis);
    let due: Vec<i64> = conn
        .prepare_cached(DUE)?
        .query_map(
            params![channel.as_str(), now.unix_millis(), limit, abandoned],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut take = conn.prepare_cached(
        "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, due_at = ?2, updated_at = ?3 \
         WHERE sequence = ?1",
    )?;
    let mut read = conn.prepare_cached(&format!(
        "SELECT {CLAIMED_COLUMNS} FROM deliveries d JOIN notifications n ON n.id = d.notification_id \
         WHERE d.sequence = ?1"
    ))?;
    let until = now.plus(lease).unix_millis();
    let mut claimed = Vec::with_capacity(due.len());
    for sequence in due {
        take.execute(params![sequence, until, now.unix_millis()])?;
        claimed.push(read.query_row([sequence], |row| Ok((row.get(0)?, rows::claimed(row))))?);
    }
    Ok(readable(claimed))
}

/// Few are being tried, while many may be due: the plus keeps SQLite from looking through those.
pub(super) const LATE: &str = "SELECT sequence FROM deliveries WHERE state = 'sending' AND channel = ?1 AND +due_at <= ?2 \
     ORDER BY sequence LIMIT 1";

/// A delivery whose lease has ended by then.
pub(super) fn late(
    conn: &Connection,
    channel: Channel,
    late: Timestamp,
) -> Result<Option<i64>, StoreFailure> {
    Ok(conn
        .prepare_cached(LATE)?
        .query_row(params![channel.as_str(), late.unix_millis()], |row| {
            row.get(0)
        })
        .optional()?)
}

/// Touches one such delivery; says whether there is any.
pub(super) fn touch_late(
    conn: &Connection,
    channel: Channel,
    by: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let Some(sequence) = late(conn, channel, by)? else {
        return Ok(false);
    };
    conn.prepare_cached("UPDATE deliveries SET updated_at = ?2 WHERE sequence = ?1")?
        .execute(params![sequence, now.unix_millis()])?;
    Ok(true)
}

/// Moves the end of a try's lease, if it is still that try's.
pub(super) fn hold(
    conn: &Connection,
    id: DeliveryId,
    attempt: u32,
    until: Timestamp,
) -> Result<(), StoreFailure> {
    conn.prepare_cached(
        "UPDATE deliveries SET due_at = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'sending'",
    )?
    .execute(params![id.to_string(), attempt, until.unix_millis()])?;
    Ok(())
}

/// Records what tries came to, and tells it, each if it is still that try's to say.
pub(super) fn record(
    conn: &Connection,
    tries: &[TriedDelivery],
    context: &Context,
) -> Result<Vec<Recorded>, StoreFailure> {
    tries
        .iter()
        .map(|tried| record_one(conn, tried, context))
        .collect()
}

fn record_one(
    conn: &Connection,
    tried: &TriedDelivery,
    context: &Context,
) -> Result<Recorded, StoreFailure> {
    let (id, outcome) = (tried.id.to_string(), Outcome::of(&tried.tried));
    let changed = conn
        .prepare_cached(
            "UPDATE deliveries SET state = ?3, due_at = ?4, last_error = coalesce(?5, last_error), updated_at = ?6 \
             WHERE id = ?1 AND attempts = ?2 AND state = 'sending'",
        )?
        .execute(params![
            id,
            tried.attempt,
            outcome.state.as_str(),
            outcome.due_at.map(Timestamp::unix_millis),
            outcome.reason,
            context.now.unix_millis(),
        ])?;
    if changed == 1 {
        if let Some(event) = tried.told(context) {
            messaging::sqlite::append_outbox(conn, &event, context.traceparent.as_deref())?;
        }
        return Ok(Recorded::Now);
    }
    let still_this_try = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ?1 AND attempts = ?2)")?
        .query_row(params![id, tried.attempt], |row| row.get(0))?;
    Ok(Recorded::not_now(still_this_try))
}

/// The statement of a list: each combination of filters is one, so that SQLite can choose an index for it.
pub(super) fn list_sql(filter: DeliveryFilter) -> String {
    let one = |set: bool, column: &str| {
        if set {
            format!("{column} = :{column}")
        } else {
            format!(":{column} IS NULL")
        }
    };
    format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE {} AND {} AND {} AND sequence < :before \
         ORDER BY sequence DESC LIMIT :limit",
        one(filter.state.is_some(), "state"),
        one(filter.channel.is_some(), "channel"),
        one(filter.user_id.is_some(), "user_id"),
    )
}

/// The log, the newest first.
pub(super) fn list(
    conn: &Connection,
    filter: DeliveryFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Delivery>, StoreFailure> {
    Ok(conn
        .prepare_cached(&list_sql(filter))?
        .query_map(
            named_params! {
                ":state": filter.state.map(DeliveryState::as_str),
                ":channel": filter.channel.map(Channel::as_str),
                ":user_id": filter.user_id.map(|user_id| user_id.to_string()),
                ":before": before.unwrap_or(i64::MAX),
                ":limit": limit,
            },
            rows::delivery,
        )?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) const COUNT: &str = "SELECT channel, state, count(*) FROM deliveries WHERE due_at IS NOT NULL \
     GROUP BY channel, state ORDER BY channel, state";

/// How many are on their way, by state.
pub(super) fn count(conn: &Connection) -> Result<Vec<(Channel, DeliveryState, u64)>, StoreFailure> {
    Ok(conn
        .prepare_cached(COUNT)?
        .query_map([], |row| {
            Ok((
                rows::parsed(row, 0)?,
                rows::parsed(row, 1)?,
                row.get::<_, u64>(2)?,
            ))
        })?
        .collect::<rusqlite::Result<_>>()?)
}
