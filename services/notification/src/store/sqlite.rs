//! The embedded store: one SQLite file.

mod contacts;
mod deliveries;
mod errors;
mod reading;
mod rows;
mod sweep;
mod take_in;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{DeliveryId, NotificationId, Timestamp, UserId};
use service_kit::Context;
use sqlite_store::{Database, Migration, OpenError, Schema, StoreError, idempotency};
use store_kit::Applied;

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
            work: messaging::sqlite::SCHEMA_SQL,
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
            work: include_str!("sqlite/schema.sql"),
            min_binary: 1,
        },
    ],
};

/// Notifications in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteNotifications {
    db: Database,
}

impl SqliteNotifications {
    /// Opens the file, or makes it, and brings it up to the schema. Deliveries that an earlier process was sending are free
    /// again: only one process works on the file.
    pub async fn open(path: &Path) -> Result<Self, store_kit::OpenError> {
        let db = Database::open(path, &SCHEMA).await?;
        db.write(deliveries::release_all)
            .await
            .map_err(store_kit::OpenError::refused)?;
        Ok(Self { db })
    }

    /// Opens the file beside the process whose store it is: it must be there and have the schema.
    pub async fn attach(path: &Path) -> Result<Self, OpenError> {
        let db = Database::attach(path, &SCHEMA).await?;
        Ok(Self { db })
    }

    /// Brings the file, or a new one, up to the schema.
    pub async fn migrate(path: &Path) -> Result<Applied, OpenError> {
        Database::migrate(path, &SCHEMA).await
    }

    /// The file: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }
}

#[async_trait]
impl NotificationStore for SqliteNotifications {
    async fn take_in(&self, event: TakeIn, context: Context) -> Result<TakenIn, TakeInError> {
        self.db
            .write(move |c| take_in::take_in(c, &event, &context))
            .await
    }

    async fn claim(
        &self,
        channel: Channel,
        limit: u32,
        lease: Duration,
        abandoned: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreFailure> {
        // Looking costs no commit, and most looks find nothing.
        let due = self
            .db
            .read(move |c| deliveries::any_due(c, channel, now))
            .await?;
        if !due {
            return Ok(Vec::new());
        }
        self.db
            .write(move |c| deliveries::claim(c, channel, limit, lease, abandoned, now))
            .await
    }

    async fn touch_late(
        &self,
        channel: Channel,
        late: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        // As above: nothing is late as a rule.
        let any = self
            .db
            .read(move |c| deliveries::late(c, channel, late))
            .await?;
        if any.is_none() {
            return Ok(false);
        }
        self.db
            .write(move |c| deliveries::touch_late(c, channel, late, now))
            .await
    }

    async fn hold(
        &self,
        id: DeliveryId,
        attempt: u32,
        until: Timestamp,
    ) -> Result<(), StoreFailure> {
        self.db
            .write(move |c| deliveries::hold(c, id, attempt, until))
            .await
    }

    async fn record(
        &self,
        tries: Vec<TriedDelivery>,
        context: Context,
    ) -> Result<Vec<Recorded>, StoreFailure> {
        self.db
            .write(move |c| deliveries::record(c, &tries, &context))
            .await
    }

    async fn notifications(
        &self,
        reader: UserId,
        unread_only: bool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure> {
        self.db
            .read(move |c| reading::list(c, reader, unread_only, before, limit))
            .await
    }

    async fn count_unread(&self, reader: UserId) -> Result<u64, StoreFailure> {
        self.db
            .read(move |c| reading::count_unread(c, reader))
            .await
    }

    async fn mark_read(
        &self,
        reader: UserId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        self.db
            .write(move |c| reading::mark_read(c, reader, id, now))
            .await
    }

    async fn mark_all_read(&self, reader: UserId, now: Timestamp) -> Result<(), StoreFailure> {
        self.db
            .write(move |c| reading::mark_all_read(c, reader, now))
            .await
    }

    async fn stream_end(&self, reader: UserId) -> Result<i64, StoreFailure> {
        self.db.read(move |c| contacts::stream_end(c, reader)).await
    }

    async fn stream_after(
        &self,
        reader: UserId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure> {
        self.db
            .read(move |c| reading::stream_after(c, reader, after, limit))
            .await
    }

    async fn last_position(&self) -> Result<i64, StoreFailure> {
        self.db.read(reading::last_position).await
    }

    async fn news_after(&self, position: i64, limit: u32) -> Result<News, StoreFailure> {
        self.db
            .read(move |c| reading::news_after(c, position, limit))
            .await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreFailure> {
        self.db
            .read(move |c| deliveries::list(c, filter, before, limit))
            .await
    }

    async fn count_on_their_way(&self) -> Result<Vec<(Channel, DeliveryState, u64)>, StoreFailure> {
        self.db.read(deliveries::count).await
    }

    async fn sweep(
        &self,
        deliveries_before: Timestamp,
        notifications_before: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreFailure> {
        self.db
            .write(move |c| sweep::sweep(c, deliveries_before, notifications_before, limit))
            .await
    }
}

impl From<StoreError> for TakeInError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for TakeInError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests;
