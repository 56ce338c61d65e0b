//! What one transaction has read of stock and reservations, and what becomes of it: the reservation's state machine, applied
//! in memory, so that any number of orders for one sku cost one write.

use std::collections::{BTreeMap, BTreeSet};

use contracts::events::order::OrderSummary;
use contracts::events::stock::{
    RejectedLine, ReleaseOutcome, StockLine, StockRejected, StockReleased, StockReserved,
};
use contracts::{Event, Money, OrderId, Payload, Quantity, Sku};
use service_kit::Context;
use store_kit::StoreError;

use super::reservation::Reservation;
use super::shelf::{Place, Shelf};
use crate::domain::reservation::{Input, State, Step, step};
use crate::domain::stock::{Rules, refuse};
use crate::store::StockCommand;
use crate::store::mongo::{Told, event};

/// The order a command is about, and what it means to the state machine.
pub(super) fn input(command: &StockCommand) -> (OrderId, Input) {
    match command {
        StockCommand::Hold(order) => (order.order_id, Input::Placed),
        StockCommand::Commit(id) => (*id, Input::Confirmed),
        StockCommand::Release(id) => (*id, Input::CancelRequested),
        StockCommand::Restock(id, _) => (*id, Input::Returned),
    }
}

/// The skus a command names itself, beyond those of its reservation.
pub(super) fn skus(command: &StockCommand) -> impl Iterator<Item = &Sku> {
    let lines = match command {
        StockCommand::Hold(order) => order.lines.as_slice(),
        _ => &[],
    };
    lines.iter().map(|line| &line.sku)
}

/// Shelves and reservations; in the order of skus and orders, as every writer takes them.
pub(super) struct Ledger {
    pub(super) shelves: BTreeMap<Sku, Shelf>,
    reservations: BTreeMap<OrderId, Reservation>,
    touched: BTreeSet<OrderId>,
    told: Vec<Told>,
    rules: Rules,
}

impl Ledger {
    pub(super) fn new(
        shelves: impl IntoIterator<Item = Shelf>,
        reservations: impl IntoIterator<Item = Reservation>,
        rules: Rules,
    ) -> Self {
        let by_sku = |shelf: Shelf| (shelf.stock.sku.clone(), shelf);
        let by_order = |reservation: Reservation| (reservation.order_id, reservation);
        Self {
            shelves: shelves.into_iter().map(by_sku).collect(),
            reservations: reservations.into_iter().map(by_order).collect(),
            touched: BTreeSet::new(),
            told: Vec::new(),
            rules,
        }
    }

    /// The reservations to write.
    pub(super) fn changed_reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.touched
            .iter()
            .filter_map(|id| self.reservations.get(id))
    }

    /// The events to tell, in the order in which they became true.
    pub(super) fn told(&self) -> &[Told] {
        &self.told
    }

    /// Does what an order asks for. After an error the ledger is of no use.
    pub(super) fn take(
        &mut self,
        command: &StockCommand,
        context: &Context,
    ) -> Result<(), StoreError> {
        let (id, input) = input(command);
        let state = self.reservations.get(&id).map(|known| known.state);
        let mut turn = Turn {
            id,
            ledger: self,
            context,
        };
        match (step(state, input), command) {
            (Step::TryHold, StockCommand::Hold(order)) => turn.try_hold(order),
            (Step::Commit, _) => turn.commit(),
            (Step::ReleaseHeld, _) => turn.release(Place::Reserved),
            (Step::ReleaseSold, _) => turn.release(Place::Sold),
            (Step::Bury, _) => {
                turn.become_state(State::Tombstone);
                turn.answer(ReleaseOutcome::NothingHeld);
                Ok(())
            }
            (Step::NothingHeld, _) => {
                turn.answer(ReleaseOutcome::NothingHeld);
                Ok(())
            }
            (Step::Restock, StockCommand::Restock(_, lines)) => turn.restock(lines),
            (Step::CommitAndRestock, StockCommand::Restock(_, lines)) => {
                turn.commit()?;
                turn.restock(lines)
            }
            // The other pairs are never made: only `order.placed` holds and only `order.returned` restocks.
            (Step::Ignore | Step::TryHold | Step::Restock | Step::CommitAndRestock, _) => Ok(()),
        }
    }
}

/// One command at work.
struct Turn<'a> {
    id: OrderId,
    ledger: &'a mut Ledger,
    context: &'a Context,
}

