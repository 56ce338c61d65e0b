//! For a consumer that does many messages in one transaction: as many round trips as for one.

use std::collections::HashSet;

use contracts::{Event, Timestamp};
use mongo_store::Transaction;
use mongo_store::mongodb::bson::doc;
use store_kit::StoreError;

use super::documents::OutboxRow;
use super::{INBOX, OUTBOX};
use crate::handoff::Places;
use crate::message::Message;

/// Puts events into the outbox, each in a trace of its own.
pub async fn append_all_to_outbox<'a>(
    transaction: &mut Transaction,
    events: impl IntoIterator<Item = (&'a Event, Option<&'a str>)>,
) -> Result<(), StoreError> {
    append_claimed(transaction, events, None).await.map(drop)
}

/// The same, taken from the start if there are places for them at the relay of this process. Returns them as they are to be
/// handed over once they are committed.
pub async fn append_claimed<'a>(
    transaction: &mut Transaction,
    events: impl IntoIterator<Item = (&'a Event, Option<&'a str>)>,
    places: Option<&Places>,
) -> Result<Vec<Message>, StoreError> {
    let messages = events
        .into_iter()
        .map(|(event, traceparent)| Message::from_event(event, traceparent))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::broken)?;
    let until = Places::claimed_until(places);
    let rows = messages.iter().cloned();
    let rows: Vec<_> = rows.map(|message| OutboxRow::new(message, until)).collect();
    transaction.insert(OUTBOX, &rows).await?;
    Ok(messages)
}

/// Puts messages into the inbox, each of which is named once; returns those that were not there. The effect of the others
/// is committed.
///
/// Two transactions at once with the same message meet here: one is carried out again and then finds what the other did.
pub async fn first_deliveries(
    transaction: &mut Transaction,
    consumer: &str,
    message_ids: &[&str],
    now: Timestamp,
) -> Result<HashSet<String>, StoreError> {
    let row = |id: &&str| {
        doc! {
            "q": { "_id": { "consumer": consumer, "message_id": *id } },
            "u": { "$setOnInsert": { "received_at": now.unix_millis() } },
            "upsert": true,
        }
    };
    let new = transaction
        .update_each(INBOX, message_ids.iter().map(row).collect())
        .await?;
    let ids = message_ids.iter().enumerate();
    let new = ids.filter(|(place, _)| new.contains(place));
    Ok(new.map(|(_, id)| (*id).to_owned()).collect())
}
