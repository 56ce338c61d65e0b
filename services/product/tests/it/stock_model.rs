//! Row Z of the fault matrix: any sequence of messages, repeated and out of order, leaves the store where the pure state
//! machine says, with I1 and I2 true in the file after every one of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use contracts::events::order::OrderSummary;
use contracts::{Clock as _, EventType, OrderId};
use product::domain::reservation::{Input, State, Step, step};
use product::store::StockCommand;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use rusqlite::{Connection, OpenFlags};

use crate::contract::{Fixture, order, retry, stock_line};
use crate::sqlite;

const SKUS: [&str; 3] = ["A", "B", "C"];
const STOCK: i64 = 6;
const ORDERS: usize = 5;

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
    file: Connection,
    orders: Vec<(OrderSummary, Lines)>,
    model: Model,
    messages: u32,
}

impl Pair {
    async fn new(wanted: &[[u32; 3]]) -> Self {
        let fixture = sqlite::fixture().await;
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
        let file = read_only(&fixture.folder.path().join("product.db"));
        Self {
            fixture,
            file,
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

    /// I1, I2 and equality with the model, in the file.
    fn check(&self) -> Result<(), TestCaseError> {
        for (number, sku) in (0..).zip(SKUS) {
            let stock: [i64; 4] = self.row(
                "SELECT received, available, reserved, sold FROM inventory WHERE sku = ?1",
                sku,
            );
            let [received, available, reserved, sold] = stock;
            prop_assert!(
                stock.iter().all(|pieces| *pieces >= 0),
                "I1 {sku}: {stock:?}"
            );
            prop_assert_eq!(received, available + reserved + sold, "I1 {}", sku);
            let lines: [i64; 2] = self.row(
                "SELECT coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0),
                        coalesce(sum(quantity) FILTER (WHERE state = 'committed'), 0)
                 FROM reservation_line JOIN reservation USING (order_id) WHERE sku = ?1",
                sku,
            );
            prop_assert_eq!(lines, [reserved, sold], "I2 {}", sku);
            let model = [
                self.model.available[number],
                self.model.sum(State::Held, number),
                self.model.sum(State::Committed, number),
            ];
            prop_assert_eq!([available, reserved, sold], model, "{}", sku);
        }
        let states: BTreeMap<OrderId, State> = self.states();
        let model: BTreeMap<_, _> = self
            .model
            .orders
            .iter()
            .map(|(id, (state, _))| (*id, *state))
            .collect();
        prop_assert_eq!(states, model);
        Ok(())
    }

    fn row<const N: usize>(&self, sql: &str, sku: &str) -> [i64; N] {
        let mut statement = self.file.prepare_cached(sql).unwrap();
        let row = statement.query_row([sku], |row| {
            Ok(std::array::from_fn(|column| row.get(column).unwrap()))
        });
        row.unwrap()
    }

    fn states(&self) -> BTreeMap<OrderId, State> {
        let mut statement = self
            .file
            .prepare_cached("SELECT order_id, state FROM reservation")
            .unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        let rows = rows.unwrap().map(Result::unwrap);
        rows.map(|(id, state)| (id.parse().unwrap(), State::from_text(&state).unwrap()))
            .collect()
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

fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
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

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(40) })]

    #[test]
    fn the_store_is_where_the_state_machine_says_after_any_sequence(
        wanted in prop::collection::vec([0_u32..4, 0_u32..4, 1_u32..4], ORDERS),
        actions in actions(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut pair = Pair::new(&wanted).await;
            for (action, times) in actions {
                pair.act(action, times).await;
                pair.check()?;
            }
            pair.check_answers().await
        })?;
    }
}
