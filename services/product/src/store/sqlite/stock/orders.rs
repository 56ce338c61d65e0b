//! What orders do to stock: the reservation's state machine, applied to rows.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::events::order::OrderSummary;
use contracts::events::product::ProductStatus;
use contracts::events::stock::{
    RejectedLine, ReleaseOutcome, StockHoldExpired, StockLine, StockRejected, StockReleased,
    StockReserved,
};
use contracts::topology::PRODUCT_ORDERS;
use contracts::{Money, OrderId, Quantity, Sku, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use service_kit::{Context, crash_point};
use sqlite_store::StoreError;

use super::super::rows::{text, unexpected};
use super::super::tell;
use super::tell_if_low;
use crate::domain::reservation::{Input, State, Step, step};
use crate::domain::stock::{Offer, Rules, refuse};
use crate::store::StockCommand;

/// How long to wait before asking about the same hold again: a minute, then twice as long each time, an hour at most.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// Does what an order asks for, once per message.
pub(in super::super) fn apply(
    connection: &Connection,
    message_id: &str,
    command: &StockCommand,
    rules: Rules,
    context: &Context,
) -> Result<(), StoreError> {
    if !messaging::sqlite::first_delivery(connection, PRODUCT_ORDERS, message_id, context.now)? {
        return Ok(());
    }
    let (id, input) = match command {
        StockCommand::Hold(order) => (order.order_id, Input::Placed),
        StockCommand::Commit(id) => (*id, Input::Confirmed),
        StockCommand::Release(id) => (*id, Input::CancelRequested),
        StockCommand::Restock(id, _) => (*id, Input::Returned),
    };
    let reservation = Reservation {
        connection,
        id,
        rules,
        context,
    };
    reservation.take(step(reservation.state()?, input), command)?;
    // B2 of the fault matrix: see `events`.
    crash_point("product.mid_transaction");
    Ok(())
}

struct Reservation<'a> {
    connection: &'a Connection,
    id: OrderId,
    rules: Rules,
    context: &'a Context,
}

