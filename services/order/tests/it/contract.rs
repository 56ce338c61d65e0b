//! What every store of orders has to do. Each back-end runs the whole list ([`whole_contract`]).

pub mod changing;
pub mod hearing;
pub mod listing;
pub mod placing;
pub mod replicas;
pub mod sweeping;

use std::sync::Arc;
use std::time::Duration;

use contracts::events::product::ProductStatus;
use contracts::{
    Clock as _, ManualClock, Money, OrderId, Payload, ProductId, Quantity, Timestamp, UserId,
};
use messaging::OutboxStore;
use service_kit::Context;
use testkit::contract::Guard;

use order::domain::{CatalogEntry, Draft, Input, Item, Order, PaymentMethod};
use order::store::{
    Heard, OrderStore, PlaceError, PlaceOrder, Placement, RequestKey, TellError, TellOrder, Told,
};

/// A store with a mug (12.99 €), a cup (5 €), a tie (9 $) and an archived pot in its catalog.
pub struct Fixture {
    pub store: Arc<dyn OrderStore>,
    /// The same orders as another replica of the service sees them; where there is only one, that one.
    pub other: Arc<dyn OrderStore>,
    pub outbox: Arc<dyn OutboxStore>,
    pub clock: ManualClock,
    /// Keeps the store's files or its database.
    pub guard: Guard,
}

/// The whole list for one back-end.
macro_rules! whole_contract {
    ($fixture:path) => {
        testkit::contract_tests! {
            $fixture =>
            placing::a_placed_order_is_stored_priced_and_told_once,
            placing::the_same_request_again_is_the_same_order_as_it_is_now,
            placing::the_key_of_another_request_is_refused_and_that_of_another_caller_is_another,
            placing::many_requests_with_one_key_at_once_place_one_order,
            placing::what_cannot_be_ordered_leaves_nothing_behind,
            placing::numbers_count_up_and_none_is_given_twice,
            hearing::stock_that_is_held_confirms_an_order_once,
            hearing::a_rejection_is_kept_line_by_line,
            hearing::a_cancelled_order_is_told_when_its_stock_is_back,
            hearing::an_expired_hold_is_answered_also_for_an_order_nobody_knows,
            hearing::an_older_product_never_replaces_a_newer_one,
            hearing::a_sku_may_pass_from_an_archived_product_to_a_new_one,
            hearing::an_order_nobody_answered_is_given_up_and_stock_is_reminded,
            changing::somebody_elses_order_is_not_there,
            changing::a_cancellation_with_a_key_happens_once,
            changing::parcels_leave_and_arrive_and_are_read_back_as_told,
            changing::a_change_needs_the_version_somebody_has_seen,
            changing::of_a_cancellation_and_a_dispatch_at_once_one_wins,
            listing::lists_are_newest_first_and_go_on_where_they_ended,
            listing::lists_are_filtered_by_customer_and_status,
            listing::a_timeline_has_one_entry_for_each_version,
            listing::orders_in_progress_are_counted_by_status,
            replicas::one_key_at_two_replicas_places_one_order,
            replicas::one_key_at_two_replicas_cancels_once,
            replicas::one_key_for_two_requests_at_two_replicas_is_refused_to_one,
            replicas::one_message_at_two_replicas_is_heard_once,
            replicas::two_steps_at_two_replicas_follow_each_other,
            replicas::two_sweepers_give_up_and_remind_once,
            replicas::two_replicas_hear_a_product_once_and_keep_its_latest_version,
        }
    };
}
pub(crate) use whole_contract;

/// A request of this caller.
pub fn request(caller: UserId, key: &str) -> RequestKey {
    RequestKey {
        caller,
        key: key.to_owned(),
        fingerprint: "one".to_owned(),
    }
}

impl Fixture {
    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn context(&self) -> Context {
        Context {
            now: self.clock.now(),
            traceparent: None,
        }
    }

