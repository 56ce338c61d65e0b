//! Row Z of the fault matrix: orders against a model of stock, over a network that loses, repeats and reorders.

use std::collections::BTreeMap;

use contracts::events::order::{CancelReason, OrderStatus};
use contracts::events::stock::{
    RejectedLine, RejectionCode, ReleaseOutcome, StockHoldExpired, StockLine, StockRejected,
    StockReleased, StockReserved,
};
use contracts::{Money, OrderId, Payload, Quantity, Sku, Timestamp, UserId};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::domain::transition::samples::{dispatch, start};
use crate::domain::transition::{Deadlines, Decision, Input};
use crate::domain::{Draft, Line, Order, OrderNumber, PaymentMethod, PricedLines};

const SKUS: [&str; 2] = ["MUG", "CUP"];
const RECEIVED: u32 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Held,
    Committed,
    Rejected,
    Released,
    Tombstone,
}

/// Stock as `events.md` describes it, without its inbox: the states alone have to bear every repetition.
#[derive(Default)]
struct Stock {
    available: BTreeMap<Sku, u32>,
    holds: BTreeMap<OrderId, (Hold, Vec<StockLine>)>,
}

impl Stock {
    fn hear(&mut self, message: &Payload) -> Option<Payload> {
        match message {
            Payload::OrderPlaced(placed) => {
                let lines = placed.order.lines.iter().map(|line| StockLine {
                    sku: line.sku.clone(),
                    quantity: line.quantity,
                });
                self.reserve(placed.order.order_id, lines.collect())
            }
            Payload::OrderConfirmed(confirmed) => {
                if let Some((hold @ Hold::Held, _)) = self.holds.get_mut(&confirmed.order.order_id)
                {
                    *hold = Hold::Committed;
                }
                None
            }
            Payload::OrderCancelRequested(cancel) => Some(self.release(cancel.order_id)),
            other => panic!("stock does not hear {other:?}"),
        }
    }

    fn reserve(&mut self, order_id: OrderId, lines: Vec<StockLine>) -> Option<Payload> {
        if self.holds.contains_key(&order_id) {
            return None;
        }
        let short: Vec<RejectedLine> = lines
            .iter()
            .filter(|line| self.available[&line.sku] < line.quantity.get())
            .map(|line| RejectedLine {
                sku: line.sku.clone(),
                code: RejectionCode::InsufficientStock,
            })
            .collect();
        if !short.is_empty() {
            self.holds.insert(order_id, (Hold::Rejected, Vec::new()));
            return Some(
                StockRejected {
                    order_id,
                    lines: short,
                }
                .into(),
            );
        }
        for line in &lines {
            *self.available.get_mut(&line.sku).unwrap() -= line.quantity.get();
        }
        self.holds.insert(order_id, (Hold::Held, lines.clone()));
        let held_until = start();
        Some(
            StockReserved {
                order_id,
                lines,
                held_until,
            }
            .into(),
        )
    }

    fn release(&mut self, order_id: OrderId) -> Payload {
        let entry = self
            .holds
            .entry(order_id)
            .or_insert((Hold::Tombstone, Vec::new()));
        let (next, outcome) = match entry.0 {
            Hold::Held | Hold::Committed => (Hold::Released, ReleaseOutcome::Released),
            Hold::Rejected | Hold::Tombstone => (Hold::Tombstone, ReleaseOutcome::NothingHeld),
            Hold::Released => (Hold::Released, ReleaseOutcome::NothingHeld),
        };
        if outcome == ReleaseOutcome::Released {
            for line in std::mem::take(&mut entry.1) {
                *self.available.get_mut(&line.sku).unwrap() += line.quantity.get();
            }
        }
        entry.0 = next;
        StockReleased { order_id, outcome }.into()
    }
}

/// What the world does next; an `Index` picks one of the orders or of the messages under way.
#[derive(Clone, Debug)]
enum Act {
    Place([u32; 2]),
    Hear(Index),
    HearAndRepeat(Index),
    Lose(Index),
    Cancel(Index),
    Wait(u64),
    AskAboutHold(Index),
    Ship(Index, bool),
    Arrive(Index),
}

