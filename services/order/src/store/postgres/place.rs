//! Placing orders: two round trips for all that are placed together, and no lock that another order waits for.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{Money, OrderId, Timestamp};
use messaging::postgres::MessageColumns;
use messaging::{Handoff, Message, Places};
use postgres_store::parsed;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::domain::{CatalogEntry, Deadlines, Order, OrderNumber, Placed, PricedLines, pricing};
use crate::store::postgres::{message, rows, statements};
use crate::store::{PlaceError, PlaceOrder, Placement, RequestKey};

/// Places each order that can be ordered, unless an earlier request has its key.
///
/// A refusal writes nothing, so the key stays free for a corrected request.
pub(super) async fn place_all(
    conn: &mut PgConnection,
    commands: &[Arc<PlaceOrder>],
    deadlines: &Deadlines,
    handoff: &Handoff,
) -> sqlx::Result<Vec<Result<Order, PlaceError>>> {
    let quotes = quote_all(conn, commands).await?;
    let mut answers = Vec::with_capacity(commands.len());
    let mut new = Vec::with_capacity(commands.len());
    for (command, quote) in commands.iter().zip(quotes) {
        match quote {
            Ok((number, priced)) => {
                let (draft, now) = (command.draft.clone(), command.context.now);
                let placed = Order::place(draft, number, priced, deadlines, now);
                answers.push(Ok(placed.order.clone()));
                new.push(New::of(command, placed)?);
            }
            Err(refusal) => answers.push(Err(refusal)),
        }
    }
    let written = write_all(conn, new, handoff).await?;
    for answer in &mut answers {
        if answer
            .as_ref()
            .is_ok_and(|order| !written.contains(&order.id))
        {
            *answer = Err(contended());
        }
    }
    Ok(answers)
}

/// The order an earlier request with the same key placed.
pub(super) async fn placed_before(
    conn: &mut PgConnection,
    request: &RequestKey,
) -> sqlx::Result<Result<Option<Order>, PlaceError>> {
    let found = sqlx::query(statements::PLACED_BEFORE)
        .bind(request.caller.to_string())
        .bind(&request.key)
        .fetch_optional(conn)
        .await?;
    let Some(row) = found else {
        return Ok(Ok(None));
    };
    let fingerprint: &str = row.try_get(rows::AFTER_ORDER)?;
    if fingerprint != request.fingerprint {
        return Ok(Err(PlaceError::KeyReused));
    }
    Ok(Ok(rows::maybe_order(&row)?))
}

/// What an order that was not placed is answered with: what was placed with its key stays placed, even if it could not be ordered
/// any more.
pub(super) async fn replay_or(
    conn: &mut PgConnection,
    request: &RequestKey,
    otherwise: PlaceError,
) -> sqlx::Result<Result<Placement, PlaceError>> {
    let before = placed_before(conn, request).await?;
    Ok(before.and_then(|order| {
        let order = order.ok_or(otherwise)?;
        Ok(Placement {
            order,
            replayed: true,
        })
    }))
}

/// Another request has the key; if it has not when it is looked for, it never had or has it no more.
fn contended() -> PlaceError {
    let reason = "the idempotency key is being forgotten at this moment";
    PlaceError::Store(store_kit::StoreError::away(reason).into())
}

type Quote = Result<(OrderNumber, PricedLines), PlaceError>;

/// The numbers and the prices of orders to be.
async fn quote_all(
    conn: &mut PgConnection,
    commands: &[Arc<PlaceOrder>],
) -> sqlx::Result<Vec<Quote>> {
    let (mut places, mut skus) = (Vec::new(), Vec::new());
    for (place, command) in (1_i64..).zip(commands) {
        for item in &command.items {
            places.push(place);
            skus.push(item.sku.as_str());
        }
    }
    let found = sqlx::query(statements::QUOTE)
        .bind(i64::try_from(commands.len()).map_err(rows::unwritable)?)
        .bind(places)
        .bind(skus)
        .fetch_all(conn)
        .await?;
    // There is a row for each item.
    let mut found = found.iter();
    let quotes = commands.iter().map(|command| {
        let of_command: Vec<_> = found.by_ref().take(command.items.len()).collect();
        quote(command, &of_command)
    });
    quotes.collect()
}

fn quote(command: &PlaceOrder, found: &[&PgRow]) -> sqlx::Result<Quote> {
    let entries = found.iter().map(|row| catalog_entry(row));
    let entries = entries.collect::<sqlx::Result<Vec<_>>>()?;
    let known: Vec<_> = command.items.iter().zip(entries).collect();
    let priced = match pricing::price(&known) {
        Ok(priced) => priced,
        Err(error) => return Ok(Err(PlaceError::Pricing(error))),
    };
    // No order without items has a price.
    let first = found.first().ok_or(sqlx::Error::RowNotFound)?;
    let number = OrderNumber::of(first.try_get(0)?);
    Ok(Ok((number, priced)))
}

