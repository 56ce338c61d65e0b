//! The statements that read the stores of services, for SQLite and PostgreSQL alike.

use super::sql::{Query, Row};
use crate::checker::snapshot::{
    Contact, Delivery, Kept, Key, Lines, Messages, Notification, Notifications, Offer, Order,
    Orders, Reservation, Shelf, Stock, Told, Users,
};
use anyhow::{Result, bail};

/// A service's store: its own tables, and those for messages.
pub(in crate::checker) trait Store: Default + 'static {
    const QUERIES: &'static [Query<Self>];

    fn messages(&mut self) -> &mut Messages;
}

/// What every service has.
pub(super) const MESSAGES: &[Query<Messages>] = &[
    Query {
        sql: "SELECT id, type, correlation_id, CASE WHEN published_at IS NULL THEN 0 ELSE 1 END, body FROM outbox",
        take: |messages, mut row| {
            let id = row.text()?;
            let told = Told::new(row.text()?, row.text()?, row.truth()?, &row.text()?)?;
            messages.outbox.insert(id, told);
            Ok(())
        },
    },
    Query {
        sql: "SELECT consumer, message_id, received_at FROM inbox",
        take: |messages, mut row| {
            let message = (row.text()?, row.text()?);
            messages.inbox.insert(message, row.number()?);
            Ok(())
        },
    },
    Query {
        sql: "SELECT queue, id, type, reason, CASE WHEN parked_at IS NULL THEN 0 ELSE 1 END FROM deferred",
        take: |messages, mut row| {
            let message = (row.text()?, row.text()?);
            let kept = Kept {
                event_type: row.text()?,
                reason: row.text()?,
                parked: row.truth()?,
            };
            messages.kept.insert(message, kept);
            Ok(())
        },
    },
];

impl Store for Users {
    const QUERIES: &'static [Query<Self>] = &[Query {
        sql: "SELECT id, name, email FROM account",
        take: |user, mut row| {
            user.accounts.insert(row.text()?, contact(&mut row)?);
            Ok(())
        },
    }];

    fn messages(&mut self) -> &mut Messages {
        &mut self.messages
    }
}

fn contact(row: &mut Row) -> Result<Contact> {
    Ok(Contact {
        name: row.text()?,
        email: row.text()?,
    })
}

impl Store for Stock {
    const QUERIES: &'static [Query<Self>] = &[
        Query {
            sql: "SELECT id, version, sku, price_amount, price_currency, status FROM product",
            take: |product, mut row| {
                product.products.insert(row.text()?, offer(&mut row)?);
                Ok(())
            },
        },
        Query {
            sql: "SELECT sku, received, available, reserved, sold FROM inventory",
            take: |product, mut row| {
                let sku = row.text()?;
                let shelf = Shelf {
                    received: row.number()?,
                    available: row.number()?,
                    reserved: row.number()?,
                    sold: row.number()?,
                };
                product.shelves.insert(sku, shelf);
                Ok(())
            },
        },
        Query {
            sql: "SELECT order_id, state FROM reservation",
            take: |product, mut row| {
                let id = row.text()?;
                let state = row.text()?;
                product.reservations.insert(
                    id,
                    Reservation {
                        state,
                        lines: [].into(),
                    },
                );
                Ok(())
            },
        },
        Query {
            sql: "SELECT order_id, sku, quantity FROM reservation_line WHERE quantity > 0",
            take: |product, mut row| {
                let id = row.text()?;
                let Some(reservation) = product.reservations.get_mut(&id) else {
                    bail!("{id} has lines and no reservation");
                };
                line(&mut reservation.lines, &mut row)?;
                Ok(())
            },
        },
    ];

    fn messages(&mut self) -> &mut Messages {
        &mut self.messages
    }
}

/// More pieces of a sku.
fn line(lines: &mut Lines, row: &mut Row) -> Result<()> {
    let sku = row.text()?;
    *lines.entry(sku).or_default() += row.number()?;
    Ok(())
}

fn offer(row: &mut Row) -> Result<Offer> {
    Ok(Offer {
        version: row.number()?,
        sku: row.text()?,
        amount: row.number()?,
        currency: row.text()?,
        status: row.text()?,
    })
}

impl Store for Orders {
    const QUERIES: &'static [Query<Self>] = &[
        Query {
            sql: "SELECT id, status, version, created_at, cancel_reason FROM orders",
            take: |order, mut row| {
                let id = row.text()?;
                let head = Order {
                    status: row.text()?,
                    version: row.number()?,
                    created_at: row.number()?,
                    cancel_reason: row.optional_text()?,
                    ..Order::default()
                };
                order.orders.insert(id, head);
                Ok(())
            },
        },
        Query {
            sql: "SELECT order_id, sku, quantity FROM order_lines",
            take: |order, mut row| {
                let order = placed(order, &row.text()?)?;
                line(&mut order.lines, &mut row)?;
                Ok(())
            },
        },
        Query {
            sql: "SELECT order_id, version FROM timeline",
            take: |order, mut row| {
                placed(order, &row.text()?)?.timeline.insert(row.number()?);
                Ok(())
            },
        },
        Query {
            sql: "SELECT product_id, version, sku, price, currency, status FROM catalog",
            take: |order, mut row| {
                order.catalog.insert(row.text()?, offer(&mut row)?);
                Ok(())
            },
        },
        Query {
            sql: "SELECT caller, key, CAST(status AS BIGINT), object_id FROM idempotency",
            take: |order, mut row| {
                let name = (row.text()?, row.text()?);
                let key = Key {
                    status: row.number()?,
                    object_id: row.text()?,
                };
                order.keys.insert(name, key);
                Ok(())
            },
        },
    ];

    fn messages(&mut self) -> &mut Messages {
        &mut self.messages
    }
}

fn placed<'o>(order: &'o mut Orders, id: &str) -> Result<&'o mut Order> {
    match order.orders.get_mut(id) {
        Some(order) => Ok(order),
        None => bail!("{id} has parts and is no order"),
    }
}

impl Store for Notifications {
    const QUERIES: &'static [Query<Self>] = &[
        Query {
            sql: "SELECT event_id, user_id, stream_seq FROM notifications ORDER BY user_id, stream_seq",
            take: |notification, mut row| {
                notification.notifications.push(Notification {
                    event_id: row.text()?,
                    user_id: row.text()?,
                    stream_seq: row.number()?,
                });
                Ok(())
            },
        },
        Query {
            sql: "SELECT id, event_id, user_id, channel, state, CASE WHEN due_at IS NULL THEN 0 ELSE 1 END, last_error
                  FROM deliveries",
            take: |notification, mut row| {
                let id = row.text()?;
                let delivery = Delivery {
                    event_id: row.text()?,
                    user_id: row.text()?,
                    channel: row.text()?,
                    state: row.text()?,
                    due: row.truth()?,
                    last_error: row.optional_text()?,
                };
                notification.deliveries.insert(id, delivery);
                Ok(())
            },
        },
        Query {
            sql: "SELECT user_id, name, email FROM contacts WHERE email IS NOT NULL",
            take: |notification, mut row| {
                notification.contacts.insert(row.text()?, contact(&mut row)?);
                Ok(())
            },
        },
    ];

    fn messages(&mut self) -> &mut Messages {
        &mut self.messages
    }
}
