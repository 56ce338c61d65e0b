//! What tries came to.

use std::collections::HashSet;

use contracts::Timestamp;
use messaging::Message;
use messaging::postgres::MessageColumns;
use service_kit::Context;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store_kit::StoreError;

use crate::store::outcome::Outcome;
use crate::store::postgres::{PostgresNotifications, statements};
use crate::store::{Recorded, StoreFailure, TriedDelivery};

/// The columns of tries, in their order.
#[derive(Default)]
struct Tries<'t> {
    ids: Vec<String>,
    attempts: Vec<i32>,
    states: Vec<&'static str>,
    due: Vec<Option<i64>>,
    reasons: Vec<Option<&'t str>>,
}

impl<'t> Tries<'t> {
    fn of(tries: &'t [TriedDelivery]) -> Self {
        let mut columns = Self::default();
        for tried in tries {
            let outcome = Outcome::of(&tried.tried);
            columns.ids.push(tried.id.to_string());
            let attempt = i32::try_from(tried.attempt);
            columns.attempts.push(attempt.unwrap_or(i32::MAX));
            columns.states.push(outcome.state.as_str());
            let due_at = outcome.due_at.map(Timestamp::unix_millis);
            columns.due.push(due_at);
            columns.reasons.push(outcome.reason);
        }
        columns
    }
}

/// What is told about tries, and the place of the try that each is about, from 1.
fn told(
    tries: &[TriedDelivery],
    context: &Context,
) -> Result<(Vec<i64>, Vec<Message>), StoreError> {
    let traceparent = context.traceparent.as_deref();
    let (mut about, mut messages) = (Vec::new(), Vec::new());
    for (place, tried) in (1..).zip(tries) {
        if let Some(event) = tried.told(context) {
            about.push(place);
            let message = Message::from_event(&event, traceparent);
            messages.push(message.map_err(StoreError::broken)?);
        }
    }
    Ok((about, messages))
}

/// A try, as a delivery stands at it.
type Standing = (String, i32);

fn standing(row: &PgRow) -> sqlx::Result<Standing> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

impl PostgresNotifications {
    /// Records tries and tells what they came to, those that are still theirs to say, in one statement, which commits by itself.
    /// What it did not record, it asks about afterwards.
    pub(super) async fn record_all(
        &self,
        tries: &[TriedDelivery],
        context: &Context,
    ) -> Result<Vec<Recorded>, StoreFailure> {
        let columns = Tries::of(tries);
        let recorded = self.record_now(&columns, tries, context).await?;
        let not_now = tries.len() - recorded.len();
        let standing = if not_now == 0 {
            HashSet::new()
        } else {
            self.standing(&columns.ids).await?
        };
        let keys = columns.ids.into_iter().zip(columns.attempts);
        let done = (1..).zip(keys).map(|(place, key)| {
            if recorded.contains(&place) {
                return Recorded::Now;
            }
            Recorded::not_now(standing.contains(&key))
        });
        Ok(done.collect())
    }

    /// The places of those that were recorded, from 1.
    async fn record_now(
        &self,
        columns: &Tries<'_>,
        tries: &[TriedDelivery],
        context: &Context,
    ) -> Result<HashSet<i64>, StoreFailure> {
        let (about, messages) = told(tries, context)?;
        let messages = MessageColumns::of(&messages)?;
        let recording = sqlx::query(statements::RECORD)
            .bind(&columns.ids)
            .bind(&columns.attempts)
            .bind(&columns.states)
            .bind(&columns.due)
            .bind(&columns.reasons)
            .bind(context.now.unix_millis())
            .bind(about);
        let recording = messages.bind(recording);
        let places = self.rows(recording, |row| row.try_get(0)).await?;
        Ok(places.into_iter().collect())
    }

    async fn standing(&self, ids: &[String]) -> Result<HashSet<Standing>, StoreFailure> {
        let asked = sqlx::query(statements::STANDING).bind(ids);
        Ok(self.rows(asked, standing).await?.into_iter().collect())
    }
}