fn catalog_entry(row: &PgRow) -> sqlx::Result<Option<CatalogEntry>> {
    let Some(amount) = row.try_get(4)? else {
        return Ok(None);
    };
    Ok(Some(CatalogEntry {
        product_id: parsed(row, 1)?,
        sku: parsed(row, 2)?,
        title: row.try_get(3)?,
        price: Money::new(amount, parsed(row, 5)?),
        status: rows::known(row, 6, rows::from_word)?,
        version: rows::counter(row, 7)?,
    }))
}

/// An order to be written.
struct New<'c> {
    command: &'c PlaceOrder,
    placed: Placed,
    told: Message,
}

impl<'c> New<'c> {
    fn of(command: &'c PlaceOrder, placed: Placed) -> sqlx::Result<Self> {
        let told = message::of_order(&placed.order, placed.event.clone(), &command.context)?;
        Ok(Self {
            command,
            placed,
            told,
        })
    }
}

/// New orders as the arrays that `PLACE` makes rows of.
#[derive(Default)]
struct Columns<'n> {
    callers: Vec<String>,
    keys: Vec<&'n str>,
    fingerprints: Vec<&'n str>,
    ids: Vec<String>,
    times: Vec<i64>,
    sequences: Vec<i64>,
    customers: Vec<String>,
    statuses: Vec<&'static str>,
    versions: Vec<i64>,
    currencies: Vec<&'n str>,
    totals: Vec<i64>,
    lines: Vec<String>,
    payment_methods: Vec<&'static str>,
    addresses: Vec<Option<String>>,
    due: Vec<Option<i64>>,
    created: Vec<i64>,
    updated: Vec<i64>,
    entered: Vec<i64>,
    kinds: Vec<&'static str>,
    details: Vec<Option<&'n str>>,
}

impl<'n> Columns<'n> {
    fn of(new: &'n [New<'_>]) -> sqlx::Result<Self> {
        let mut columns = Self::default();
        for New {
            command, placed, ..
        } in new
        {
            let (order, entry) = (&placed.order, &placed.entry);
            let address = order.shipping_address.as_ref().map(rows::json);
            columns.callers.push(command.request.caller.to_string());
            columns.keys.push(&command.request.key);
            columns.fingerprints.push(&command.request.fingerprint);
            columns.ids.push(order.id.to_string());
            columns.times.push(command.context.now.unix_millis());
            columns.sequences.push(order.number.sequence());
            columns.customers.push(order.customer_id.to_string());
            columns.statuses.push(order.status.as_str());
            columns.versions.push(rows::stored(order.version)?);
            columns.currencies.push(order.total.currency.as_str());
            columns.totals.push(order.total.amount);
            columns.lines.push(rows::stored_lines(order)?);
            columns.payment_methods.push(order.payment_method.as_str());
            columns.addresses.push(address.transpose()?);
            columns.due.push(order.due_at.map(Timestamp::unix_millis));
            columns.created.push(order.created_at.unix_millis());
            columns.updated.push(order.updated_at.unix_millis());
            columns.entered.push(entry.at.unix_millis());
            columns.kinds.push(entry.kind.as_str());
            columns.details.push(entry.detail.as_deref());
        }
        Ok(columns)
    }
}

/// The ids of those that were written; another request has the keys of the others.
async fn write_all(
    conn: &mut PgConnection,
    mut new: Vec<New<'_>>,
    handoff: &Handoff,
) -> sqlx::Result<HashSet<OrderId>> {
    let Some(first) = new.first() else {
        return Ok(HashSet::new());
    };
    let places = handoff.places(new.len(), first.command.context.now);
    // Two replicas that are asked for the same orders take the keys in the same order.
    new.sort_unstable_by(|one, other| {
        let key = |new: &New<'_>| (new.command.request.caller, new.command.request.key.clone());
        key(one).cmp(&key(other))
    });
    let columns = Columns::of(&new)?;
    let told = new.iter().map(|new| &new.told);
    let told = MessageColumns::of(told).map_err(rows::unwritable)?;
    let query = sqlx::query(statements::PLACE)
        .bind(&columns.callers)
        .bind(&columns.keys)
        .bind(&columns.fingerprints)
        .bind(&columns.ids)
        .bind(&columns.times)
        .bind(&columns.sequences)
        .bind(&columns.customers)
        .bind(&columns.statuses)
        .bind(&columns.versions)
        .bind(&columns.currencies)
        .bind(&columns.totals)
        .bind(&columns.lines)
        .bind(&columns.payment_methods)
        .bind(&columns.addresses)
        .bind(&columns.due)
        .bind(&columns.created)
        .bind(&columns.updated)
        .bind(&columns.entered)
        .bind(&columns.kinds)
        .bind(&columns.details);
    let query = told
        .bind(query)
        .bind(Places::claimed_until(places.as_ref()));
    for _ in &new {
        service_kit::crash_point("order.before_commit");
    }
    let written = query.fetch_all(conn).await?;
    let written = written.iter().map(|row| parsed(row, 0));
    let written: HashSet<OrderId> = written.collect::<sqlx::Result<_>>()?;
    if let Some(places) = places {
        let new = new.into_iter();
        let told = new.filter(|new| written.contains(&new.placed.order.id));
        places.take(told.map(|new| new.told));
    }
    Ok(written)
}
