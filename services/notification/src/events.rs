//! Queue `notification.intake`: what this service hears.
//!
//! `user.registered.v1`, `user.profile_updated.v1` and `user.roles_changed.v1` keep the contacts; a new account is welcomed.
//! `order.placed|confirmed|rejected|cancelled|shipped|delivered.v1` are told to the order's customer, and `stock.low.v1` to
//! those who keep the catalog. Anything else is done without effect.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::Event;
use messaging::{Handler, Message, Outcome};
use service_kit::{Present, error_chain};
use tokio::sync::Notify;

use crate::domain::{Channel, DeliveryState, Intake};
use crate::store::{NotificationStore, TakeIn, TakeInError, TakenIn};
use crate::streams::Streams;
use crate::tasks::count_ended;

/// Takes events in. Nothing is sent here: senders work off what this leaves behind.
pub(crate) struct IntakeHandler {
    /// Where notifications are kept.
    pub(crate) store: Arc<dyn NotificationStore>,
    /// For each channel whether it is set up.
    pub(crate) channels: Vec<(Channel, bool)>,
    /// Tells the senders that there is something to send.
    pub(crate) senders: Arc<Notify>,
    /// The live streams of this process.
    pub(crate) streams: Streams,
    /// Tells the time.
    pub(crate) present: Present,
}

impl IntakeHandler {
    /// Deliveries over channels that are not set up have ended before they began.
    fn count_skipped(&self, told: usize) {
        let told = u64::try_from(told).unwrap_or(u64::MAX);
        for (channel, set_up) in &self.channels {
            if !set_up {
                count_ended(*channel, DeliveryState::Skipped, told);
            }
        }
    }
}

#[async_trait]
impl Handler for IntakeHandler {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        let event_type = event.payload.event_type();
        let take_in = TakeIn {
            message_id: message.id.clone(),
            event_id: event.id,
            event_type,
            payload: message.body.clone(),
            intake: Intake::of(event),
            channels: self.channels.clone(),
        };
        match self.store.take_in(take_in, self.present.context()).await {
            Ok(TakenIn::Done { told: 0 } | TakenIn::Repeated) => Outcome::Done,
            Ok(TakenIn::Done { told }) => {
                self.senders.notify_one();
                self.count_skipped(told);
                self.streams.hint();
                tracing::debug!(%event_type, event_id = message.id, told, "event taken in");
                Outcome::Done
            }
            Err(TakeInError::Store(error)) if error.0.is_away() => {
                Outcome::Unavailable(error_chain(&error))
            }
            Err(error) => Outcome::Retry(error_chain(&error)),
        }
    }
}
