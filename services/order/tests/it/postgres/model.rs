//! The PostgreSQL store against the embedded one: the same commands, in any order and as often as they like, have the same
//! answers and leave the same orders behind.

use std::time::Duration;

use contracts::events::order::CancelReason;
use contracts::events::stock::{RejectedLine, RejectionCode, StockLine};
use contracts::{OrderId, Quantity, ShipmentId, UserId};
use order::domain::{Dispatch, Input, Order, OrderNumber, ShipmentText};
use order::store::{Heard, OrderFilter, PlaceOrder, RequestKey, TellOrder};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestRunner};

use crate::contract::Fixture;
use crate::{postgres, sqlite};

const SKUS: [&str; 5] = ["MUG", "CUP", "TIE", "POT", "NO"];

/// What the world does next; an `Index` picks one of the orders, `u8` one of a few keys or messages.
#[derive(Clone, Debug)]
enum Act {
    Place(bool, u8, Vec<&'static str>, u32),
    Tell(Index, Wish, Option<u8>, Option<u64>, bool),
    Hear(Index, u8, u8),
    Later(u64),
    Sweep,
}

#[derive(Clone, Debug)]
enum Wish {
    Cancel,
    Ship(Option<(&'static str, u32)>),
    Deliver(Index),
}

fn act() -> impl Strategy<Value = Act> {
    // What can be ordered comes up more often than what cannot.
    let skus = prop_oneof![
        4 => subsequence(SKUS[..2].to_vec(), 1..=2),
        1 => subsequence(SKUS.to_vec(), 1..=3),
    ];
    let parcel = proptest::option::of((proptest::sample::select(&SKUS[..2]), 1_u32..3));
    let wish = prop_oneof![
        Just(Wish::Cancel),
        parcel.prop_map(Wish::Ship),
        any::<Index>().prop_map(Wish::Deliver),
    ];
    let key = || proptest::option::of(0_u8..3);
    prop_oneof![
        3 => (any::<bool>(), 0_u8..4, skus, 1_u32..4)
            .prop_map(|(whose, key, skus, pieces)| Act::Place(whose, key, skus, pieces)),
        4 => (any::<Index>(), wish, key(), proptest::option::weighted(0.2, 1_u64..4), any::<bool>())
            .prop_map(|(order, wish, key, seen, own)| Act::Tell(order, wish, key, seen, own)),
        5 => (any::<Index>(), 0_u8..20, 0_u8..4)
            .prop_map(|(order, message, input)| Act::Hear(order, message, input)),
        1 => prop_oneof![Just(1), Just(30), Just(3600)].prop_map(Act::Later),
        1 => Just(Act::Sweep),
    ]
}

/// Both stores, and what happened so far.
struct Worlds<'w> {
    stores: &'w [Fixture; 2],
    customers: [UserId; 2],
    orders: Vec<OrderId>,
}

/// Numbers have gaps in one of the stores.
fn plain(order: Order) -> Order {
    Order {
        number: OrderNumber::of(0),
        ..order
    }
}

impl Worlds<'_> {
    fn now(&self) -> &Fixture {
        &self.stores[0]
    }

    /// Both answer the same.
    async fn same<T: PartialEq + std::fmt::Debug>(&self, ask: impl AsyncFn(&Fixture) -> T) -> T {
        let [one, other] = self.stores;
        let (one, other) = (ask(one).await, ask(other).await);
        assert_eq!(one, other);
        one
    }

    fn picked(&self, index: Index) -> OrderId {
        if self.orders.is_empty() {
            return OrderId::at(self.now().clock_now());
        }
        *index.get(&self.orders)
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Place(whose, key, skus, pieces) => {
                let items: Vec<_> = skus.iter().map(|sku| (*sku, pieces)).collect();
                let customer = self.customers[usize::from(whose)];
                let mut command =
                    self.now()
                        .place_command(customer, &format!("place {key}"), &items);
                command.request.fingerprint = format!("{items:?}");
                self.place(command).await;
            }
            Act::Tell(order, wish, key, seen_version, own) => {
                let order_id = self.picked(order);
                let (input, fingerprint) = self.wish(order_id, wish).await;
                let request = key.map(|key| RequestKey {
                    caller: self.customers[0],
                    key: format!("tell {key}"),
                    fingerprint,
                });
                let command = TellOrder {
                    owner: own.then_some(self.customers[0]),
                    seen_version,
                    request,
                    ..self.now().tell_command(order_id, input)
                };
                self.same(async |world| {
                    let told = world.store.tell(command.clone()).await;
                    let told = told.map(|told| (plain(told.order), told.object_id, told.replayed));
                    format!("{told:?}")
                })
                .await;
            }
            Act::Hear(order, message, input) => {
                let (order_id, input) = (self.picked(order), heard(input));
                let message_id = format!("{} {message}", self.customers[0]);
                self.same(async |world| world.hear(&message_id, order_id, input.clone()).await)
                    .await;
            }
            Act::Later(seconds) => {
                for world in self.stores {
                    world.clock.advance(Duration::from_secs(seconds));
                }
            }
            Act::Sweep => {
                self.same(sweep).await;
            }
        }
    }

