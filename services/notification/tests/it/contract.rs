//! What every store of notifications has to do. Each back-end runs the whole list ([`whole_contract`]).

pub mod intake;
pub mod reading;
pub mod replicas;
pub mod sending;

use std::sync::Arc;
use std::time::Duration;

use contracts::{Clock as _, Event, ManualClock, Payload, Role, Timestamp, UserId};
use messaging::OutboxStore;
use notification::domain::{Channel, Intake};
use notification::store::{
    Claimed, Delivery, DeliveryFilter, Notification, NotificationStore, Recorded, TakeIn,
    TakeInError, TakenIn, Tried,
};
use service_kit::Context;
use testkit::contract::Guard;

use crate::samples;

/// How long the contract's claims hold.
pub const LEASE: Duration = Duration::from_mins(1);

/// An empty store.
pub struct Fixture {
    pub store: Arc<dyn NotificationStore>,
    /// The same notifications as another replica of the service sees them; where there is only one, that one.
    pub other: Arc<dyn NotificationStore>,
    pub outbox: Arc<dyn OutboxStore>,
    pub clock: ManualClock,
    /// Keeps the store's files or its database.
    pub _guard: Guard,
}

/// The whole list for one back-end.
macro_rules! whole_contract {
    ($fixture:path) => {
        testkit::contract_tests! {
            $fixture =>
            intake::an_event_that_comes_again_is_told_once,
            intake::an_unknown_recipient_leaves_nothing_behind_and_is_told_once_it_is_known,
            intake::an_older_profile_or_roles_event_never_replaces_a_newer_one,
            intake::roles_that_come_before_the_profile_are_kept_for_it,
            intake::low_stock_is_told_to_all_who_keep_the_catalog_and_to_nobody_else,
            intake::an_account_is_numbered_without_gaps_whatever_comes_at_once,
            intake::a_channel_that_is_not_set_up_is_skipped,
            sending::a_delivery_is_claimed_once_until_its_lease_ends,
            sending::what_others_may_yet_record_is_claimed_only_if_its_lease_ended_before_a_time,
            sending::what_is_late_is_touched_so_that_the_store_shows_that_it_takes_writes,
            sending::a_try_is_held_only_by_whoever_is_at_it,
            sending::what_a_lost_reply_left_open_is_told_from_what_another_took_over,
            sending::what_was_sent_or_given_up_is_told_in_the_same_transaction,
            sending::tries_that_are_recorded_together_are_each_judged_by_themselves,
            sending::a_delivery_that_was_put_off_waits_for_its_time,
            sending::the_log_is_newest_first_and_filtered_by_state_channel_and_account,
            sending::old_deliveries_and_notifications_go_and_what_is_on_its_way_stays,
            reading::a_list_is_newest_first_and_goes_on_where_it_ended,
            reading::what_was_read_keeps_its_time_and_is_not_listed_as_unread,
            reading::somebody_elses_notification_is_not_there,
            reading::a_stream_goes_on_after_any_of_its_numbers,
            reading::news_names_each_account_once_and_moves_on,
            replicas::one_event_at_two_replicas_is_told_once,
            replicas::an_account_is_numbered_without_gaps_by_two_replicas,
            replicas::accounts_that_become_known_while_they_are_told_of_events_are_told_each_once,
            replicas::two_replicas_that_tell_the_same_accounts_do_not_hold_each_other_up,
            replicas::two_senders_never_claim_the_same_delivery,
            replicas::a_try_is_recorded_by_one_of_two_replicas,
            replicas::a_stream_that_is_followed_while_two_replicas_tell_misses_nothing,
            replicas::two_sweepers_remove_each_row_once,
        }
    };
}
pub(crate) use whole_contract;

impl Fixture {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn context(&self) -> Context {
        Context {
            now: self.now(),
            traceparent: None,
        }
    }

    pub async fn try_take_in(&self, event: &Event) -> Result<TakenIn, TakeInError> {
        self.take_in_at(&self.store, event).await
    }

    /// Takes an event in at one of the replicas.
    pub async fn take_in_at(
        &self,
        replica: &Arc<dyn NotificationStore>,
        event: &Event,
    ) -> Result<TakenIn, TakeInError> {
        let take_in = TakeIn {
            message_id: event.id.to_string(),
            event_id: event.id,
            event_type: event.payload.event_type(),
            payload: event.payload.to_json().unwrap(),
            intake: Intake::of(event.clone()),
            channels: vec![(Channel::Email, true)],
        };
        replica.take_in(take_in, self.context()).await
    }

    /// Takes a new event in.
    pub async fn take_in(&self, version: u64, payload: impl Into<Payload>) -> TakenIn {
        let event = samples::event(version, payload);
        self.try_take_in(&event).await.unwrap()
    }

    /// A customer whose contact is known, and whose welcome was told.
    pub async fn customer(&self, name: &str) -> UserId {
        let user_id = UserId::at(self.now());
        let registered = samples::registered(user_id, name, &[Role::Customer]);
        self.take_in(1, registered).await;
        user_id
    }

    pub async fn claim(&self) -> Vec<Claimed> {
        let now = self.now();
        let claimed = self.store.claim(Channel::Email, 100, LEASE, Some(now), now);
        claimed.await.unwrap()
    }

    /// Records one try by itself.
    pub async fn record(&self, claimed: &Claimed, tried: Tried) -> Recorded {
        let recorded = self.record_all(&[(claimed, tried)]).await;
        assert_eq!(recorded.len(), 1);
        recorded[0]
    }

    pub async fn record_all(&self, tries: &[(&Claimed, Tried)]) -> Vec<Recorded> {
        let tries = tries.iter();
        let tries = tries.map(|(claimed, tried)| claimed.came_to(tried.clone()));
        let recorded = self.store.record(tries.collect(), self.context()).await;
        recorded.unwrap()
    }

    pub async fn deliveries(&self, filter: DeliveryFilter) -> Vec<Delivery> {
        self.store.deliveries(filter, None, 100).await.unwrap()
    }

    pub async fn list(&self, reader: UserId) -> Vec<Notification> {
        let listed = self.store.notifications(reader, false, None, 100).await;
        listed.unwrap()
    }

    /// The titles of an account's notifications, the oldest first.
    pub async fn titles(&self, reader: UserId) -> Vec<String> {
        let listed = self.store.stream_after(reader, 0, 100).await.unwrap();
        listed.into_iter().map(|told| told.title).collect()
    }

    /// Both replicas.
    pub fn replicas(&self) -> [&Arc<dyn NotificationStore>; 2] {
        [&self.store, &self.other]
    }

    /// The events that were committed since the last call.
    pub async fn events(&self) -> Vec<Payload> {
        let lease = Duration::from_hours(24);
        let messages = self.outbox.claim(1000, lease, self.now()).await.unwrap();
        let decoded = messages.iter().map(|message| message.decode().unwrap());
        decoded.map(|event| event.payload).collect()
    }
}