fn act() -> impl Strategy<Value = Act> {
    let index = any::<Index>;
    prop_oneof![
        3 => [0_u32..3, 0_u32..3].prop_map(Act::Place),
        8 => index().prop_map(Act::Hear),
        3 => index().prop_map(Act::HearAndRepeat),
        1 => index().prop_map(Act::Lose),
        2 => index().prop_map(Act::Cancel),
        1 => (0_u64..7200).prop_map(Act::Wait),
        2 => index().prop_map(Act::AskAboutHold),
        2 => (index(), any::<bool>()).prop_map(|(order, all)| Act::Ship(order, all)),
        2 => index().prop_map(Act::Arrive),
    ]
}

struct World {
    orders: Vec<Order>,
    stock: Stock,
    under_way: Vec<Payload>,
    now: Timestamp,
    parcels: u16,
}

impl World {
    fn new() -> Self {
        let available = SKUS.map(|sku| (sku.parse().unwrap(), RECEIVED));
        Self {
            orders: Vec::new(),
            stock: Stock {
                available: available.into(),
                holds: BTreeMap::new(),
            },
            under_way: Vec::new(),
            now: start(),
            parcels: 0,
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Place(pieces) => self.place(*pieces),
            Act::Hear(index) if !self.under_way.is_empty() => {
                let message = self
                    .under_way
                    .swap_remove(index.index(self.under_way.len()));
                self.hear(&message);
            }
            Act::HearAndRepeat(index) if !self.under_way.is_empty() => {
                let message = self.under_way[index.index(self.under_way.len())].clone();
                self.hear(&message);
            }
            Act::Lose(index) if !self.under_way.is_empty() => {
                self.under_way
                    .swap_remove(index.index(self.under_way.len()));
            }
            Act::Wait(seconds) => {
                self.now = self.now.plus(std::time::Duration::from_secs(*seconds));
                self.sweep();
            }
            Act::AskAboutHold(index) if !self.orders.is_empty() => {
                let order_id = self.orders[index.index(self.orders.len())].id;
                self.ask_about_hold(order_id);
            }
            Act::Cancel(index) => {
                self.tell(*index, |_| Some(Input::Cancel(CancelReason::Customer)));
            }
            Act::Ship(index, all) => {
                self.parcels += 1;
                let number = self.parcels;
                self.tell(*index, |order| {
                    let one = order.unshipped().into_iter().take(1).collect();
                    Some(Input::Ship(dispatch(number, (!all).then_some(one))))
                });
            }
            Act::Arrive(index) => self.tell(*index, |order| {
                let parcel = order.shipments.iter().find(|s| s.delivered_at.is_none())?;
                Some(Input::Delivered(parcel.id))
            }),
            _ => {}
        }
    }

    fn place(&mut self, pieces: [u32; 2]) {
        let eur = |amount| Money::new(amount, "EUR".parse().unwrap());
        let lines: Vec<Line> = SKUS
            .iter()
            .zip(pieces)
            .filter_map(|(sku, pieces)| {
                Some(Line {
                    sku: sku.parse().unwrap(),
                    title: String::new(),
                    quantity: Quantity::new(pieces).ok()?,
                    unit_price: eur(1),
                    line_total: eur(i64::from(pieces)),
                    rejection: None,
                })
            })
            .collect();
        if lines.is_empty() {
            return;
        }
        let draft = Draft {
            id: OrderId::at(self.now),
            customer_id: UserId::at(self.now),
            payment_method: PaymentMethod::Manual,
            shipping_address: None,
        };
        let total = eur(1);
        let priced = PricedLines { lines, total };
        let number = OrderNumber::of(1);
        let placed = Order::place(draft, number, priced, &Deadlines::default(), self.now);
        self.under_way.push(placed.event);
        self.orders.push(placed.order);
    }

    fn hear(&mut self, message: &Payload) {
        let (order_id, input) = match message {
            Payload::StockReserved(stock) => (stock.order_id, Input::StockReserved),
            Payload::StockRejected(stock) => {
                let input = Input::StockRejected(stock.lines.clone());
                (stock.order_id, input)
            }
            Payload::StockReleased(stock) => (stock.order_id, Input::StockReleased),
            Payload::StockHoldExpired(stock) => (stock.order_id, Input::HoldExpired),
            question => {
                let answer = self.stock.hear(question);
                self.under_way.extend(answer);
                return;
            }
        };
        let place = self.orders.iter().position(|o| o.id == order_id).unwrap();
        self.decide(place, &input);
    }

