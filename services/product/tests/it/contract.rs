//! What every store of products has to do. Each back-end runs the whole list ([`whole_contract`]).

pub mod catalog;
pub mod hearing;
pub mod inventory;
pub mod listing;
pub mod retelling;

use std::sync::Arc;
use std::time::Duration;

use contracts::events::order::{OrderLine, OrderSummary};
use contracts::events::stock::StockLine;
use contracts::{
    Clock as _, ManualClock, Money, OrderId, Payload, Quantity, Sku, Timestamp, UserId,
};
use messaging::OutboxStore;
use product::domain::product::{NewProduct, ProductPatch};
use product::domain::stock::Rules;
use product::store::{
    Adjustment, ChangeError, CreateError, Inventory, Listed, Once, ProductStore, Retry,
    StockCommand,
};
use serde_json::{Value, json};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use testkit::contract::Guard;

/// An empty store.
pub struct Fixture {
    pub store: Arc<dyn ProductStore>,
    pub outbox: Arc<dyn OutboxStore>,
    pub clock: ManualClock,
    /// Keeps the store's files or database.
    pub _guard: Guard,
}

/// The rules that every fixture is opened with.
pub const RULES: Rules = Rules {
    low_threshold: 5,
    price_grace: Duration::from_mins(15),
    hold: Duration::from_mins(105),
};

/// The whole list for one back-end.
macro_rules! whole_contract {
    ($fixture:path) => {
        testkit::contract_tests! {
            $fixture =>
            catalog::a_created_product_is_read_back_by_id_and_slug_and_told_once,
            catalog::a_taken_sku_is_refused_and_leaves_nothing_behind,
            catalog::products_of_one_title_have_slugs_of_their_own,
            catalog::a_creation_with_a_key_happens_once,
            catalog::a_change_needs_the_version_somebody_has_seen_and_is_told_with_the_old_price,
            catalog::what_changes_nothing_is_no_new_version_and_tells_nothing,
            catalog::an_archived_product_is_told_as_such_and_may_come_back,
            catalog::of_many_changes_of_one_version_at_once_one_wins,
            inventory::stock_from_the_start_is_an_adjustment_like_any_other,
            inventory::an_adjustment_with_a_key_happens_once,
            inventory::more_than_is_available_is_never_taken_away,
            inventory::adjustments_are_listed_newest_first_and_go_on_where_they_ended,
            inventory::low_stock_is_told_once_until_it_was_above_the_threshold_again,
            inventory::the_adjustment_of_an_unknown_sku_is_refused,
            retelling::every_product_is_told_as_it_is_now,
            retelling::telling_again_goes_on_where_it_ended,
            listing::lists_go_on_where_they_ended_in_every_order,
            listing::each_filter_keeps_what_it_names,
            listing::every_word_has_to_begin_a_word_of_the_product,
            listing::a_changed_product_is_found_by_its_new_words_only,
            listing::what_is_sold_out_is_listed_so_until_some_is_back,
            listing::pages_of_one_price_leave_nothing_out,
            listing::categories_are_counted_without_archived_products,
            hearing::a_placed_order_holds_all_its_lines_and_says_so,
            hearing::all_lines_or_none,
            hearing::each_line_that_cannot_be_held_has_its_code,
            hearing::a_replaced_price_is_honoured_for_the_grace_period,
            hearing::a_message_that_comes_again_does_nothing,
            hearing::confirmed_is_sold_and_cancelled_is_available_again,
            hearing::every_request_to_cancel_is_answered_once,
            hearing::an_order_cancelled_before_it_was_placed_is_never_held,
            hearing::what_is_released_stays_released,
            hearing::returned_pieces_can_be_sold_again_but_never_more_than_were_sold,
            hearing::a_return_that_overtakes_the_confirmation_counts_both,
            hearing::an_old_hold_is_asked_about_again_and_again_but_not_released,
            hearing::stock_never_changes_the_version_of_a_product,
            hearing::a_hundred_orders_for_one_sku_at_once_take_exactly_what_is_there,
            hearing::a_line_beyond_what_a_quantity_holds_is_refused,
            hearing::what_is_told_of_one_order_at_once_is_done_as_the_state_machine_says,
        }
    };
}
pub(crate) use whole_contract;

impl Fixture {
    pub fn context(&self) -> Context {
        Context {
            now: self.clock.now(),
            traceparent: None,
        }
    }

    pub async fn try_create(&self, body: Value) -> Result<Listed, CreateError> {
        let new: NewProduct = serde_json::from_value(body).unwrap();
        let created = self.store.create(new, None, None, self.context()).await?;
        match created {
            Once::Done(listed) => Ok(listed),
            other => panic!("created without a key: {other:?}"),
        }
    }

