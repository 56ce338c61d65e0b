//! The store on PostgreSQL: several replicas of the service work on one database.

mod claiming;
mod reading;
mod recording;
mod rows;
mod statements;
mod take_in;
mod tell_accounts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{DeliveryId, NotificationId, Timestamp, UserId};
use postgres_store::{Database, Migration, Schema, idempotency, store_error};
use service_kit::Context;
use service_kit::settings::StoreSettings;
use sqlx::Postgres;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use store_kit::{Applied, Limits, OpenError, StoreError, Together};

use self::tell_accounts::{Telling, Told};
use crate::domain::{Channel, DeliveryState};
use crate::store::{
    Claimed, Delivery, DeliveryFilter, News, Notification, NotificationStore, Recorded,
    StoreFailure, TakeIn, TakeInError, TakenIn, TriedDelivery,
};

static SCHEMA: Schema = Schema {
    service: "notification",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: messaging::postgres::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: idempotency::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 3,
            name: "contacts, notifications and deliveries",
            work: include_str!("postgres/schema.sql"),
            min_binary: 1,
        },
    ],
};

/// Events that are told together. While one batch waits for the disk the next is written; more at a time would only make them
/// smaller, and wait for each other's accounts.
const TOGETHER: Limits = Limits {
    batches: 2,
    commands: 64,
};

/// Notifications in one PostgreSQL database. Clones share the line of events that are told together.
#[derive(Clone, Debug)]
pub struct PostgresNotifications {
    db: Database,
    telling: Together<Arc<Telling>, Told>,
}

impl PostgresNotifications {
    /// Connects to a database that has the schema. What another replica is sending stays its own until its lease ends.
    pub async fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let db = Database::open(settings, &SCHEMA).await?;
        let to_tell = db.clone();
        let telling = move |tellings: Vec<Arc<Telling>>| {
            let db = to_tell.clone();
            async move { tell_accounts::tell_all(&db, &tellings).await }
        };
        let telling = Together::new(TOGETHER, telling);
        Ok(Self { db, telling })
    }

    /// Brings the database up to the schema.
    pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
        Database::migrate(settings, &SCHEMA).await
    }

    /// The database: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Carries a statement out by itself, and reads the rows it returns.
    async fn rows<T>(
        &self,
        statement: Query<'_, Postgres, PgArguments>,
        read: impl Fn(&PgRow) -> sqlx::Result<T>,
    ) -> Result<Vec<T>, StoreFailure> {
        let rows = self.db.bounded(statement.fetch_all(self.db.pool())).await?;
        let rows: sqlx::Result<_> = rows.iter().map(read).collect();
        Ok(rows.map_err(store_error)?)
    }

    /// Carries a statement out by itself; returns how many rows it changed.
    async fn change(
        &self,
        statement: Query<'_, Postgres, PgArguments>,
    ) -> Result<u64, StoreFailure> {
        let changed = self.db.bounded(statement.execute(self.db.pool())).await?;
        Ok(changed.rows_affected())
    }

    /// Removes a batch of what is older; each statement is a transaction of its own, so locks are held shortly.
    async fn sweep_by(
        &self,
        statement: &'static str,
        before: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreFailure> {
        let sweep = sqlx::query(statement)
            .bind(before.unix_millis())
            .bind(i64::from(limit));
        Ok(usize::try_from(self.change(sweep).await?).unwrap_or(usize::MAX))
    }
}

#[async_trait]
impl NotificationStore for PostgresNotifications {
    async fn take_in(&self, event: TakeIn, context: Context) -> Result<TakenIn, TakeInError> {
        match Telling::of(event, context) {
            Ok(telling) => {
                let unknown = TakeInError::UnknownRecipient(telling.user_id);
                let told = self.telling.have_done(Arc::new(telling)).await?;
                told.ok_or(unknown)
            }
            Err(several) => {
                self.db
                    .transact(&*several, |connection, (event, context)| {
                        Box::pin(take_in::take_in(connection, event, context))
                    })
                    .await
            }
        }
    }

    async fn claim(
        &self,
        channel: Channel,
        limit: u32,
        lease: Duration,
        abandoned: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreFailure> {
        self.claim_due(channel, limit, lease, abandoned, now).await
    }

    async fn touch_late(
        &self,
        channel: Channel,
        late: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        self.touch_one_late(channel, late, now).await
    }

    async fn hold(
        &self,
        id: DeliveryId,
        attempt: u32,
        until: Timestamp,
    ) -> Result<(), StoreFailure> {
        self.hold_one(id, attempt, until).await
    }

    async fn record(
        &self,
        tries: Vec<TriedDelivery>,
        context: Context,
    ) -> Result<Vec<Recorded>, StoreFailure> {
        self.record_all(&tries, &context).await
    }

    async fn notifications(
        &self,
        reader: UserId,
        unread_only: bool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure> {
        let statement = if unread_only {
            statements::LIST_UNREAD
        } else {
            statements::LIST
        };
        self.part(statement, reader, before.unwrap_or(i64::MAX), limit)
            .await
    }

    async fn count_unread(&self, reader: UserId) -> Result<u64, StoreFailure> {
        let asked = sqlx::query(statements::COUNT_UNREAD).bind(reader.to_string());
        let counted = self.rows(asked, |row| rows::count(row, 0)).await?;
        Ok(counted.into_iter().sum())
    }

    async fn mark_read(
        &self,
        reader: UserId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        let mark = sqlx::query(statements::MARK_READ)
            .bind(id.to_string())
            .bind(reader.to_string())
            .bind(now.unix_millis());
        Ok(self.change(mark).await? == 1)
    }

    async fn mark_all_read(&self, reader: UserId, now: Timestamp) -> Result<(), StoreFailure> {
        let mark = sqlx::query(statements::MARK_ALL_READ)
            .bind(reader.to_string())
            .bind(now.unix_millis());
        self.change(mark).await?;
        Ok(())
    }

    async fn stream_end(&self, reader: UserId) -> Result<i64, StoreFailure> {
        let asked = sqlx::query(statements::STREAM_END).bind(reader.to_string());
        let ends: Vec<i64> = self.rows(asked, |row| row.try_get(0)).await?;
        Ok(ends.into_iter().sum())
    }

    async fn stream_after(
        &self,
        reader: UserId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure> {
        self.part(statements::STREAM_AFTER, reader, after, limit)
            .await
    }

    async fn last_position(&self) -> Result<i64, StoreFailure> {
        self.settled().await
    }

    async fn news_after(&self, position: i64, limit: u32) -> Result<News, StoreFailure> {
        self.news(position, limit).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreFailure> {
        self.log(filter, before, limit).await
    }

    async fn count_on_their_way(&self) -> Result<Vec<(Channel, DeliveryState, u64)>, StoreFailure> {
        let asked = sqlx::query(statements::COUNT);
        self.rows(asked, reading::counted).await
    }

    async fn sweep(
        &self,
        deliveries_before: Timestamp,
        notifications_before: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreFailure> {
        let deliveries = self.sweep_by(statements::SWEEP_DELIVERIES, deliveries_before, limit);
        let deliveries = deliveries.await?;
        let sweep = statements::SWEEP_NOTIFICATIONS;
        let notifications = self.sweep_by(sweep, notifications_before, limit).await?;
        Ok(deliveries + notifications)
    }
}

impl From<StoreError> for TakeInError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests;
