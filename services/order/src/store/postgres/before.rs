//! What a decision needs to know.

use contracts::topology::ORDER_STOCK;
use contracts::{OrderId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::domain::Order;
use crate::store::RequestKey;
use crate::store::postgres::{rows, statements};

/// What is asked before a decision.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) order_id: OrderId,
    pub(super) owner: Option<UserId>,
    pub(super) request: Option<&'a RequestKey>,
    pub(super) message_id: Option<&'a str>,
}

/// What was there before a decision.
pub(super) struct Before {
    pub(super) order: Option<Order>,
    /// Whether the message was heard.
    pub(super) heard: bool,
    /// The fingerprint and the object of an earlier request with the same key.
    pub(super) kept: Option<(String, String)>,
}

/// Answers questions, in their order.
pub(super) async fn before_all(
    conn: &mut PgConnection,
    questions: &[Question<'_>],
) -> sqlx::Result<Vec<Before>> {
    let each = questions.iter();
    let orders = each.clone().map(|asked| asked.order_id.to_string());
    let owners = each
        .clone()
        .map(|asked| asked.owner.map(|owner| owner.to_string()));
    let requests = each.clone().map(|asked| asked.request);
    let callers = requests
        .clone()
        .map(|request| request.map(|request| request.caller.to_string()));
    let keys = requests.map(|request| request.map(|request| request.key.as_str()));
    let messages = each.map(|asked| asked.message_id);
    let found = sqlx::query(statements::BEFORE)
        .bind(orders.collect::<Vec<_>>())
        .bind(owners.collect::<Vec<_>>())
        .bind(callers.collect::<Vec<_>>())
        .bind(keys.collect::<Vec<_>>())
        .bind(messages.collect::<Vec<_>>())
        .bind(ORDER_STOCK)
        .fetch_all(conn)
        .await?;
    found.iter().map(before).collect()
}

/// Answers one question.
pub(super) async fn before_one(
    conn: &mut PgConnection,
    question: Question<'_>,
) -> sqlx::Result<Before> {
    let found = before_all(conn, &[question]).await?.pop();
    found.ok_or(sqlx::Error::RowNotFound)
}

fn before(row: &PgRow) -> sqlx::Result<Before> {
    let heard: Option<&str> = row.try_get(rows::AFTER_ORDER + 2)?;
    let fingerprint: Option<String> = row.try_get(rows::AFTER_ORDER)?;
    let object_id: Option<String> = row.try_get(rows::AFTER_ORDER + 1)?;
    Ok(Before {
        order: rows::maybe_order(row)?,
        heard: heard.is_some(),
        kept: fingerprint.zip(object_id),
    })
}
