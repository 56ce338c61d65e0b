//! Changing an order: one decision of the domain, written with a guard.

use contracts::events::order::CancelReason;
use contracts::events::order::OrderCancelRequested;
use contracts::{OrderId, ShipmentId, Timestamp, UserId};
use rusqlite::{Connection, params};
use service_kit::Context;

use crate::domain::{Change, Deadlines, Decision, Input, Order, Record, Refusal};
use crate::store::sqlite::{outbox, place, read, rows};
use crate::store::{Heard, StoreError, TellError, TellOrder, Told};

/// How often a decision is taken anew because somebody else changed the order in between. With one writer per
/// database that cannot happen even once; the guard is what keeps it harmless if that ever changes.
const ATTEMPTS: usize = 3;

/// The consumer's name in the inbox.
const STOCK_CONSUMER: &str = contracts::topology::ORDER_STOCK;

/// What an order did.
enum Outcome {
    Changed(Order),
    Repeated(Order),
    Ignored(Order),
    Refused(Order, Refusal),
    VersionMismatch,
    NoSuchOrder,
}

/// What an order is told, and under which conditions.
struct Telling<'a> {
    order_id: OrderId,
    owner: Option<UserId>,
    seen_version: Option<u64>,
    input: &'a Input,
}

/// Does what a person wants, once per idempotency key.
pub(super) fn tell(
    conn: &Connection,
    command: &TellOrder,
    deadlines: &Deadlines,
) -> Result<Told, TellError> {
    if let Some(request) = &command.request
        && let Some(stored) = place::earlier(conn, request)?
    {
        if stored.fingerprint != request.fingerprint {
            return Err(TellError::KeyReused);
        }
        let order = read::order(conn, command.order_id, command.owner)?;
        return Ok(Told {
            order: order.ok_or(TellError::NotFound)?,
            object_id: stored.object_id,
            replayed: true,
        });
    }
    let telling = Telling {
        order_id: command.order_id,
        owner: command.owner,
        seen_version: command.seen_version,
        input: &command.input,
    };
    let order = match apply(conn, &telling, deadlines, &command.context)? {
        Outcome::Changed(order) | Outcome::Repeated(order) | Outcome::Ignored(order) => order,
        Outcome::Refused(order, refusal) => {
            let allowed = order.allowed();
            return Err(TellError::Refused { refusal, allowed });
        }
        Outcome::VersionMismatch => return Err(TellError::VersionMismatch),
        Outcome::NoSuchOrder => return Err(TellError::NotFound),
    };
    let (object_id, status) = match &command.input {
        Input::Ship(dispatch) => (dispatch.id.to_string(), 201),
        _ => (order.id.to_string(), 202),
    };
    if let Some(request) = &command.request {
        place::remember(conn, request, &object_id, status, command.context.now)?;
    }
    Ok(Told {
        order,
        object_id,
        replayed: false,
    })
}

/// Does what an answer of stock means. The inbox row comes first: a message that was handled does nothing (I7).
pub(super) fn hear_stock(
    conn: &Connection,
    message_id: &str,
    order_id: OrderId,
    input: &Input,
    deadlines: &Deadlines,
    context: &Context,
) -> Result<Heard, StoreError> {
    if !messaging::sqlite::first_delivery(conn, STOCK_CONSUMER, message_id, context.now)? {
        return Ok(Heard::Nothing);
    }
    match hear(conn, order_id, input, deadlines, context)? {
        Some(heard) => Ok(heard),
        None if *input == Input::HoldExpired => disown(conn, order_id, context),
        None => Ok(Heard::Nothing),
    }
}

/// Does what a passed deadline means.
pub(super) fn deadline_passed(
    conn: &Connection,
    order_id: OrderId,
    deadlines: &Deadlines,
    context: &Context,
) -> Result<Heard, StoreError> {
    let heard = hear(conn, order_id, &Input::DeadlinePassed, deadlines, context)?;
    Ok(heard.unwrap_or(Heard::Nothing))
}

fn hear(
    conn: &Connection,
    order_id: OrderId,
    input: &Input,
    deadlines: &Deadlines,
    context: &Context,
) -> Result<Option<Heard>, StoreError> {
    let telling = Telling {
        order_id,
        owner: None,
        seen_version: None,
        input,
    };
    Ok(match apply(conn, &telling, deadlines, context)? {
        Outcome::Changed(order) => Some(Heard::Changed(order.status)),
        Outcome::Repeated(_) => Some(Heard::Repeated),
        Outcome::Ignored(_) | Outcome::Refused(..) | Outcome::VersionMismatch => {
            Some(Heard::Nothing)
        }
        Outcome::NoSuchOrder => None,
    })
}

