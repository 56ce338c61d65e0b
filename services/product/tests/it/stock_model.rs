//! Row Z of the fault matrix: any sequence of messages, repeated and out of order, leaves every store where the pure state
//! machine says, with I1 and I2 true in its file or database after every one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use contracts::events::order::OrderSummary;
use contracts::{Clock as _, EventType, OrderId};
use product::domain::reservation::{Input, State, Step, step};
use product::store::StockCommand;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::contract::{Fixture, order, retry, stock_line};
use crate::{mongo, sqlite};

const SKUS: [&str; 3] = ["A", "B", "C"];
const STOCK: i64 = 6;
const ORDERS: usize = 5;

/// What stands in a store, read past the program that keeps it.
#[async_trait(?Send)]
pub trait Books {
    /// What was received, is available, reserved and sold of a sku.
    async fn stock(&self, sku: &str) -> [i64; 4];

    /// The pieces of a sku in held and in committed reservations.
    async fn lines(&self, sku: &str) -> [i64; 2];

    /// The state of each reservation, by order.
    async fn states(&self) -> BTreeMap<String, String>;
}

#[derive(Clone, Debug)]
enum Action {
    Place(usize),
    Confirm(usize),
    Cancel(usize),
    /// So many pieces of each sku come back.
    Return(usize, u32),
    /// Time passes, and old holds are asked about.
    Expire,
    Adjust(usize, i64),
}

/// What an order consists of: pieces of each sku.
type Lines = BTreeMap<usize, i64>;

#[derive(Default)]
struct Model {
    available: [i64; 3],
    orders: BTreeMap<OrderId, (State, Lines)>,
    answers: Vec<(OrderId, EventType)>,
}

impl Model {
    fn sum(&self, of: State, sku: usize) -> i64 {
        let orders = self.orders.values().filter(|(state, _)| *state == of);
        orders.filter_map(|(_, lines)| lines.get(&sku)).sum()
    }

    fn give_back(&mut self, lines: &Lines) {
        for (sku, pieces) in lines {
            self.available[*sku] += pieces;
        }
    }

    fn input(&mut self, id: OrderId, wanted: &Lines, input: Input, back: i64) {
        let known = self.orders.get(&id).cloned();
        let state = known.as_ref().map(|(state, _)| *state);
        let held = known.map(|(_, lines)| lines).unwrap_or_default();
        let answer = match step(state, input) {
            Step::TryHold => {
                let fits = wanted
                    .iter()
                    .all(|(sku, pieces)| self.available[*sku] >= *pieces);
                if fits {
                    for (sku, pieces) in wanted {
                        self.available[*sku] -= pieces;
                    }
                    self.orders.insert(id, (State::Held, wanted.clone()));
                    Some(EventType::StockReserved)
                } else {
                    self.orders.insert(id, (State::Rejected, Lines::new()));
                    Some(EventType::StockRejected)
                }
            }
            Step::Commit => {
                self.orders.insert(id, (State::Committed, held));
                None
            }
            Step::ReleaseHeld | Step::ReleaseSold => {
                self.give_back(&held);
                self.orders.insert(id, (State::Released, Lines::new()));
                Some(EventType::StockReleased)
            }
            Step::Bury => {
                self.orders.insert(id, (State::Tombstone, Lines::new()));
                Some(EventType::StockReleased)
            }
            Step::Restock | Step::CommitAndRestock => {
                let back: Lines = held
                    .iter()
                    .map(|(sku, sold)| (*sku, back.min(*sold)))
                    .collect();
                self.give_back(&back);
                let left = held
                    .iter()
                    .map(|(sku, sold)| (*sku, sold - back[sku]))
                    .collect();
                self.orders.insert(id, (State::Committed, left));
                Some(EventType::StockReleased)
            }
            Step::NothingHeld => Some(EventType::StockReleased),
            Step::Ignore => None,
        };
        self.answers.extend(answer.map(|answer| (id, answer)));
    }
}

/// The store, its orders, and the model beside it.
struct Pair {
    fixture: Fixture,
    books: Box<dyn Books>,
    orders: Vec<(OrderSummary, Lines)>,
    model: Model,
    messages: u32,
}

impl Pair {
    async fn new((fixture, books): (Fixture, Box<dyn Books>), wanted: &[[u32; 3]]) -> Self {
        for sku in SKUS {
            fixture.product(sku, u32::try_from(STOCK).unwrap()).await;
        }
        let make = |pieces: &[u32; 3]| {
            let lines: Vec<_> = SKUS
                .into_iter()
                .zip(*pieces)
                .filter(|(_, n)| *n > 0)
                .collect();
            let model = (0..).zip(pieces).filter(|(_, n)| **n > 0);
            let model = model.map(|(sku, n)| (sku, i64::from(*n))).collect();
            (order(fixture.clock.now(), &lines, 1_000), model)
        };
        let orders = wanted.iter().map(make).collect();
        Self {
            fixture,
            books,
            orders,
            model: Model {
                available: [STOCK; 3],
                ..Model::default()
            },
            messages: 0,
        }
    }