    fn tell(&mut self, index: Index, input: impl Fn(&Order) -> Option<Input>) {
        if self.orders.is_empty() {
            return;
        }
        let place = index.index(self.orders.len());
        if let Some(input) = input(&self.orders[place]) {
            self.decide(place, &input);
        }
    }

    fn decide(&mut self, place: usize, input: &Input) {
        let before = &self.orders[place];
        let (after, event) = match before.decide(input, &Deadlines::default(), self.now) {
            Decision::Change(change) => {
                assert_eq!(change.order.version, before.version + 1);
                let last = [OrderStatus::Rejected, OrderStatus::Cancelled];
                assert!(!last.contains(&before.status), "{before:?} {input:?}");
                (change.order, change.event)
            }
            Decision::Repeat { order, event } => {
                assert_eq!(order.version, before.version);
                (*order, Some(event))
            }
            Decision::Ignore(_) | Decision::Refuse(_) => return,
        };
        self.orders[place] = after;
        let to_stock = event.filter(|event| {
            matches!(
                event,
                Payload::OrderPlaced(_)
                    | Payload::OrderConfirmed(_)
                    | Payload::OrderCancelRequested(_)
            )
        });
        self.under_way.extend(to_stock);
    }

    fn sweep(&mut self) {
        for place in 0..self.orders.len() {
            self.decide(place, &Input::DeadlinePassed);
        }
    }

    fn ask_about_hold(&mut self, order_id: OrderId) {
        if let Some((Hold::Held, _)) = self.stock.holds.get(&order_id) {
            self.under_way.push(StockHoldExpired { order_id }.into());
        }
    }

    /// The network heals and time passes: every message arrives, every deadline and every hold runs out.
    fn quiesce(&mut self) {
        for _ in 0..4 {
            while let Some(message) = self.under_way.pop() {
                self.hear(&message);
            }
            self.now = self.now.plus(std::time::Duration::from_hours(2));
            self.sweep();
            for order_id in self.stock.holds.keys().copied().collect::<Vec<_>>() {
                self.ask_about_hold(order_id);
            }
        }
        assert_eq!(self.under_way, [], "orders and stock still talk");
    }

    fn check_stock_adds_up(&self) {
        for sku in SKUS {
            let sku: Sku = sku.parse().unwrap();
            let taken: u32 = self
                .stock
                .holds
                .values()
                .filter(|(hold, _)| matches!(hold, Hold::Held | Hold::Committed))
                .flat_map(|(_, lines)| lines)
                .filter(|line| line.sku == sku)
                .map(|line| line.quantity.get())
                .sum();
            assert_eq!(self.stock.available[&sku] + taken, RECEIVED, "I1, I2");
        }
    }

    fn check_orders_agree_with_stock(&self) {
        for order in &self.orders {
            let hold = self.stock.holds.get(&order.id);
            match order.status {
                OrderStatus::Confirmed
                | OrderStatus::PartiallyShipped
                | OrderStatus::Shipped
                | OrderStatus::Delivered => {
                    let lines: Vec<StockLine> = order
                        .lines
                        .iter()
                        .map(|line| StockLine {
                            sku: line.sku.clone(),
                            quantity: line.quantity,
                        })
                        .collect();
                    assert_eq!(hold, Some(&(Hold::Committed, lines)), "I4: {order:?}");
                }
                OrderStatus::Rejected | OrderStatus::Cancelled => {
                    let keeps = matches!(hold, Some((Hold::Held | Hold::Committed, _)));
                    assert!(!keeps, "I4: {order:?} {hold:?}");
                }
                status => panic!("I3: an order is still {status:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_repeated_or_late_orders_and_stock_agree_in_the_end(
        acts in proptest::collection::vec(act(), 1..80)
    ) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
            world.check_stock_adds_up();
        }
        world.quiesce();
        world.check_stock_adds_up();
        world.check_orders_agree_with_stock();
    }
}