    /// A product at ten euros.
    pub async fn product(&self, sku: &str, stock: u32) -> Listed {
        let created = self.try_create(body(sku, 1_000, stock)).await.unwrap();
        self.clock.advance(Duration::from_millis(1));
        created
    }

    pub async fn patch(&self, before: &Listed, patch: Value) -> Result<Listed, ChangeError> {
        let patch: ProductPatch = serde_json::from_value(patch).unwrap();
        let (id, version) = (before.product.id, before.product.version);
        self.store
            .patch(id, IfMatch::Version(version), patch, self.context())
            .await
    }

    pub async fn try_adjust(
        &self,
        name: &str,
        quantity: i64,
        retry: Retry,
    ) -> Result<Once<(Adjustment, Inventory)>, ChangeError> {
        let reason = "counted".to_owned();
        self.store
            .adjust(sku(name), quantity, reason, retry, self.context())
            .await
    }

    /// Adds or removes pieces.
    pub async fn adjust(&self, sku: &str, quantity: i64) -> Inventory {
        let retry = retry(UserId::at(self.clock.now()), "k");
        match self.try_adjust(sku, quantity, retry).await.unwrap() {
            Once::Done((_, inventory)) => inventory,
            other => panic!("a new key: {other:?}"),
        }
    }

    /// What is available, reserved and sold.
    pub async fn counts(&self, name: &str) -> (u64, u64, u64) {
        let inventory = self.store.inventory(sku(name)).await.unwrap().unwrap();
        let sum = inventory.available + inventory.reserved + inventory.sold;
        assert_eq!(inventory.received, sum, "I1");
        (inventory.available, inventory.reserved, inventory.sold)
    }

    /// Delivers a message to the store.
    pub async fn hear(&self, message_id: &str, command: StockCommand) {
        let message_id = message_id.to_owned();
        self.store
            .stock(message_id, command, self.context())
            .await
            .unwrap();
    }

    /// Places an order at ten euros a piece.
    pub async fn place(&self, lines: &[(&str, u32)]) -> OrderId {
        let order = order(self.clock.now(), lines, 1_000);
        let id = order.order_id;
        self.hear(&format!("placed-{id}"), StockCommand::Hold(order))
            .await;
        id
    }

    pub async fn confirm(&self, id: OrderId) {
        self.hear(&format!("confirmed-{id}"), StockCommand::Commit(id))
            .await;
    }

    pub async fn cancel(&self, message_id: &str, id: OrderId) {
        self.hear(message_id, StockCommand::Release(id)).await;
    }

    /// What was committed to the outbox since the last call, with the version it is about.
    pub async fn events(&self) -> Vec<(u64, Payload)> {
        let (now, lease) = (self.clock.now(), Duration::from_hours(24));
        let messages = self.outbox.claim(1_000, lease, now).await.unwrap();
        messages
            .iter()
            .map(|message| {
                let event = message.decode().unwrap();
                (event.aggregate_version, event.payload)
            })
            .collect()
    }
}

/// The body of a request to create a product on the shelf `Tests`.
pub fn body(sku: &str, cents: i64, stock: u32) -> Value {
    json!({
        "sku": sku, "title": format!("The {sku}"), "description": "A thing.", "category": "Tests",
        "price": {"amount": cents, "currency": "EUR"}, "initial_stock": stock,
    })
}

/// A client's retry key.
pub fn retry(caller: UserId, key: &str) -> Retry {
    Retry {
        caller,
        key: key.to_owned(),
        fingerprint: "one".to_owned(),
    }
}

pub fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub fn euros(cents: i64) -> Money {
    Money::new(cents, "EUR".parse().unwrap())
}

pub fn stock_line(name: &str, pieces: u32) -> StockLine {
    StockLine {
        sku: sku(name),
        quantity: Quantity::new(pieces).unwrap(),
    }
}

/// An order of pieces at a price each.
pub fn order(now: Timestamp, lines: &[(&str, u32)], cents: i64) -> OrderSummary {
    let line = |(name, pieces): &(&str, u32)| OrderLine {
        sku: sku(name),
        title: format!("The {name}"),
        quantity: Quantity::new(*pieces).unwrap(),
        unit_price: euros(cents),
        line_total: euros(cents * i64::from(*pieces)),
    };
    OrderSummary {
        order_id: OrderId::at(now),
        number: "1".to_owned(),
        customer_id: UserId::at(now),
        lines: lines.iter().map(line).collect(),
        total: euros(0),
    }
}

/// The sample time.
pub fn start() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}