impl Turn<'_> {
    /// Reserves all lines or none.
    fn try_hold(&mut self, order: &OrderSummary) -> Result<(), StoreError> {
        let wanted = wanted(order);
        let refused = self.refused(&wanted);
        if !refused.is_empty() {
            self.become_state(State::Rejected);
            self.tell(StockRejected {
                order_id: self.id,
                lines: refused,
            });
            return Ok(());
        }
        let mut lines = Vec::new();
        for (sku, (_, pieces)) in wanted {
            self.move_pieces(sku, Place::Available, Place::Reserved, pieces)?;
            lines.push(line(sku, pieces)?);
        }
        let held_until = self.context.now.plus(self.ledger.rules.hold);
        let now = self.context.now;
        let reservation = self.reservation();
        reservation.become_state(State::Held, Some(held_until), now);
        reservation.lines.clone_from(&lines);
        self.tell(StockReserved {
            order_id: self.id,
            lines,
            held_until,
        });
        Ok(())
    }

    fn refused(&self, wanted: &BTreeMap<&Sku, (Money, u64)>) -> Vec<RejectedLine> {
        let Ledger { shelves, rules, .. } = &*self.ledger;
        let refused = wanted.iter().filter_map(|(sku, (price, pieces))| {
            let offer = shelves.get(*sku).map(|shelf| shelf.offer_at(*price));
            let code = refuse(offer, *price, *pieces, *rules, self.context.now)?;
            Some(RejectedLine {
                sku: (*sku).clone(),
                code,
            })
        });
        refused.collect()
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        for line in self.lines() {
            let pieces = u64::from(line.quantity.get());
            self.shelf(&line.sku)?
                .move_pieces(Place::Reserved, Place::Sold, pieces)?;
        }
        self.become_state(State::Committed);
        Ok(())
    }

    fn release(&mut self, from: Place) -> Result<(), StoreError> {
        for line in self.lines() {
            let pieces = u64::from(line.quantity.get());
            self.move_pieces(&line.sku, from, Place::Available, pieces)?;
        }
        self.become_state(State::Released);
        self.reservation().lines.clear();
        self.answer(ReleaseOutcome::Released);
        Ok(())
    }

    /// Gives returned pieces back to the shelf; never more than were sold to this order.
    fn restock(&mut self, returned: &[StockLine]) -> Result<(), StoreError> {
        let mut left = Vec::new();
        for sold in self.lines() {
            let returned = returned.iter().filter(|line| line.sku == sold.sku);
            let returned: u64 = returned.map(|line| u64::from(line.quantity.get())).sum();
            let pieces = u64::from(sold.quantity.get());
            let back = returned.min(pieces);
            if back > 0 {
                self.move_pieces(&sold.sku, Place::Sold, Place::Available, back)?;
            }
            if back < pieces {
                left.push(line(&sold.sku, pieces - back)?);
            }
        }
        self.become_state(State::Committed);
        self.reservation().lines = left;
        self.answer(ReleaseOutcome::Restocked);
        Ok(())
    }

    /// Moves pieces off or onto the shelf, and tells if few are left there.
    fn move_pieces(
        &mut self,
        sku: &Sku,
        from: Place,
        to: Place,
        pieces: u64,
    ) -> Result<(), StoreError> {
        let rules = self.ledger.rules;
        let there = self.shelf(sku)?;
        there.move_pieces(from, to, pieces)?;
        let version = there.stock.version;
        if let Some(low) = there.low(rules) {
            let told = event(sku.to_string(), version, low, self.context);
            self.ledger.told.push(told);
        }
        Ok(())
    }

    fn shelf(&mut self, sku: &Sku) -> Result<&mut Shelf, StoreError> {
        let found = self.ledger.shelves.get_mut(sku);
        found.ok_or_else(|| StoreError::broken(format!("{sku} has no inventory")))
    }

    /// What is held or sold for the order.
    fn lines(&self) -> Vec<StockLine> {
        let known = self.ledger.reservations.get(&self.id);
        known.map(|known| known.lines.clone()).unwrap_or_default()
    }

    /// The reservation, to be changed.
    fn reservation(&mut self) -> &mut Reservation {
        self.ledger.touched.insert(self.id);
        let new = || Reservation::new(self.id, State::Held, self.context.now);
        self.ledger.reservations.entry(self.id).or_insert_with(new)
    }

    fn become_state(&mut self, state: State) {
        let now = self.context.now;
        self.reservation().become_state(state, None, now);
    }

    fn answer(&mut self, outcome: ReleaseOutcome) {
        self.tell(StockReleased {
            order_id: self.id,
            outcome,
        });
    }

    /// Tells something of the order, at the version of its reservation.
    fn tell(&mut self, payload: impl Into<Payload>) {
        let known = self.ledger.reservations.get(&self.id);
        let version = known.map_or(0, |known| known.version);
        let told = event(self.id.to_string(), version, payload, self.context);
        self.ledger.told.push(told);
    }
}

/// What an order asks for by sku: at which price, and how many pieces in all.
fn wanted(order: &OrderSummary) -> BTreeMap<&Sku, (Money, u64)> {
    let mut wanted = BTreeMap::new();
    for line in &order.lines {
        let entry = wanted.entry(&line.sku).or_insert((line.unit_price, 0));
        entry.1 += u64::from(line.quantity.get());
    }
    wanted
}

fn line(sku: &Sku, pieces: u64) -> Result<StockLine, StoreError> {
    let quantity = u32::try_from(pieces)
        .ok()
        .and_then(|pieces| Quantity::new(pieces).ok())
        .ok_or_else(|| StoreError::broken(format!("{pieces} pieces of {sku} are no quantity")))?;
    Ok(StockLine {
        sku: sku.clone(),
        quantity,
    })
}

/// Lines that were refused, by code, for the metric.
pub(super) fn refusals(told: &[Told]) -> impl Iterator<Item = &'static str> {
    let refused = told.iter().filter_map(|told| match &told.event {
        Event {
            payload: Payload::StockRejected(rejected),
            ..
        } => Some(rejected.lines.iter().map(|line| line.code.as_str())),
        _ => None,
    });
    refused.flatten()
}
