//! Changing an order: one decision of the domain, written with a guard.

use contracts::events::order::{CancelReason, OrderCancelRequested};
use contracts::topology::ORDER_STOCK;
use contracts::{OrderId, Timestamp, UserId};
use messaging::Message;
use messaging::postgres::Statement;
use service_kit::Context;
use sqlx::{PgConnection, Row as _};

use crate::domain::{Deadlines, Decision, Entry, Input, Order, Record, Refusal};
use crate::store::postgres::{message, rows, statements};
use crate::store::{Heard, RequestKey, StoreError, TellError, TellOrder, Told};

/// How often a decision is taken anew because somebody else changed the order in between. An order has about ten steps in its
/// life, and each attempt is lost to one of them.
const ATTEMPTS: usize = 10;

/// What an order hears from another service or from the sweeper.
pub(super) struct Hearing<'a> {
    pub(super) message_id: Option<&'a str>,
    pub(super) order_id: OrderId,
    pub(super) input: &'a Input,
    pub(super) context: &'a Context,
}

/// What is asked before a decision.
#[derive(Default)]
struct Question<'a> {
    order_id: Option<OrderId>,
    owner: Option<UserId>,
    request: Option<&'a RequestKey>,
    message_id: Option<&'a str>,
}

/// What was there before a decision.
struct Before {
    order: Option<Order>,
    /// Whether the message was heard.
    heard: bool,
    /// The fingerprint and the object of an earlier request with the same key.
    kept: Option<(String, String)>,
}

/// What makes one step of an order.
struct Step<'a> {
    before: &'a Order,
    after: &'a Order,
    record: &'a Record,
    entry: Option<&'a Entry>,
    told: Option<&'a Message>,
    message_id: Option<&'a str>,
    request: Option<(&'a RequestKey, &'a Reply)>,
    now: Timestamp,
}

/// What is kept of the answer to a request.
struct Reply {
    status: i32,
    object_id: String,
}

/// What an order did.
enum Outcome {
    Changed(Order),
    Repeated(Order),
    Ignored(Order),
    Refused(Order, Refusal),
}

/// Does what a person wants, once per idempotency key.
pub(super) async fn tell(
    conn: &mut PgConnection,
    command: &TellOrder,
    deadlines: &Deadlines,
) -> sqlx::Result<Result<Told, TellError>> {
    let reply = match &command.input {
        Input::Ship(dispatch) => Reply {
            status: 201,
            object_id: dispatch.id.to_string(),
        },
        _ => Reply {
            status: 202,
            object_id: command.order_id.to_string(),
        },
    };
    let request = command.request.as_ref();
    for _ in 0..ATTEMPTS {
        let question = Question {
            order_id: Some(command.order_id),
            owner: command.owner,
            request,
            message_id: None,
        };
        let before = before(conn, &question).await?;
        if let (Some(request), Some((fingerprint, object_id))) = (request, before.kept) {
            return Ok(replay(request, &fingerprint, object_id, before.order));
        }
        let Some(order) = before.order else {
            return Ok(Err(TellError::NotFound));
        };
        if command
            .seen_version
            .is_some_and(|seen| seen != order.version)
        {
            return Ok(Err(TellError::VersionMismatch));
        }
        let kept = request.map(|request| (request, &reply));
        let context = &command.context;
        let decision = order.decide(&command.input, deadlines, context.now);
        let outcome = carry_out(conn, order, decision, None, kept, context).await?;
        let Some(outcome) = outcome else { continue };
        let order = match outcome {
            Outcome::Refused(order, refusal) => {
                let allowed = order.allowed();
                return Ok(Err(TellError::Refused { refusal, allowed }));
            }
            Outcome::Ignored(order) => {
                if let Some((request, reply)) = kept
                    && !keep(conn, request, reply, context).await?
                {
                    continue;
                }
                order
            }
            Outcome::Changed(order) | Outcome::Repeated(order) => order,
        };
        return Ok(Ok(Told {
            order,
            object_id: reply.object_id,
            replayed: false,
        }));
    }
    Ok(Err(contended(command.order_id).into()))
}

