//! What tries came to.

use contracts::Timestamp;
use messaging::Message;
use messaging::postgres::MessageColumns;
use postgres_store::store_error;
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

fn recorded(row: &PgRow) -> sqlx::Result<Recorded> {
    Ok(Recorded::of(row.try_get(0)?, row.try_get(1)?))
}

impl PostgresNotifications {
    /// Records tries and tells what they came to, those that are still theirs to say: one statement, which commits by itself.
    pub(super) async fn record_all(
        &self,
        tries: &[TriedDelivery],
        context: &Context,
    ) -> Result<Vec<Recorded>, StoreFailure> {
        let columns = Tries::of(tries);
        let (about, messages) = told(tries, context)?;
        let messages = MessageColumns::of(&messages)?;
        let recording = sqlx::query(statements::RECORD)
            .bind(columns.ids)
            .bind(columns.attempts)
            .bind(columns.states)
            .bind(columns.due)
            .bind(columns.reasons)
            .bind(context.now.unix_millis())
            .bind(about);
        let recording = messages.bind(recording).fetch_all(self.db.pool());
        let rows = self.db.bounded(recording).await?;
        let done: sqlx::Result<_> = rows.iter().map(recorded).collect();
        Ok(done.map_err(store_error)?)
    }
}