    async fn hear(&mut self, order: usize, times: usize, input: Input, back: u32) {
        let (order, lines) = self.orders[order].clone();
        let id = order.order_id;
        let command = match input {
            Input::Placed => StockCommand::Hold(order),
            Input::Confirmed => StockCommand::Commit(id),
            Input::CancelRequested => StockCommand::Release(id),
            Input::Returned => {
                let lines = SKUS.iter().filter(|_| back > 0);
                let lines = lines.map(|sku| stock_line(sku, back)).collect();
                StockCommand::Restock(id, lines)
            }
        };
        self.messages += 1;
        let message = format!("m{}", self.messages);
        for _ in 0..times {
            self.fixture.hear(&message, command.clone()).await;
        }
        self.model.input(id, &lines, input, i64::from(back));
    }

    async fn act(&mut self, action: Action, times: usize) {
        match action {
            Action::Place(order) => self.hear(order, times, Input::Placed, 0).await,
            Action::Confirm(order) => self.hear(order, times, Input::Confirmed, 0).await,
            Action::Cancel(order) => self.hear(order, times, Input::CancelRequested, 0).await,
            Action::Return(order, back) => self.hear(order, times, Input::Returned, back).await,
            Action::Expire => {
                self.fixture.clock.advance(Duration::from_hours(3));
                let context = self.fixture.context();
                let asked = self.fixture.store.ask_about_old_holds(100, context);
                let held = self
                    .model
                    .orders
                    .values()
                    .filter(|(state, _)| *state == State::Held);
                assert_eq!(asked.await.unwrap() as usize, held.count());
            }
            Action::Adjust(sku, quantity) => {
                let caller = contracts::UserId::at(self.fixture.clock.now());
                let retry = retry(caller, "k");
                let done = self.fixture.try_adjust(SKUS[sku], quantity, retry).await;
                assert_eq!(done.is_ok(), self.model.available[sku] + quantity >= 0);
                if done.is_ok() {
                    self.model.available[sku] += quantity;
                }
            }
        }
    }

    /// I1, I2 and equality with the model, in the store.
    async fn check(&self) -> Result<(), TestCaseError> {
        for (number, sku) in (0..).zip(SKUS) {
            let stock = self.books.stock(sku).await;
            let [received, available, reserved, sold] = stock;
            prop_assert!(
                stock.iter().all(|pieces| *pieces >= 0),
                "I1 {sku}: {stock:?}"
            );
            prop_assert_eq!(received, available + reserved + sold, "I1 {}", sku);
            let lines = self.books.lines(sku).await;
            prop_assert_eq!(lines, [reserved, sold], "I2 {}", sku);
            let model = [
                self.model.available[number],
                self.model.sum(State::Held, number),
                self.model.sum(State::Committed, number),
            ];
            prop_assert_eq!([available, reserved, sold], model, "{}", sku);
        }
        let orders = self.model.orders.iter();
        let states = orders.map(|(id, (state, _))| (id.to_string(), state.as_str().to_owned()));
        prop_assert_eq!(self.books.states().await, states.collect());
        Ok(())
    }

    /// Each question was answered once, in order.
    async fn check_answers(self) -> Result<(), TestCaseError> {
        let events = self
            .fixture
            .outbox
            .claim(10_000, Duration::ZERO, self.fixture.clock.now());
        let events = events.await.unwrap();
        let answers: Vec<(OrderId, EventType)> = events
            .iter()
            .filter_map(|message| {
                Some((
                    message.correlation_id.parse().ok()?,
                    message.event_type.parse().unwrap(),
                ))
            })
            .filter(|(_, event_type)| *event_type != EventType::StockHoldExpired)
            .collect();
        prop_assert_eq!(answers, self.model.answers);
        Ok(())
    }
}

fn actions() -> impl Strategy<Value = Vec<(Action, usize)>> {
    let order = 0..ORDERS;
    let action = prop_oneof![
        4 => order.clone().prop_map(Action::Place),
        3 => order.clone().prop_map(Action::Confirm),
        3 => order.clone().prop_map(Action::Cancel),
        2 => (order, 0_u32..4).prop_map(|(order, back)| Action::Return(order, back)),
        1 => Just(Action::Expire),
        1 => (0..SKUS.len(), prop_oneof![-8_i64..0, 1_i64..4]).prop_map(|(sku, n)| Action::Adjust(sku, n)),
    ];
    prop::collection::vec((action, 1_usize..3), 0..40)
}

/// Runs a sequence of actions against a store and the model.
fn run(
    open: impl AsyncFnOnce() -> (Fixture, Box<dyn Books>),
    wanted: &[[u32; 3]],
    actions: Vec<(Action, usize)>,
) -> Result<(), TestCaseError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async move {
        let mut pair = Pair::new(open().await, wanted).await;
        for (action, times) in actions {
            pair.act(action, times).await;
            pair.check().await?;
        }
        pair.check_answers().await
    })
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(40) })]

    #[test]
    fn the_store_is_where_the_state_machine_says_after_any_sequence(
        wanted in prop::collection::vec([0_u32..4, 0_u32..4, 1_u32..4], ORDERS),
        actions in actions(),
    ) {
        run(sqlite::with_books, &wanted, actions)?;
    }
}

proptest! {
    // Each case makes and removes a database.
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(15) })]

    #[test]
    fn the_store_on_mongodb_is_where_the_state_machine_says_after_any_sequence(
        wanted in prop::collection::vec([0_u32..4, 0_u32..4, 1_u32..4], ORDERS),
        actions in actions(),
    ) {
        run(mongo::with_books, &wanted, actions)?;
    }
}
