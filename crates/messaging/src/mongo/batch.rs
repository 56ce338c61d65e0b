//! For a consumer that does many messages in one transaction: as many round trips as for one.

use std::collections::HashSet;

use contracts::{Event, Timestamp};
use mongo_store::Transaction;
use mongo_store::mongodb::bson::{Document, doc};
use serde::Deserialize;
use store_kit::StoreError;

use super::documents::OutboxRow;
use super::{INBOX, OUTBOX};
use crate::message::Message;

/// Puts events into the outbox, each in a trace of its own.
pub async fn append_all_to_outbox<'a>(
    transaction: &mut Transaction,
    events: impl IntoIterator<Item = (&'a Event, Option<&'a str>)>,
) -> Result<(), StoreError> {
    let rows = events
        .into_iter()
        .map(|(event, traceparent)| Message::from_event(event, traceparent).map(OutboxRow::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::broken)?;
    transaction.insert(OUTBOX, &rows).await
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
    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "_id")]
        id: Id,
    }
    #[derive(Deserialize)]
    struct Id {
        message_id: String,
    }
    let row_id = |id: &str| doc! { "consumer": consumer, "message_id": id };
    let ids: Vec<Document> = message_ids.iter().map(|id| row_id(id)).collect();
    let known: Vec<Row> = transaction
        .find(INBOX, doc! { "_id": { "$in": ids } }, None)
        .await?;
    let known: HashSet<String> = known.into_iter().map(|row| row.id.message_id).collect();
    let new = message_ids.iter().filter(|id| !known.contains(**id));
    let new: HashSet<String> = new.map(ToString::to_string).collect();
    let rows: Vec<Document> = new
        .iter()
        .map(|id| doc! { "_id": row_id(id), "received_at": now.unix_millis() })
        .collect();
    transaction.insert(INBOX, &rows).await?;
    Ok(new)
}
