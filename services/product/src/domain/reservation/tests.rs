//! Row Z of the fault matrix for stock: random sequences with repetition and reordering, against what must hold.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const STOCK: u32 = 10;

/// Stock of one sku, and the state of each order, moved by [`step`] alone.
#[derive(Default)]
struct Model {
    reserved: u32,
    sold: u32,
    returned: u32,
    orders: HashMap<u8, (State, u32)>,
    answers: HashMap<u8, u32>,
    asked: HashMap<u8, u32>,
}

impl Model {
    fn available(&self) -> u32 {
        STOCK - self.reserved - self.sold
    }

    fn apply(&mut self, order: u8, pieces: u32, input: Input) {
        let known = self.orders.get(&order).copied();
        let held = known.map_or(0, |(_, held)| held);
        match step(known.map(|(state, _)| state), input) {
            Step::TryHold if pieces <= self.available() => {
                self.reserved += pieces;
                self.orders.insert(order, (State::Held, pieces));
            }
            Step::TryHold => {
                self.orders.insert(order, (State::Rejected, 0));
            }
            Step::Commit => {
                self.reserved -= held;
                self.sold += held;
                self.orders.insert(order, (State::Committed, held));
            }
            Step::ReleaseHeld => {
                self.reserved -= held;
                self.orders.insert(order, (State::Released, 0));
            }
            Step::ReleaseSold => {
                self.sold -= held;
                self.orders.insert(order, (State::Released, 0));
            }
            Step::Bury => {
                self.orders.insert(order, (State::Tombstone, 0));
            }
            Step::CommitAndRestock => {
                self.reserved -= held;
                self.sold += held;
                self.orders.insert(order, (State::Committed, held));
                self.apply(order, pieces, input);
            }
            Step::Restock => {
                let back = held.min(1);
                self.sold -= back;
                self.returned += back;
                self.orders.insert(order, (State::Committed, held - back));
            }
            Step::NothingHeld | Step::Ignore => {}
        }
        if input == Input::CancelRequested {
            *self.asked.entry(order).or_default() += 1;
            *self.answers.entry(order).or_default() += 1;
        }
    }

    fn sum(&self, state: State) -> u32 {
        self.orders
            .values()
            .filter(|(of, _)| *of == state)
            .map(|(_, held)| held)
            .sum()
    }
}

fn inputs() -> impl Strategy<Value = Vec<(u8, u32, Input)>> {
    let input = prop_oneof![
        3 => Just(Input::Placed),
        3 => Just(Input::Confirmed),
        2 => Just(Input::CancelRequested),
        1 => Just(Input::Returned),
    ];
    prop::collection::vec((0_u8..6, 1_u32..5, input), 0..60)
}

proptest! {
    #[test]
    fn stock_is_exact_after_every_step_of_any_sequence(inputs in inputs()) {
        let mut model = Model::default();
        for (order, pieces, input) in inputs {
            let before = model.orders.get(&order).copied();
            model.apply(order, pieces, input);
            // I1: nothing is negative (the subtraction would have panicked) and the sum is what was received.
            prop_assert_eq!(model.available() + model.reserved + model.sold, STOCK);
            // I2.
            prop_assert_eq!(model.reserved, model.sum(State::Held));
            prop_assert_eq!(model.sold, model.sum(State::Committed));
            // Final states are final.
            if let Some((State::Released | State::Tombstone, _)) = before {
                prop_assert_eq!(model.orders.get(&order).copied(), before);
            }
        }
        // Every request to cancel is answered once.
        prop_assert_eq!(&model.asked, &model.answers);
    }

    #[test]
    fn the_same_inputs_twice_in_a_row_do_what_they_do_once(inputs in inputs()) {
        let (mut once, mut twice) = (Model::default(), Model::default());
        for (order, pieces, input) in inputs {
            if input == Input::Returned {
                continue; // Returns are told apart by their event id, in the inbox.
            }
            once.apply(order, pieces, input);
            twice.apply(order, pieces, input);
            twice.apply(order, pieces, input);
        }
        prop_assert_eq!(once.orders, twice.orders);
    }
}

#[test]
fn a_late_order_is_refused_by_the_tombstone() {
    let mut model = Model::default();
    model.apply(1, 3, Input::CancelRequested);
    model.apply(1, 3, Input::Placed);
    model.apply(1, 3, Input::Confirmed);
    assert_eq!(model.orders.get(&1), Some(&(State::Tombstone, 0)));
    assert_eq!(model.available(), STOCK);
}
