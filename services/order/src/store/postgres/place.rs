//! Placing an order: two round trips, and no lock that another order waits for.

use contracts::{Money, Timestamp};
use postgres_store::parsed;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::domain::{
    CatalogEntry, Deadlines, Item, Order, OrderNumber, Placed, PricedLines, pricing,
};
use crate::store::postgres::{message, rows, statements};
use crate::store::{PlaceError, PlaceOrder, Placement, RequestKey};

/// Places an order, unless an earlier request with the same key did.
///
/// A refusal writes nothing, so the key stays free for a corrected request.
pub(super) async fn place(
    conn: &mut PgConnection,
    command: &PlaceOrder,
    deadlines: &Deadlines,
) -> sqlx::Result<Result<Placement, PlaceError>> {
    let (number, priced) = match quote(conn, &command.items).await? {
        Ok(quoted) => quoted,
        // What was placed stays placed, even if it could not be ordered any more.
        Err(refusal) => return replay_or(conn, &command.request, refusal).await,
    };
    let (draft, now) = (command.draft.clone(), command.context.now);
    let placed = Order::place(draft, number, priced, deadlines, now);
    if write(conn, command, &placed).await? {
        return Ok(Ok(Placement {
            order: placed.order,
            replayed: false,
        }));
    }
    let contended =
        store_kit::StoreError::away("the idempotency key is being forgotten at this moment");
    replay_or(conn, &command.request, PlaceError::Store(contended.into())).await
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

async fn replay_or(
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

/// The number and the prices of an order to be.
async fn quote(
    conn: &mut PgConnection,
    items: &[Item],
) -> sqlx::Result<Result<(OrderNumber, PricedLines), PlaceError>> {
    let skus: Vec<&str> = items.iter().map(|item| item.sku.as_str()).collect();
    let found = sqlx::query(statements::QUOTE)
        .bind(skus)
        .fetch_all(conn)
        .await?;
    let entries = found.iter().map(catalog_entry);
    let entries = entries.collect::<sqlx::Result<Vec<_>>>()?;
    let known: Vec<_> = items.iter().zip(entries).collect();
    let priced = match pricing::price(&known) {
        Ok(priced) => priced,
        Err(error) => return Ok(Err(PlaceError::Pricing(error))),
    };
    // There is a row for each item, and no order without items has a price.
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

/// False if another request has the key.
async fn write(
    conn: &mut PgConnection,
    command: &PlaceOrder,
    placed: &Placed,
) -> sqlx::Result<bool> {
    let (order, request) = (&placed.order, &command.request);
    let address = order.shipping_address.as_ref().map(rows::json);
    let told = message::of_order(order, placed.event.clone(), &command.context)?;
    let query = sqlx::query(statements::PLACE)
        .bind(request.caller.to_string())
        .bind(&request.key)
        .bind(&request.fingerprint)
        .bind(201_i32)
        .bind(order.id.to_string())
        .bind(command.context.now.unix_millis())
        .bind(order.number.sequence())
        .bind(order.customer_id.to_string())
        .bind(order.status.as_str())
        .bind(rows::stored(order.version)?)
        .bind(order.total.currency.as_str())
        .bind(order.total.amount)
        .bind(rows::stored_lines(order)?)
        .bind(order.payment_method.as_str())
        .bind(address.transpose()?)
        .bind(order.due_at.map(Timestamp::unix_millis))
        .bind(order.created_at.unix_millis())
        .bind(order.updated_at.unix_millis())
        .bind(placed.entry.at.unix_millis())
        .bind(placed.entry.kind.as_str())
        .bind(placed.entry.detail.as_deref());
    let columns = message::columns(Some(&told))?;
    service_kit::crash_point("order.before_commit");
    Ok(columns.bind(query).execute(conn).await?.rows_affected() == 1)
}
