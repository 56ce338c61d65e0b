//! What is read without changing anything: each is one statement, one round trip.
//!
//! **Tailing the table.** Several replicas write at the same time, so rows become visible in no order that a counter gives
//! them: who has read row 10 may yet have missed row 9, which is committed later. So rows carry the number of their
//! transaction, and a position is *settled*: no transaction up to it is going on any more on the server. Rows after it are
//! told as well as soon as they are seen, and told again until they are settled, which costs their reader a query and loses
//! nothing. A transaction that writes for long anywhere on the server (an index that is built) holds the position back; more
//! than a batch of rows behind it wait until it has ended.

use contracts::UserId;
use postgres_store::parsed;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::{Channel, DeliveryState};
use crate::store::postgres::{PostgresNotifications, rows, statements};
use crate::store::{Delivery, DeliveryFilter, News, Notification, StoreFailure};

impl PostgresNotifications {
    /// A part of an account's notifications, on one side of a number of its stream.
    pub(super) async fn part(
        &self,
        statement: &'static str,
        reader: UserId,
        number: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, StoreFailure> {
        let asked = sqlx::query(statement)
            .bind(reader.to_string())
            .bind(number)
            .bind(i64::from(limit));
        self.rows(asked, rows::notification).await
    }

    pub(super) async fn log(
        &self,
        filter: DeliveryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreFailure> {
        let asked = sqlx::query(log_statement(filter))
            .bind(filter.state.map(DeliveryState::as_str))
            .bind(filter.channel.map(Channel::as_str))
            .bind(filter.user_id.map(|user_id| user_id.to_string()))
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit));
        self.rows(asked, rows::delivery).await
    }

    pub(super) async fn settled(&self) -> Result<i64, StoreFailure> {
        let asked = sqlx::query_scalar(statements::SETTLED).fetch_one(self.db.pool());
        Ok(self.db.bounded(asked).await?)
    }

    pub(super) async fn news(&self, position: i64, limit: u32) -> Result<News, StoreFailure> {
        let asked = sqlx::query(statements::NEWS)
            .bind(position)
            .bind(i64::from(limit));
        let found = self.rows(asked, news_row).await?;
        let last = found
            .last()
            .map_or(position, |row| row.transaction_id.min(row.settled));
        let mut accounts: Vec<_> = found.into_iter().map(|row| row.user_id).collect();
        accounts.sort_unstable();
        accounts.dedup();
        Ok(News {
            accounts,
            // A reader may begin at a position that is settled later than the rows it sees.
            position: last.max(position),
        })
    }
}

struct NewsRow {
    transaction_id: i64,
    user_id: UserId,
    settled: i64,
}

fn news_row(row: &PgRow) -> sqlx::Result<NewsRow> {
    Ok(NewsRow {
        transaction_id: row.try_get(0)?,
        user_id: parsed(row, 1)?,
        settled: row.try_get(2)?,
    })
}

pub(super) fn counted(row: &PgRow) -> sqlx::Result<(Channel, DeliveryState, u64)> {
    Ok((parsed(row, 0)?, parsed(row, 1)?, rows::count(row, 2)?))
}

fn log_statement(filter: DeliveryFilter) -> &'static str {
    let DeliveryFilter {
        state,
        channel,
        user_id,
    } = filter;
    match (state.is_some(), channel.is_some(), user_id.is_some()) {
        (false, false, false) => statements::LOG,
        (true, false, false) => statements::LOG_OF_STATE,
        (false, true, false) => statements::LOG_OF_CHANNEL,
        (true, true, false) => statements::LOG_OF_STATE_AND_CHANNEL,
        (false, false, true) => statements::LOG_OF_USER,
        (true, false, true) => statements::LOG_OF_STATE_AND_USER,
        (false, true, true) => statements::LOG_OF_CHANNEL_AND_USER,
        (true, true, true) => statements::LOG_OF_ALL_THREE,
    }
}
