//! Steps of orders: what decisions of the domain write, each with a guard.

use std::collections::HashSet;

use contracts::Timestamp;
use contracts::topology::ORDER_STOCK;
use messaging::postgres::{MessageColumns, Statement};
use messaging::{Handoff, Message, Places};
use service_kit::Context;
use sqlx::PgConnection;

use crate::domain::{Decision, Entry, Order, Record, Refusal};
use crate::store::RequestKey;
use crate::store::postgres::{message, rows, statements};

/// What is kept of the answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: i32,
    pub(super) object_id: String,
}

/// What makes one step of an order.
pub(super) struct Step<'a> {
    before: Order,
    pub(super) after: Order,
    record: Record,
    entry: Option<Entry>,
    told: Option<Message>,
    message_id: Option<&'a str>,
    request: Option<(&'a RequestKey, &'a Reply)>,
    now: Timestamp,
}

/// What a decision comes to.
pub(super) enum Outcome<'a> {
    /// Something is to be written.
    Step(Box<Step<'a>>),
    /// The order stays as it is.
    Ignored(Order),
    /// The order refuses.
    Refused(Order, Refusal),
}

/// What brought a decision about.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub(super) message_id: Option<&'a str>,
    pub(super) request: Option<(&'a RequestKey, &'a Reply)>,
    pub(super) context: &'a Context,
}

impl<'a> Outcome<'a> {
    /// Of a decision about an order.
    pub(super) fn of(order: Order, decision: Decision, cause: Cause<'a>) -> sqlx::Result<Self> {
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
            Decision::Ignore(_) => return Ok(Self::Ignored(order)),
            Decision::Refuse(refusal) => return Ok(Self::Refused(order, refusal)),
        };
        let told = event.map(|event| message::of_order(&after, event, cause.context));
        Ok(Self::Step(Box::new(Step {
            before: order,
            after,
            record,
            entry,
            told: told.transpose()?,
            message_id: cause.message_id,
            request: cause.request,
            now: cause.context.now,
        })))
    }
}

impl Step<'_> {
    /// Whether it makes another version of the order; else the order only says something once more.
    pub(super) fn is_change(&self) -> bool {
        self.entry.is_some()
    }
}

/// Steps as the arrays that `CHANGE` makes rows of.
#[derive(Default)]
struct Columns<'s> {
    ids: Vec<String>,
    old_statuses: Vec<&'static str>,
    old_versions: Vec<i64>,
    old_due: Vec<Option<i64>>,
    old_reminders: Vec<i64>,
    statuses: Vec<&'static str>,
    versions: Vec<i64>,
    reasons: Vec<Option<String>>,
    due: Vec<Option<i64>>,
    reminders: Vec<i64>,
    updated: Vec<i64>,
    lines: Vec<Option<String>>,
    shipments: Vec<Option<String>>,
    entered: Vec<Option<i64>>,
    kinds: Vec<Option<&'static str>>,
    details: Vec<Option<&'s str>>,
    message_ids: Vec<Option<&'s str>>,
    callers: Vec<Option<String>>,
    keys: Vec<Option<&'s str>>,
    fingerprints: Vec<Option<&'s str>>,
    replies: Vec<Option<i32>>,
    objects: Vec<Option<&'s str>>,
    times: Vec<i64>,
}

impl<'s> Columns<'s> {
    fn of(steps: &[&'s Step<'_>]) -> sqlx::Result<Self> {
        let mut columns = Self::default();
        for step in steps {
            columns.push_order(step)?;
            columns.push_rest(step);
        }
        Ok(columns)
    }

