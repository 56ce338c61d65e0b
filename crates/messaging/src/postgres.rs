//! The messaging tables in a PostgreSQL store.
//!
//! The functions here run inside a service's own command, on its connection, in its transaction: that is what makes state
//! and events one fact. Everything works with several replicas on one database: what one has claimed, no other is given.

mod deferred;
mod outbox;
mod statements;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use postgres_store::{Database, idempotency, store_error, unreadable};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row as _};
use store_kit::StoreError;

use crate::handoff::Handoff;
use crate::message::Message;
use crate::upkeep::MessageStore;

/// The tables; part of a service's first migration, together with `postgres_store::idempotency::SCHEMA_SQL`.
pub const SCHEMA_SQL: &str = include_str!("postgres/schema.sql");

/// Rows a sweep removes in one statement: locks are held shortly.
const SWEEP_BATCH: u32 = 1_000;
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Puts an event into the outbox.
pub async fn append_outbox(
    connection: &mut PgConnection,
    event: &Event,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    append_outbox_all(connection, std::slice::from_ref(event), traceparent).await
}

/// Puts several events into the outbox, in their order, in one round trip.
pub async fn append_outbox_all(
    connection: &mut PgConnection,
    events: &[Event],
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    let messages = events
        .iter()
        .map(|event| Message::from_event(event, traceparent))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::broken)?;
    let columns = MessageColumns::of(&messages)?;
    columns
        .bind(sqlx::query(statements::APPEND))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Puts a message into the inbox; `false` if it was there: its effect is committed, do nothing. A transaction that is
/// receiving the same message at the same time is waited for.
pub async fn first_delivery(
    connection: &mut PgConnection,
    consumer: &str,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let received = sqlx::query(statements::RECEIVE)
        .bind(consumer)
        .bind(message_id)
        .bind(now.unix_millis())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(received.rows_affected() == 1)
}

/// Messages as the arrays that `UNNEST` makes rows of, for commands that put everything they write into one statement: the
/// columns `id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body` of `outbox`, as
/// `text[], text[], text[], bigint[], bigint[], text[], text[], text[]`.
#[derive(Debug, Default)]
pub struct MessageColumns<'m> {
    ids: Vec<&'m str>,
    types: Vec<&'m str>,
    correlation_ids: Vec<&'m str>,
    versions: Vec<i64>,
    times: Vec<i64>,
    producers: Vec<&'m str>,
    traceparents: Vec<Option<&'m str>>,
    bodies: Vec<&'m str>,
}

/// A statement and the values it is given.
pub type Statement<'q> = Query<'q, Postgres, PgArguments>;

impl<'m> MessageColumns<'m> {
    /// The columns of messages, in their order.
    pub fn of(messages: impl IntoIterator<Item = &'m Message>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for message in messages {
            columns.ids.push(&message.id);
            columns.types.push(&message.event_type);
            columns.correlation_ids.push(&message.correlation_id);
            columns.versions.push(version(message)?);
            columns.times.push(message.occurred_at.unix_millis());
            columns.producers.push(&message.producer);
            columns.traceparents.push(message.traceparent.as_deref());
            columns.bodies.push(&message.body);
        }
        Ok(columns)
    }

    /// Gives a statement its next eight values.
    pub fn bind<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement
            .bind(&self.ids)
            .bind(&self.types)
            .bind(&self.correlation_ids)
            .bind(&self.versions)
            .bind(&self.times)
            .bind(&self.producers)
            .bind(&self.traceparents)
            .bind(&self.bodies)
    }
}

fn version(message: &Message) -> Result<i64, StoreError> {
    i64::try_from(message.aggregate_version).map_err(StoreError::broken)
}

/// The messaging tables of one service, for the relay, the consumers and the upkeep.
#[derive(Clone, Debug)]
pub struct PostgresMessages {
    db: Database,
    handoff: Handoff,
}

impl PostgresMessages {
    /// The tables in this store.
    #[must_use]
    pub fn new(db: Database) -> Self {
        let handoff = Handoff::default();
        Self { db, handoff }
    }

    /// With what commands on this store hand their events over by.
    #[must_use]
    pub fn with(self, handoff: Handoff) -> Self {
        Self { handoff, ..self }
    }

    /// Carries a statement out by itself; returns how many rows it changed.
    async fn change(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let changed = self.db.bounded(statement.execute(self.db.pool())).await?;
        Ok(changed.rows_affected())
    }

    /// Carries a statement out by itself, and reads the rows it returns.
    async fn rows<T>(
        &self,
        statement: Statement<'_>,
        read: impl Fn(&PgRow) -> sqlx::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.db.bounded(statement.fetch_all(self.db.pool())).await?;
        let rows = rows.iter().map(read).collect::<sqlx::Result<_>>();
        rows.map_err(store_error)
    }
}

#[async_trait]
impl MessageStore for PostgresMessages {
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let sweep = |statement, before: Timestamp| {
            sqlx::query(statement)
                .bind(before.unix_millis())
                .bind(i64::from(SWEEP_BATCH))
        };
        let published = sweep(statements::SWEEP_PUBLISHED, now.minus(DAY));
        let published = self.change(published).await?;
        let received = sweep(statements::SWEEP_RECEIVED, now.minus(DAY * 30));
        let received = self.change(received).await?;
        let replies = idempotency::sweep(self.db.pool(), now.minus(DAY * 2), SWEEP_BATCH).await?;
        Ok(count(published) + count(received) + replies)
    }
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// A column that counts.
fn number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: usize,
) -> sqlx::Result<T> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|error| unreadable(column, error))
}

/// A column of attempts.
fn attempts(row: &PgRow, column: usize) -> sqlx::Result<u32> {
    let attempts: i32 = row.try_get(column)?;
    u32::try_from(attempts).map_err(|error| unreadable(column, error))
}

fn timestamp(row: &PgRow, column: usize) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_unix_millis)
}

/// Reads the columns that every statement returns first.
fn message(row: &PgRow) -> sqlx::Result<Message> {
    Ok(Message {
        id: row.try_get(0)?,
        event_type: row.try_get(1)?,
        correlation_id: row.try_get(2)?,
        aggregate_version: number(row, 3)?,
        occurred_at: timestamp(row, 4)?,
        producer: row.try_get(5)?,
        traceparent: row.try_get(6)?,
        body: row.try_get(7)?,
    })
}
