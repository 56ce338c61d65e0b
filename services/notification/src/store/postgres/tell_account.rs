//! What most events do: they are told to one account, and change nothing else.

use contracts::topology::NOTIFICATION_INTAKE;
use contracts::{DeliveryId, NotificationId, UserId};
use postgres_store::store_error;
use service_kit::Context;
use sqlx::Row as _;

use crate::domain::{Channel, DeliveryState, Notice};
use crate::store::postgres::{PostgresNotifications, statements};
use crate::store::{StoreFailure, TakeIn, TakeInError, TakenIn};

/// The state of a new delivery.
pub(super) fn new_state(set_up: bool) -> DeliveryState {
    if set_up {
        DeliveryState::Queued
    } else {
        DeliveryState::Skipped
    }
}

/// The columns of new deliveries, one for each channel.
fn deliveries(
    channels: &[(Channel, bool)],
    context: &Context,
) -> (Vec<String>, Vec<&'static str>, Vec<&'static str>) {
    let id = |_: &_| DeliveryId::at(context.now).to_string();
    let ids = channels.iter().map(id).collect();
    let names = channels.iter().map(|(channel, _)| channel.as_str());
    let states = channels
        .iter()
        .map(|(_, set_up)| new_state(*set_up).as_str());
    (ids, names.collect(), states.collect())
}

impl PostgresNotifications {
    /// One statement, which commits by itself: the inbox row, the notification with the next number of its reader's stream,
    /// and its deliveries. For a recipient who is not known nothing is written, so that the message can be tried again (I10).
    pub(super) async fn tell_account(
        &self,
        event: &TakeIn,
        notice: &Notice,
        user_id: UserId,
        context: &Context,
    ) -> Result<TakenIn, TakeInError> {
        let (ids, channels, states) = deliveries(&event.channels, context);
        let telling = sqlx::query(statements::TELL_ACCOUNT)
            .bind(user_id.to_string())
            .bind(NOTIFICATION_INTAKE)
            .bind(&event.message_id)
            .bind(context.now.unix_millis())
            .bind(NotificationId::at(context.now).to_string())
            .bind(event.event_id.to_string())
            .bind(event.event_type.as_str())
            .bind(&notice.title)
            .bind(&notice.body)
            .bind(notice.data.to_string())
            .bind(&event.payload)
            .bind(ids)
            .bind(channels)
            .bind(states)
            .fetch_one(self.db.pool());
        let row = self.db.bounded(telling).await?;
        let column = |index: usize| {
            let value: sqlx::Result<bool> = row.try_get(index);
            value.map_err(|error| StoreFailure::from(store_error(error)))
        };
        match (column(0)?, column(1)?) {
            (true, _) => Ok(TakenIn::Done { told: 1 }),
            (false, true) => Ok(TakenIn::Repeated),
            (false, false) => Err(TakeInError::UnknownRecipient(user_id)),
        }
    }
}