    fn push_order(&mut self, step: &'s Step<'_>) -> sqlx::Result<()> {
        let (before, after) = (&step.before, &step.after);
        let (lines, shipments) = match step.record {
            Record::Nothing => (None, None),
            Record::Rejection => (Some(rows::stored_lines(after)?), None),
            Record::Dispatched(_) | Record::Delivered(_) => {
                (None, Some(rows::stored_shipments(after)?))
            }
        };
        let reason = after.cancel_reason.as_ref().map(rows::word);
        self.ids.push(before.id.to_string());
        self.old_statuses.push(before.status.as_str());
        self.old_versions.push(rows::stored(before.version)?);
        self.old_due.push(before.due_at.map(Timestamp::unix_millis));
        self.old_reminders.push(i64::from(before.reminders));
        self.statuses.push(after.status.as_str());
        self.versions.push(rows::stored(after.version)?);
        self.reasons.push(reason.transpose()?);
        self.due.push(after.due_at.map(Timestamp::unix_millis));
        self.reminders.push(i64::from(after.reminders));
        self.updated.push(after.updated_at.unix_millis());
        self.lines.push(lines);
        self.shipments.push(shipments);
        Ok(())
    }

    fn push_rest(&mut self, step: &'s Step<'_>) {
        let entry = step.entry.as_ref();
        self.entered.push(entry.map(|entry| entry.at.unix_millis()));
        self.kinds.push(entry.map(|entry| entry.kind.as_str()));
        self.details
            .push(entry.and_then(|entry| entry.detail.as_deref()));
        self.message_ids.push(step.message_id);
        let (request, reply) = step.request.unzip();
        self.callers
            .push(request.map(|request| request.caller.to_string()));
        self.keys.push(request.map(|request| request.key.as_str()));
        self.fingerprints
            .push(request.map(|request| request.fingerprint.as_str()));
        self.replies.push(reply.map(|reply| reply.status));
        self.objects
            .push(reply.map(|reply| reply.object_id.as_str()));
        self.times.push(step.now.unix_millis());
    }

    fn bind<'q>(&'q self, query: Statement<'q>) -> Statement<'q> {
        query
            .bind(&self.ids)
            .bind(&self.old_statuses)
            .bind(&self.old_versions)
            .bind(&self.old_due)
            .bind(&self.old_reminders)
            .bind(&self.statuses)
            .bind(&self.versions)
            .bind(&self.reasons)
            .bind(&self.due)
            .bind(&self.reminders)
            .bind(&self.updated)
            .bind(&self.lines)
            .bind(&self.shipments)
            .bind(&self.entered)
            .bind(&self.kinds)
            .bind(&self.details)
            .bind(&self.message_ids)
            .bind(&self.callers)
            .bind(&self.keys)
            .bind(&self.fingerprints)
            .bind(&self.replies)
            .bind(&self.objects)
            .bind(&self.times)
    }
}

/// Writes steps of different orders; returns the places of those that were written. The orders of the others are past what their
/// step starts from, or the message or the request of one of them all was carried out meanwhile: the caller reads anew.
pub(super) async fn write_all(
    conn: &mut PgConnection,
    steps: &[&Step<'_>],
    handoff: &Handoff,
) -> sqlx::Result<HashSet<usize>> {
    let Some(first) = steps.first() else {
        return Ok(HashSet::new());
    };
    let columns = Columns::of(steps)?;
    let told = steps.iter().filter_map(|step| step.told.as_ref());
    let told = MessageColumns::of(told).map_err(rows::unwritable)?;
    let about = (1_i64..).zip(steps).filter(|(_, step)| step.told.is_some());
    let about: Vec<i64> = about.map(|(place, _)| place).collect();
    let places = handoff.places(about.len(), first.now);
    let query = columns.bind(sqlx::query(statements::CHANGE)).bind(about);
    let query = told.bind(query).bind(ORDER_STOCK);
    let query = query.bind(Places::claimed_until(places.as_ref()));
    let changed = match query.fetch_all(conn).await {
        Ok(changed) => changed,
        Err(error) if is_done_already(&error) => return Ok(HashSet::new()),
        Err(error) => return Err(error),
    };
    let changed: HashSet<usize> = changed.iter().map(place).collect::<sqlx::Result<_>>()?;
    if let Some(places) = places {
        let told = steps
            .iter()
            .enumerate()
            .filter(|(place, _)| changed.contains(place));
        places.take(told.filter_map(|(_, step)| step.told.clone()));
    }
    Ok(changed)
}

/// Counted from 0, as here; PostgreSQL counts from 1.
fn place(row: &sqlx::postgres::PgRow) -> sqlx::Result<usize> {
    let place: usize = rows::counter(row, 0)?;
    Ok(place.saturating_sub(1))
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