    pub async fn fill_catalog(&self) {
        for (sku, amount, currency, status) in [
            ("MUG", 1299, "EUR", ProductStatus::Active),
            ("CUP", 500, "EUR", ProductStatus::Active),
            ("TIE", 900, "USD", ProductStatus::Active),
            ("POT", 900, "EUR", ProductStatus::Archived),
        ] {
            let mut entry = self.entry(sku, amount, 1);
            entry.price.currency = currency.parse().unwrap();
            entry.status = status;
            assert!(self.hear_product(&format!("{sku}-1"), entry).await);
        }
    }

    pub fn entry(&self, sku: &str, amount: i64, version: u64) -> CatalogEntry {
        CatalogEntry {
            product_id: ProductId::at(self.clock.now()),
            sku: sku.parse().unwrap(),
            title: format!("The {sku}"),
            price: Money::new(amount, "EUR".parse().unwrap()),
            status: ProductStatus::Active,
            version,
        }
    }

    pub async fn hear_product(&self, message_id: &str, entry: CatalogEntry) -> bool {
        let message_id = message_id.to_owned();
        self.store
            .hear_product(message_id, entry, self.context())
            .await
            .unwrap()
    }

    pub fn customer(&self) -> UserId {
        UserId::at(self.clock.now())
    }

    pub fn place_command(&self, caller: UserId, key: &str, items: &[(&str, u32)]) -> PlaceOrder {
        PlaceOrder {
            draft: Draft {
                id: OrderId::at(self.clock.now()),
                customer_id: caller,
                payment_method: PaymentMethod::Manual,
                shipping_address: None,
            },
            items: items
                .iter()
                .map(|(sku, pieces)| Item {
                    sku: sku.parse().unwrap(),
                    quantity: Quantity::new(*pieces).unwrap(),
                })
                .collect(),
            request: request(caller, key),
            context: self.context(),
        }
    }

    pub async fn try_place(
        &self,
        caller: UserId,
        key: &str,
        items: &[(&str, u32)],
    ) -> Result<Placement, PlaceError> {
        let command = self.place_command(caller, key, items);
        self.store.place(command).await
    }

    /// Two mugs and a cup.
    pub async fn placed(&self, caller: UserId, key: &str) -> Order {
        let placement = self.try_place(caller, key, &[("MUG", 2), ("CUP", 1)]).await;
        placement.unwrap().order
    }

    /// Two mugs and a cup whose stock is held.
    pub async fn confirmed(&self, caller: UserId, key: &str) -> Order {
        let order = self.placed(caller, key).await;
        let message_id = format!("reserved-{}", order.id);
        self.hear(&message_id, order.id, Input::StockReserved).await;
        self.order(order.id).await
    }

    pub async fn hear(&self, message_id: &str, order_id: OrderId, input: Input) -> Heard {
        self.store
            .hear_stock(message_id.to_owned(), order_id, input, self.context())
            .await
            .unwrap()
    }

    pub fn tell_command(&self, order_id: OrderId, input: Input) -> TellOrder {
        TellOrder {
            order_id,
            owner: None,
            input,
            seen_version: None,
            request: None,
            context: self.context(),
        }
    }

    pub async fn tell(&self, order_id: OrderId, input: Input) -> Result<Told, TellError> {
        self.store.tell(self.tell_command(order_id, input)).await
    }

    pub async fn order(&self, order_id: OrderId) -> Order {
        self.store.order(order_id, None).await.unwrap().unwrap()
    }

    /// The events that were committed since the last call, with the version they are about.
    pub async fn events(&self) -> Vec<(u64, Payload)> {
        let now = self.clock.now();
        let lease = Duration::from_hours(24);
        let messages = self.outbox.claim(1000, lease, now).await.unwrap();
        messages
            .iter()
            .map(|message| {
                let event = message.decode().unwrap();
                (event.aggregate_version, event.payload)
            })
            .collect()
    }
}

/// The sample time.
pub fn start() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}