fn replay(
    request: &RequestKey,
    fingerprint: &str,
    object_id: String,
    order: Option<Order>,
) -> Result<Told, TellError> {
    if fingerprint != request.fingerprint {
        return Err(TellError::KeyReused);
    }
    Ok(Told {
        order: order.ok_or(TellError::NotFound)?,
        object_id,
        replayed: true,
    })
}

/// Does what an answer of stock or a passed deadline means; a message that was handled does nothing (I7).
pub(super) async fn hear(
    conn: &mut PgConnection,
    hearing: &Hearing<'_>,
    deadlines: &Deadlines,
) -> sqlx::Result<Result<Heard, StoreError>> {
    for _ in 0..ATTEMPTS {
        let question = Question {
            order_id: Some(hearing.order_id),
            message_id: hearing.message_id,
            ..Question::default()
        };
        let before = before(conn, &question).await?;
        if before.heard {
            return Ok(Ok(Heard::Nothing));
        }
        let Some(order) = before.order else {
            return Ok(Ok(disown(conn, hearing).await?));
        };
        let context = hearing.context;
        let decision = order.decide(hearing.input, deadlines, context.now);
        let message_id = hearing.message_id;
        match carry_out(conn, order, decision, message_id, None, context).await? {
            Some(Outcome::Changed(order)) => return Ok(Ok(Heard::Changed(order.status))),
            Some(Outcome::Repeated(_)) => return Ok(Ok(Heard::Repeated)),
            Some(Outcome::Ignored(_) | Outcome::Refused(..)) => {
                if let Some(message_id) = message_id {
                    message::heard(conn, message_id, None, context).await?;
                }
                return Ok(Ok(Heard::Nothing));
            }
            None => {}
        }
    }
    Ok(Err(contended(hearing.order_id)))
}

/// Stock holds something for an order that is not known here (a store that was restored): let it go.
async fn disown(conn: &mut PgConnection, hearing: &Hearing<'_>) -> sqlx::Result<Heard> {
    let Some(message_id) = hearing.message_id else {
        return Ok(Heard::Nothing);
    };
    if *hearing.input != Input::HoldExpired {
        message::heard(conn, message_id, None, hearing.context).await?;
        return Ok(Heard::Nothing);
    }
    let payload = OrderCancelRequested {
        order_id: hearing.order_id,
        reason: CancelReason::UnknownOrder,
    };
    let told = message::about(hearing.order_id, 1, payload.into(), hearing.context)?;
    let first = message::heard(conn, message_id, Some(&told), hearing.context).await?;
    Ok(if first {
        Heard::Repeated
    } else {
        Heard::Nothing
    })
}

fn contended(order_id: OrderId) -> StoreError {
    store_kit::StoreError::away(format!("order {order_id} changes too often")).into()
}

async fn before(conn: &mut PgConnection, question: &Question<'_>) -> sqlx::Result<Before> {
    let row = sqlx::query(statements::BEFORE)
        .bind(question.order_id.map(|id| id.to_string()))
        .bind(question.owner.map(|owner| owner.to_string()))
        .bind(question.request.map(|request| request.caller.to_string()))
        .bind(question.request.map(|request| &request.key))
        .bind(ORDER_STOCK)
        .bind(question.message_id)
        .fetch_one(conn)
        .await?;
    let heard: Option<&str> = row.try_get(rows::AFTER_ORDER + 2)?;
    let fingerprint: Option<String> = row.try_get(rows::AFTER_ORDER)?;
    let object_id: Option<String> = row.try_get(rows::AFTER_ORDER + 1)?;
    Ok(Before {
        order: rows::maybe_order(&row)?,
        heard: heard.is_some(),
        kept: fingerprint.zip(object_id),
    })
}

