//! What people want of an order.

use contracts::OrderId;
use messaging::Handoff;
use service_kit::Context;
use sqlx::PgConnection;

use crate::domain::{Deadlines, Input, Order};
use crate::store::postgres::before::{Question, before_one};
use crate::store::postgres::statements;
use crate::store::postgres::steps::{Cause, Outcome, Reply, write_all};
use crate::store::{RequestKey, StoreError, TellError, TellOrder, Told};

/// How often a decision is taken anew because somebody else changed the order in between. An order has about ten steps in its
/// life, and each attempt is lost to one of them.
pub(super) const ATTEMPTS: usize = 10;

/// Does what a person wants, once per idempotency key.
pub(super) async fn tell(
    conn: &mut PgConnection,
    command: &TellOrder,
    deadlines: &Deadlines,
    handoff: &Handoff,
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
            order_id: command.order_id,
            owner: command.owner,
            request,
            message_id: None,
        };
        let before = before_one(conn, question).await?;
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
        let cause = Cause {
            message_id: None,
            request: kept,
            context,
        };
        let order = match Outcome::of(order, decision, cause)? {
            Outcome::Step(step) => {
                if write_all(conn, &[&step], handoff).await?.is_empty() {
                    continue;
                }
                step.after
            }
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

pub(super) fn contended(order_id: OrderId) -> StoreError {
    store_kit::StoreError::away(format!("order {order_id} changes too often")).into()
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