/// Stock holds something for an order that is not known here (a store that was restored): let it go.
fn disown(conn: &Connection, order_id: OrderId, context: &Context) -> Result<Heard, StoreError> {
    let payload = OrderCancelRequested {
        order_id,
        reason: CancelReason::UnknownOrder,
    };
    outbox::append_for(conn, order_id, 1, payload.into(), context)?;
    Ok(Heard::Repeated)
}

/// Reads the order, lets it decide and writes the decision; if somebody else was faster, once more from the start.
fn apply(
    conn: &Connection,
    telling: &Telling<'_>,
    deadlines: &Deadlines,
    context: &Context,
) -> Result<Outcome, StoreError> {
    for _ in 0..ATTEMPTS {
        let Some(order) = read::order(conn, telling.order_id, telling.owner)? else {
            return Ok(Outcome::NoSuchOrder);
        };
        if telling
            .seen_version
            .is_some_and(|seen| seen != order.version)
        {
            return Ok(Outcome::VersionMismatch);
        }
        let done = match order.decide(telling.input, deadlines, context.now) {
            Decision::Change(change) => write(conn, &order, *change, context)?,
            Decision::Repeat { order: next, event } => {
                if update(conn, &order, &next)? {
                    outbox::append(conn, &next, event, context)?;
                    Some(Outcome::Repeated(*next))
                } else {
                    None
                }
            }
            Decision::Ignore(_) => Some(Outcome::Ignored(order)),
            Decision::Refuse(refusal) => Some(Outcome::Refused(order, refusal)),
        };
        if let Some(outcome) = done {
            return Ok(outcome);
        }
    }
    let contended = format!("order {} changes too often", telling.order_id);
    Err(StoreError::Away(contended.into()))
}

fn write(
    conn: &Connection,
    before: &Order,
    change: Change,
    context: &Context,
) -> Result<Option<Outcome>, StoreError> {
    if !update(conn, before, &change.order)? {
        return Ok(None);
    }
    match change.record {
        Record::Nothing => {}
        Record::Rejection => write_rejection(conn, &change.order)?,
        Record::Dispatched(id) => write_dispatch(conn, &change.order, id)?,
        Record::Delivered(id) => write_arrival(conn, id, context.now)?,
    }
    rows::insert_entry(conn, &change.order, &change.entry)?;
    if let Some(event) = change.event {
        outbox::append(conn, &change.order, event, context)?;
    }
    Ok(Some(Outcome::Changed(change.order)))
}

/// The guard of every transition: only from the state and version the decision was taken on. False if that is past.
fn update(conn: &Connection, before: &Order, after: &Order) -> Result<bool, StoreError> {
    let reason = after.cancel_reason.as_ref().map(rows::word).transpose()?;
    let updated = conn
        .prepare_cached(
            "UPDATE orders SET status = ?1, version = ?2, cancel_reason = ?3, due_at = ?4, reminders = ?5, \
             updated_at = ?6 WHERE id = ?7 AND status = ?8 AND version = ?9",
        )?
        .execute(params![
            after.status.as_str(),
            rows::stored(after.version)?,
            reason,
            after.due_at.map(Timestamp::unix_millis),
            after.reminders,
            after.updated_at.unix_millis(),
            before.id.to_string(),
            before.status.as_str(),
            rows::stored(before.version)?,
        ])?;
    Ok(updated == 1)
}

fn write_rejection(conn: &Connection, order: &Order) -> Result<(), StoreError> {
    let mut update = conn
        .prepare_cached("UPDATE order_lines SET rejection = ?1 WHERE order_id = ?2 AND sku = ?3")?;
    for line in order.rejected_lines() {
        update.execute(params![
            rows::word(&line.code)?,
            order.id.to_string(),
            line.sku.as_str()
        ])?;
    }
    Ok(())
}

fn write_dispatch(conn: &Connection, order: &Order, id: ShipmentId) -> Result<(), StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO shipments (order_id, position, id, carrier, tracking_number, dispatched_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut insert_line = conn.prepare_cached(
        "INSERT INTO shipment_lines (shipment_id, sku, quantity) VALUES (?1, ?2, ?3)",
    )?;
    let added = (0_i64..).zip(&order.shipments).filter(|(_, s)| s.id == id);
    for (position, shipment) in added {
        insert.execute(params![
            order.id.to_string(),
            position,
            id.to_string(),
            shipment.carrier.as_str(),
            shipment.tracking_number.as_str(),
            shipment.dispatched_at.unix_millis(),
        ])?;
        for line in &shipment.lines {
            insert_line.execute(params![
                id.to_string(),
                line.sku.as_str(),
                line.quantity.get()
            ])?;
        }
    }
    Ok(())
}

fn write_arrival(conn: &Connection, id: ShipmentId, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE shipments SET delivered_at = ?1 WHERE id = ?2")?
        .execute(params![now.unix_millis(), id.to_string()])?;
    Ok(())
}