/// Writes a decision, if the order still is what it was taken on; `None` if that is past.
async fn carry_out(
    conn: &mut PgConnection,
    order: Order,
    decision: Decision,
    message_id: Option<&str>,
    request: Option<(&RequestKey, &Reply)>,
    context: &Context,
) -> sqlx::Result<Option<Outcome>> {
    let (after, record, entry, event) = match decision {
        Decision::Change(change) => {
            let change = *change;
            (
                change.order,
                change.record,
                Some(change.entry),
                change.event,
            )
        }
        Decision::Repeat { order, event } => (*order, Record::Nothing, None, Some(event)),
        Decision::Ignore(_) => return Ok(Some(Outcome::Ignored(order))),
        Decision::Refuse(refusal) => return Ok(Some(Outcome::Refused(order, refusal))),
    };
    let told = event.map(|event| message::of_order(&after, event, context));
    let told = told.transpose()?;
    let step = Step {
        before: &order,
        after: &after,
        record: &record,
        entry: entry.as_ref(),
        told: told.as_ref(),
        message_id,
        request,
        now: context.now,
    };
    if !write(conn, &step).await? {
        return Ok(None);
    }
    Ok(Some(if entry.is_some() {
        Outcome::Changed(after)
    } else {
        Outcome::Repeated(after)
    }))
}

/// False if the order is past what the step starts from, or if the message or the request was carried out meanwhile: the
/// caller reads anew.
async fn write(conn: &mut PgConnection, step: &Step<'_>) -> sqlx::Result<bool> {
    let (before, after) = (step.before, step.after);
    let (lines, shipments) = match step.record {
        Record::Nothing => (None, None),
        Record::Rejection => (Some(rows::stored_lines(after)?), None),
        Record::Dispatched(_) | Record::Delivered(_) => {
            (None, Some(rows::stored_shipments(after)?))
        }
    };
    let reason = after.cancel_reason.as_ref().map(rows::word);
    let query = sqlx::query(statements::CHANGE)
        .bind(before.id.to_string())
        .bind(before.status.as_str())
        .bind(rows::stored(before.version)?)
        .bind(before.due_at.map(Timestamp::unix_millis))
        .bind(i64::from(before.reminders))
        .bind(after.status.as_str())
        .bind(rows::stored(after.version)?)
        .bind(reason.transpose()?)
        .bind(after.due_at.map(Timestamp::unix_millis))
        .bind(i64::from(after.reminders))
        .bind(after.updated_at.unix_millis())
        .bind(lines)
        .bind(shipments)
        .bind(step.entry.map(|entry| entry.at.unix_millis()))
        .bind(step.entry.map(|entry| entry.kind.as_str()))
        .bind(step.entry.and_then(|entry| entry.detail.as_deref()));
    let columns = message::columns(step.told)?;
    let query = columns.bind(query).bind(ORDER_STOCK).bind(step.message_id);
    let query = bind_request(query, step.request).bind(step.now.unix_millis());
    match query.fetch_one(conn).await {
        Ok(row) => Ok(row.try_get::<i64, _>(0)? == 1),
        Err(error) if is_done_already(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn bind_request<'q>(
    query: Statement<'q>,
    request: Option<(&'q RequestKey, &'q Reply)>,
) -> Statement<'q> {
    query
        .bind(request.map(|(request, _)| request.caller.to_string()))
        .bind(request.map(|(request, _)| &request.key))
        .bind(request.map(|(request, _)| &request.fingerprint))
        .bind(request.map(|(_, reply)| reply.status))
        .bind(request.map(|(_, reply)| &reply.object_id))
}

/// Whether another command with the same message or the same key was committed after this one had read. The whole statement
/// was undone.
fn is_done_already(error: &sqlx::Error) -> bool {
    let constraint = error
        .as_database_error()
        .filter(|refusal| refusal.is_unique_violation())
        .and_then(|refusal| refusal.constraint());
    matches!(constraint, Some("inbox_pkey" | "idempotency_pkey"))
}

/// Keeps a request that found nothing left to do; false if another with the same key was faster.
async fn keep(
    conn: &mut PgConnection,
    request: &RequestKey,
    reply: &Reply,
    context: &Context,
) -> sqlx::Result<bool> {
    let kept = sqlx::query(statements::KEPT)
        .bind(request.caller.to_string())
        .bind(&request.key)
        .bind(&request.fingerprint)
        .bind(reply.status)
        .bind(&reply.object_id)
        .bind(context.now.unix_millis())
        .execute(conn)
        .await?;
    Ok(kept.rows_affected() == 1)
}
