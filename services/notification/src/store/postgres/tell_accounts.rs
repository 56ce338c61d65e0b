//! What most events do: they are told to one account, and change nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::topology::NOTIFICATION_INTAKE;
use contracts::{DeliveryId, NotificationId, UserId};
use postgres_store::{Database, store_error};
use service_kit::Context;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store_kit::StoreError;

use crate::domain::{Audience, DeliveryState, Intake, Notice};
use crate::store::postgres::statements;
use crate::store::{TakeIn, TakenIn};

/// The state of a new delivery.
pub(super) fn new_state(set_up: bool) -> DeliveryState {
    if set_up {
        DeliveryState::Queued
    } else {
        DeliveryState::Skipped
    }
}

/// An event that is told to one account.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) user_id: UserId,
    event: TakeIn,
    notice: Notice,
    context: Context,
}

impl Telling {
    /// The event, if it is told to one account and that is all it does; else the event itself.
    pub(super) fn of(event: TakeIn, context: Context) -> Result<Self, Box<(TakeIn, Context)>> {
        match &event.intake {
            Intake {
                contact: None,
                notice: Some(notice),
            } => match notice.audience {
                Audience::Account(user_id) => Ok(Self {
                    user_id,
                    notice: notice.clone(),
                    event,
                    context,
                }),
                Audience::CatalogKeepers => Err(Box::new((event, context))),
            },
            _ => Err(Box::new((event, context))),
        }
    }
}

/// What became of an event; none if nobody knows yet where its account is reached.
pub(super) type Told = Option<TakenIn>;

/// Events as the arrays that `TELL_ACCOUNTS` makes rows of, and their deliveries, one for each event and channel.
#[derive(Default)]
struct Columns<'t> {
    users: Vec<String>,
    messages: Vec<&'t str>,
    times: Vec<i64>,
    ids: Vec<String>,
    events: Vec<String>,
    types: Vec<&'static str>,
    titles: Vec<&'t str>,
    bodies: Vec<&'t str>,
    data: Vec<String>,
    payloads: Vec<&'t str>,
    about: Vec<i64>,
    delivery_ids: Vec<String>,
    channels: Vec<&'static str>,
    states: Vec<&'static str>,
}

impl<'t> Columns<'t> {
    fn of(tellings: &[&'t Telling]) -> Self {
        let mut columns = Self::default();
        for (place, telling) in (1_i64..).zip(tellings) {
            let Telling {
                user_id,
                event,
                notice,
                context,
            } = telling;
            columns.users.push(user_id.to_string());
            columns.messages.push(&event.message_id);
            columns.times.push(context.now.unix_millis());
            columns
                .ids
                .push(NotificationId::at(context.now).to_string());
            columns.events.push(event.event_id.to_string());
            columns.types.push(event.event_type.as_str());
            columns.titles.push(&notice.title);
            columns.bodies.push(&notice.body);
            columns.data.push(notice.data.to_string());
            columns.payloads.push(&event.payload);
            for (channel, set_up) in &event.channels {
                columns.about.push(place);
                columns
                    .delivery_ids
                    .push(DeliveryId::at(context.now).to_string());
                columns.channels.push(channel.as_str());
                columns.states.push(new_state(*set_up).as_str());
            }
        }
        columns
    }
}

/// One statement for all, which commits by itself: inbox rows, notifications with the next numbers of their readers' streams, and
/// deliveries. For a recipient who is not known nothing is written, so that the message can be tried again (I10).
pub(super) async fn tell_all(
    db: &Database,
    tellings: &[Arc<Telling>],
) -> Result<Vec<Told>, StoreError> {
    // A message that came twice at the same time is told of once.
    let mut places = HashMap::new();
    let mut once = Vec::with_capacity(tellings.len());
    for telling in tellings {
        places
            .entry(telling.event.message_id.as_str())
            .or_insert_with(|| {
                once.push(&**telling);
                once.len() - 1
            });
    }
    let mut told = tell_each(db, &once).await?;
    let answers = tellings.iter().map(|telling| {
        let place = places.get(telling.event.message_id.as_str());
        let told = place.and_then(|place| told.get_mut(*place))?;
        let again = told.as_ref().map(|_| TakenIn::Repeated);
        std::mem::replace(told, again)
    });
    Ok(answers.collect())
}

async fn tell_each(db: &Database, tellings: &[&Telling]) -> Result<Vec<Told>, StoreError> {
    let columns = Columns::of(tellings);
    let telling = sqlx::query(statements::TELL_ACCOUNTS)
        .bind(columns.users)
        .bind(columns.messages)
        .bind(columns.times)
        .bind(columns.ids)
        .bind(columns.events)
        .bind(columns.types)
        .bind(columns.titles)
        .bind(columns.bodies)
        .bind(columns.data)
        .bind(columns.payloads)
        .bind(columns.about)
        .bind(columns.delivery_ids)
        .bind(columns.channels)
        .bind(columns.states)
        .bind(NOTIFICATION_INTAKE)
        .fetch_all(db.pool());
    let rows = db.bounded(telling).await?;
    rows.iter()
        .map(told)
        .collect::<sqlx::Result<_>>()
        .map_err(store_error)
}

fn told(row: &PgRow) -> sqlx::Result<Told> {
    let (now, nothing_to_tell): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match (now, nothing_to_tell) {
        (true, _) => Some(TakenIn::Done { told: 1 }),
        (false, true) => Some(TakenIn::Repeated),
        (false, false) => None,
    })
}