impl Reservation<'_> {
    fn take(&self, step: Step, command: &StockCommand) -> Result<(), StoreError> {
        match (step, command) {
            (Step::TryHold, StockCommand::Hold(order)) => self.try_hold(order),
            (Step::Commit, _) => self.commit(),
            (Step::ReleaseHeld, _) => self.release("reserved"),
            (Step::ReleaseSold, _) => self.release("sold"),
            (Step::Bury, _) => self.bury(),
            (Step::NothingHeld, _) => self.answer(ReleaseOutcome::NothingHeld),
            (Step::Restock, StockCommand::Restock(_, lines)) => self.restock(lines),
            (Step::CommitAndRestock, StockCommand::Restock(_, lines)) => {
                self.commit()?;
                self.restock(lines)
            }
            // The other pairs are never made: only `order.placed` holds and only `order.returned` restocks.
            (Step::Ignore | Step::TryHold | Step::Restock | Step::CommitAndRestock, _) => Ok(()),
        }
    }

    fn state(&self) -> Result<Option<State>, StoreError> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM reservation WHERE order_id = ?1")?
            .query_row([self.id.to_string()], |row| row.get(0))
            .optional()?;
        text.map(|text| {
            State::from_text(&text)
                .ok_or_else(|| StoreError::Unexpected(format!("reservation state {text}")))
        })
        .transpose()
    }

    /// Reserves all lines or none. Lines are taken in the order of their skus, as every writer does.
    fn try_hold(&self, order: &OrderSummary) -> Result<(), StoreError> {
        let mut wanted: BTreeMap<&Sku, (Money, u64)> = BTreeMap::new();
        for line in &order.lines {
            let entry = wanted.entry(&line.sku).or_insert((line.unit_price, 0));
            entry.1 += u64::from(line.quantity.get());
        }
        let mut refused = Vec::new();
        for (sku, (price, pieces)) in &wanted {
            let offer = self.offer(sku, *price)?;
            if let Some(code) = refuse(offer, *price, *pieces, self.rules, self.context.now) {
                refused.push(RejectedLine {
                    sku: (*sku).clone(),
                    code,
                });
            }
        }
        if !refused.is_empty() {
            return self.reject(refused);
        }
        let held_until = self.context.now.plus(self.rules.hold);
        self.set_state(State::Held, Some(held_until))?;
        for (sku, (_, pieces)) in &wanted {
            self.move_stock(sku, "available", "reserved", *pieces)?;
            self.connection
                .prepare_cached(
                    "INSERT INTO reservation_line (order_id, sku, quantity) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![self.id.to_string(), sku.as_str(), pieces])?;
            tell_if_low(self.connection, sku, self.rules, self.context)?;
        }
        let lines = self.lines()?;
        self.tell(StockReserved {
            order_id: self.id,
            lines,
            held_until,
        })
    }

    fn reject(&self, lines: Vec<RejectedLine>) -> Result<(), StoreError> {
        for line in &lines {
            metrics::counter!("shop_stock_rejections_total", "code" => line.code.as_str())
                .increment(1);
        }
        self.set_state(State::Rejected, None)?;
        self.tell(StockRejected {
            order_id: self.id,
            lines,
        })
    }

    fn commit(&self) -> Result<(), StoreError> {
        for line in self.lines()? {
            self.move_stock(
                &line.sku,
                "reserved",
                "sold",
                u64::from(line.quantity.get()),
            )?;
        }
        self.set_state(State::Committed, None)
    }

    fn release(&self, from: &str) -> Result<(), StoreError> {
        for line in self.lines()? {
            self.move_stock(&line.sku, from, "available", u64::from(line.quantity.get()))?;
            tell_if_low(self.connection, &line.sku, self.rules, self.context)?;
        }
        self.connection
            .prepare_cached("DELETE FROM reservation_line WHERE order_id = ?1")?
            .execute([self.id.to_string()])?;
        self.set_state(State::Released, None)?;
        self.answer(ReleaseOutcome::Released)
    }

    fn bury(&self) -> Result<(), StoreError> {
        self.set_state(State::Tombstone, None)?;
        self.answer(ReleaseOutcome::NothingHeld)
    }

    /// Gives returned pieces back to the shelf; never more than were sold to this order.
    fn restock(&self, returned: &[StockLine]) -> Result<(), StoreError> {
        for sold in self.lines()? {
            let back: u64 = returned
                .iter()
                .filter(|line| line.sku == sold.sku)
                .map(|line| u64::from(line.quantity.get()))
                .sum::<u64>()
                .min(u64::from(sold.quantity.get()));
            self.move_stock(&sold.sku, "sold", "available", back)?;
            self.connection
                .prepare_cached("UPDATE reservation_line SET quantity = quantity - ?3 WHERE order_id = ?1 AND sku = ?2")?
                .execute(params![self.id.to_string(), sold.sku.as_str(), back])?;
            tell_if_low(self.connection, &sold.sku, self.rules, self.context)?;
        }
        self.set_state(State::Committed, None)?;
        self.answer(ReleaseOutcome::Restocked)
    }

    fn offer(&self, sku: &Sku, ordered: Money) -> Result<Option<Offer>, StoreError> {
        let offer = self
            .connection
            .prepare_cached(
                "SELECT p.status = 'active', p.price_amount, p.price_currency, i.available, r.replaced_at
                 FROM product p JOIN inventory i ON i.sku = p.sku
                 LEFT JOIN replaced_price r ON r.sku = p.sku AND r.amount = ?2 AND r.currency = ?3
                 WHERE p.sku = ?1",
            )?
            .query_row(params![sku.as_str(), ordered.amount, ordered.currency.as_str()], |row| {
                Ok(Offer {
                    status: if row.get(0)? { ProductStatus::Active } else { ProductStatus::Archived },
                    price: Money::new(row.get(1)?, text(row, 2)?),
                    available: row.get(3)?,
                    ordered_price_replaced_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_unix_millis),
                })
            })
            .optional()?;
        Ok(offer)
    }

    /// What is held or sold for the order.
    fn lines(&self) -> Result<Vec<StockLine>, StoreError> {
        let lines = self
            .connection
            .prepare_cached("SELECT sku, quantity FROM reservation_line WHERE order_id = ?1 AND quantity > 0 ORDER BY sku")?
            .query_map([self.id.to_string()], |row| {
                Ok(StockLine {
                    sku: text(row, 0)?,
                    quantity: Quantity::try_from(row.get::<_, i64>(1)?).map_err(|why| unexpected(1, why))?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(lines)
    }

    /// Moves pieces from one of the columns `available`, `reserved`, `sold` to another; the schema's checks refuse a
    /// negative number, and with it the whole command.
    fn move_stock(&self, sku: &Sku, from: &str, to: &str, pieces: u64) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE inventory SET {from} = {from} - ?2, {to} = {to} + ?2, version = version + 1 WHERE sku = ?1"
        );
        self.connection
            .prepare_cached(&sql)?
            .execute(params![sku.as_str(), pieces])?;
        Ok(())
    }

    fn set_state(&self, state: State, ask_at: Option<Timestamp>) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO reservation (order_id, state, version, ask_at, created_at, updated_at)
                 VALUES (?1, ?2, 1, ?3, ?4, ?4)
                 ON CONFLICT DO UPDATE SET state = ?2, version = version + 1, ask_at = ?3, updated_at = ?4",
            )?
            .execute(params![
                self.id.to_string(),
                state.as_str(),
                ask_at.map(Timestamp::unix_millis),
                self.context.now.unix_millis(),
            ])?;
        Ok(())
    }

    fn answer(&self, outcome: ReleaseOutcome) -> Result<(), StoreError> {
        self.tell(StockReleased {
            order_id: self.id,
            outcome,
        })
    }

    fn tell(&self, payload: impl Into<contracts::Payload>) -> Result<(), StoreError> {
        let version = self
            .connection
            .prepare_cached("SELECT version FROM reservation WHERE order_id = ?1")?
            .query_row([self.id.to_string()], |row| row.get(0))?;
        tell(
            self.connection,
            self.id.to_string(),
            version,
            payload,
            self.context,
        )
    }
}

/// Asks the orders of old holds what became of them. Nothing is released before an order answers.
pub(in super::super) fn ask_about_old_holds(
    connection: &Connection,
    limit: u32,
    context: &Context,
) -> Result<u32, StoreError> {
    let old: Vec<(OrderId, u64, u32)> = connection
        .prepare_cached(
            "SELECT order_id, version, asked FROM reservation WHERE ask_at <= ?1 ORDER BY ask_at LIMIT ?2",
        )?
        .query_map(params![context.now.unix_millis(), limit], |row| Ok((text(row, 0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (order_id, version, asked) in &old {
        let wait = ASK_AGAIN * 2_u32.pow((*asked).min(6));
        connection
            .prepare_cached(
                "UPDATE reservation SET ask_at = ?2, asked = asked + 1 WHERE order_id = ?1",
            )?
            .execute(params![
                order_id.to_string(),
                context.now.plus(wait).unix_millis()
            ])?;
        let expired = StockHoldExpired {
            order_id: *order_id,
        };
        tell(connection, order_id.to_string(), *version, expired, context)?;
    }
    Ok(u32::try_from(old.len()).unwrap_or(limit))
}
