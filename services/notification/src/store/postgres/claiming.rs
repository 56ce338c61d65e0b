//! Who may try a delivery, and until when.

use std::time::Duration;

use contracts::{DeliveryId, Timestamp};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::Channel;
use crate::store::postgres::{PostgresNotifications, rows, statements};
use crate::store::readable::readable;
use crate::store::{Claimed, StoreFailure};

/// A claimed delivery: when it was due and its place in the log, its id, and what there is to read of it.
type Row = ((i64, i64), (String, sqlx::Result<Claimed>));

fn row(row: &PgRow) -> sqlx::Result<Row> {
    let place = (row.try_get(11)?, row.try_get(12)?);
    Ok((place, (row.try_get(0)?, rows::claimed(row))))
}

impl PostgresNotifications {
    /// Takes what is due, the longest due first.
    pub(super) async fn claim_due(
        &self,
        channel: Channel,
        limit: u32,
        lease: Duration,
        abandoned: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreFailure> {
        let claim = sqlx::query(statements::CLAIM)
            .bind(channel.as_str())
            .bind(now.unix_millis())
            .bind(now.plus(lease).unix_millis())
            .bind(i64::from(limit))
            .bind(abandoned.map(Timestamp::unix_millis));
        let mut claimed = self.rows(claim, row).await?;
        // An UPDATE returns its rows in no order.
        claimed.sort_unstable_by_key(|(place, _)| *place);
        Ok(readable(claimed.into_iter().map(|(_, claimed)| claimed)))
    }

    /// Touches a delivery whose lease has ended at `late`; says whether there is any.
    pub(super) async fn touch_one_late(
        &self,
        channel: Channel,
        late: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        let touch = sqlx::query(statements::TOUCH_LATE)
            .bind(channel.as_str())
            .bind(late.unix_millis())
            .bind(now.unix_millis());
        Ok(self.change(touch).await? == 1)
    }

    /// Moves the end of a try's lease.
    pub(super) async fn hold_one(
        &self,
        id: DeliveryId,
        attempt: u32,
        until: Timestamp,
    ) -> Result<(), StoreFailure> {
        let hold = sqlx::query(statements::HOLD)
            .bind(id.to_string())
            .bind(i64::from(attempt))
            .bind(until.unix_millis());
        self.change(hold).await?;
        Ok(())
    }
}
