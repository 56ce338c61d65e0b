//! What orders hear from stock and from the sweeper.

use std::sync::Arc;

use contracts::OrderId;
use contracts::events::order::{CancelReason, OrderCancelRequested};
use messaging::Handoff;
use service_kit::Context;
use sqlx::PgConnection;

use crate::domain::{Deadlines, Input};
use crate::store::postgres::before::{Question, before_all, before_one};
use crate::store::postgres::change::{ATTEMPTS, contended};
use crate::store::postgres::message;
use crate::store::postgres::steps::{Cause, Outcome, Step, write_all};
use crate::store::{Heard, StoreError};

/// What an order hears from another service or from the sweeper.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    pub(super) message_id: Option<String>,
    pub(super) order_id: OrderId,
    pub(super) input: Input,
    pub(super) context: Context,
}

impl Hearing {
    fn question(&self) -> Question<'_> {
        Question {
            order_id: self.order_id,
            owner: None,
            request: None,
            message_id: self.message_id.as_deref(),
        }
    }

    fn cause(&self) -> Cause<'_> {
        Cause {
            message_id: self.message_id.as_deref(),
            request: None,
            context: &self.context,
        }
    }
}

fn did(step: &Step<'_>) -> Heard {
    if step.is_change() {
        Heard::Changed(step.after.status)
    } else {
        Heard::Repeated
    }
}

/// Does together what most messages mean, a step of their order: two round trips for all. The others have no answer here and are
/// for [`hear`], as are those whose order changed in between.
pub(super) async fn hear_all(
    conn: &mut PgConnection,
    hearings: &[Arc<Hearing>],
    deadlines: &Deadlines,
    handoff: &Handoff,
) -> sqlx::Result<Vec<Option<Heard>>> {
    let questions: Vec<_> = hearings.iter().map(|hearing| hearing.question()).collect();
    let before = before_all(conn, &questions).await?;
    let mut answers = vec![None; hearings.len()];
    let mut steps = Vec::with_capacity(hearings.len());
    for ((hearing, before), (place, answer)) in hearings
        .iter()
        .zip(before)
        .zip(answers.iter_mut().enumerate())
    {
        if before.heard {
            *answer = Some(Heard::Nothing);
            continue;
        }
        let Some(order) = before.order else { continue };
        let decision = order.decide(&hearing.input, deadlines, hearing.context.now);
        if let Outcome::Step(step) = Outcome::of(order, decision, hearing.cause())? {
            steps.push((place, step));
        }
    }
    let to_write: Vec<&Step<'_>> = steps.iter().map(|(_, step)| &**step).collect();
    let written = write_all(conn, &to_write, handoff).await?;
    for (index, (place, step)) in steps.iter().enumerate() {
        if let Some(answer) = answers.get_mut(*place)
            && written.contains(&index)
        {
            *answer = Some(did(step));
        }
    }
    Ok(answers)
}

/// Does what an answer of stock or a passed deadline means; a message that was handled does nothing (I7).
pub(super) async fn hear(
    conn: &mut PgConnection,
    hearing: &Hearing,
    deadlines: &Deadlines,
    handoff: &Handoff,
) -> sqlx::Result<Result<Heard, StoreError>> {
    for _ in 0..ATTEMPTS {
        let before = before_one(conn, hearing.question()).await?;
        if before.heard {
            return Ok(Ok(Heard::Nothing));
        }
        let Some(order) = before.order else {
            return Ok(Ok(disown(conn, hearing).await?));
        };
        let context = &hearing.context;
        let decision = order.decide(&hearing.input, deadlines, context.now);
        match Outcome::of(order, decision, hearing.cause())? {
            Outcome::Step(step) => {
                if !write_all(conn, &[&step], handoff).await?.is_empty() {
                    return Ok(Ok(did(&step)));
                }
            }
            Outcome::Ignored(_) | Outcome::Refused(..) => {
                if let Some(message_id) = &hearing.message_id {
                    message::heard(conn, message_id, None, context).await?;
                }
                return Ok(Ok(Heard::Nothing));
            }
        }
    }
    Ok(Err(contended(hearing.order_id)))
}

/// Stock holds something for an order that is not known here (a store that was restored): let it go.
async fn disown(conn: &mut PgConnection, hearing: &Hearing) -> sqlx::Result<Heard> {
    let Some(message_id) = &hearing.message_id else {
        return Ok(Heard::Nothing);
    };
    if hearing.input != Input::HoldExpired {
        message::heard(conn, message_id, None, &hearing.context).await?;
        return Ok(Heard::Nothing);
    }
    let payload = OrderCancelRequested {
        order_id: hearing.order_id,
        reason: CancelReason::UnknownOrder,
    };
    let told = message::about(hearing.order_id, 1, payload.into(), &hearing.context)?;
    let first = message::heard(conn, message_id, Some(&told), &hearing.context).await?;
    Ok(if first {
        Heard::Repeated
    } else {
        Heard::Nothing
    })
}