    async fn place(&mut self, command: PlaceOrder) {
        let order_id = command.draft.id;
        let answer = self
            .same(async |world| {
                let placed = world.store.place(command.clone()).await;
                format!("{:?}", placed.map(|it| (plain(it.order), it.replayed)))
            })
            .await;
        if answer.ends_with("false))") {
            self.orders.push(order_id);
        }
    }

    async fn wish(&self, order_id: OrderId, wish: Wish) -> (Input, String) {
        let about = format!("{order_id} {wish:?}");
        let now = self.now().clock_now();
        let input = match wish {
            Wish::Cancel => Input::Cancel(CancelReason::Customer),
            Wish::Ship(line) => Input::Ship(Dispatch {
                id: ShipmentId::at(now),
                lines: line.map(|(sku, pieces)| {
                    vec![StockLine {
                        sku: sku.parse().unwrap(),
                        quantity: Quantity::new(pieces).unwrap(),
                    }]
                }),
                carrier: ShipmentText::try_from("DHL").unwrap(),
                tracking_number: ShipmentText::try_from("JD 0001").unwrap(),
            }),
            Wish::Deliver(index) => {
                let order = self.now().store.order(order_id, None).await.unwrap();
                let parcels = order.map(|order| order.shipments).unwrap_or_default();
                let picked = (!parcels.is_empty()).then(|| index.get(&parcels).id);
                Input::Delivered(picked.unwrap_or_else(|| ShipmentId::at(now)))
            }
        };
        (input, about)
    }

    async fn end_the_same(&self) {
        for customer_id in self.customers {
            let filter = OrderFilter {
                customer_id: Some(customer_id),
                status: None,
            };
            let orders = self
                .same(async |world| {
                    let orders = world.store.orders(filter, None, 1000).await.unwrap();
                    orders.into_iter().map(plain).collect::<Vec<_>>()
                })
                .await;
            for order in orders {
                self.same(async |world| world.store.timeline(order.id, None).await.unwrap())
                    .await;
            }
        }
        self.same(async |world| {
            let mut counts = world.store.count_by_status().await.unwrap();
            counts.sort_unstable_by_key(|(status, _)| status.as_str());
            counts
        })
        .await;
        self.same(told).await;
    }
}

fn heard(input: u8) -> Input {
    match input {
        0 => Input::StockReserved,
        1 => Input::StockRejected(vec![RejectedLine {
            sku: "MUG".parse().unwrap(),
            code: RejectionCode::InsufficientStock,
        }]),
        2 => Input::StockReleased,
        _ => Input::HoldExpired,
    }
}

async fn sweep(world: &Fixture) -> Vec<(OrderId, Heard)> {
    let mut overdue = world
        .store
        .overdue(world.clock_now(), 10_000)
        .await
        .unwrap();
    // Those that are due at the same moment come in any order.
    overdue.sort_unstable();
    let mut moved = Vec::new();
    for order_id in overdue {
        let heard = world.store.deadline_passed(order_id, world.context()).await;
        moved.push((order_id, heard.unwrap()));
    }
    moved
}

/// Every event since the last call, without the number of its order.
async fn told(world: &Fixture) -> Vec<(u64, serde_json::Value)> {
    let events = world.events().await.into_iter();
    events
        .map(|(version, payload)| {
            let mut body: serde_json::Value =
                serde_json::from_str(&payload.to_json().unwrap()).unwrap();
            if let Some(order) = body
                .get_mut("order")
                .and_then(|order| order.as_object_mut())
            {
                order.remove("number");
            }
            (version, body)
        })
        .collect()
}

#[test]
fn the_same_commands_have_the_same_answers_and_leave_the_same_orders() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores = runtime.block_on(async { [sqlite::fixture().await, postgres::fixture().await] });
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    let histories = proptest::collection::vec(act(), 1..60);
    TestRunner::new(config)
        .run(&histories, |acts| {
            runtime.block_on(async {
                let customers = [stores[0].customer(), stores[0].customer()];
                let mut worlds = Worlds {
                    stores: &stores,
                    customers,
                    orders: Vec::new(),
                };
                for act in acts {
                    worlds.act(act).await;
                }
                worlds.end_the_same().await;
            });
            Ok(())
        })
        .unwrap();
}
