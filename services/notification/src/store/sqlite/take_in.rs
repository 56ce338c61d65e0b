//! Taking events in.

use contracts::topology::NOTIFICATION_INTAKE;
use contracts::{DeliveryId, NotificationId};
use rusqlite::{Connection, params};
use service_kit::Context;

use crate::domain::{Audience, Channel, Contact, DeliveryState, Notice};
use crate::store::sqlite::contacts;
use crate::store::{TakeIn, TakeInError, TakenIn};

/// One transaction: the inbox row, the contact, and for each recipient a notification and a delivery a channel.
///
/// An unknown recipient rolls all of it back, the inbox row too, so that the message can be tried again (I10).
pub(super) fn take_in(
    conn: &Connection,
    event: &TakeIn,
    context: &Context,
) -> Result<TakenIn, TakeInError> {
    let id = &event.message_id;
    if !messaging::sqlite::first_delivery(conn, NOTIFICATION_INTAKE, id, context.now)? {
        return Ok(TakenIn::Repeated);
    }
    if let Some(change) = &event.intake.contact {
        contacts::apply(conn, change)?;
    }
    let Some(notice) = &event.intake.notice else {
        return Ok(TakenIn::Done { told: 0 });
    };
    let recipients = recipients(conn, notice.audience)?;
    for recipient in &recipients {
        let notification_id = notify(conn, event, notice, recipient, context)?;
        for (channel, set_up) in &event.channels {
            let state = if *set_up {
                DeliveryState::Queued
            } else {
                DeliveryState::Skipped
            };
            deliver(
                conn,
                event,
                notification_id,
                recipient,
                (*channel, state),
                context,
            )?;
        }
    }
    Ok(TakenIn::Done {
        told: recipients.len(),
    })
}

fn recipients(conn: &Connection, audience: Audience) -> Result<Vec<Contact>, TakeInError> {
    match audience {
        Audience::Account(user_id) => {
            let contact = contacts::of_account(conn, user_id)?;
            let contact = contact.ok_or(TakeInError::UnknownRecipient(user_id))?;
            Ok(vec![contact])
        }
        Audience::CatalogKeepers => {
            let keepers = contacts::of_catalog_keepers(conn)?;
            if keepers.is_empty() {
                return Err(TakeInError::NobodyKeepsCatalog);
            }
            Ok(keepers)
        }
    }
}

fn notify(
    conn: &Connection,
    event: &TakeIn,
    notice: &Notice,
    recipient: &Contact,
    context: &Context,
) -> rusqlite::Result<NotificationId> {
    let id = NotificationId::at(context.now);
    let stream_seq = contacts::next_stream_seq(conn, recipient.user_id)?;
    conn.prepare_cached(
        "INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        id.to_string(),
        recipient.user_id.to_string(),
        stream_seq,
        event.event_id.to_string(),
        event.event_type.as_str(),
        notice.title,
        notice.body,
        notice.data.to_string(),
        event.payload,
        context.now.unix_millis(),
    ])?;
    Ok(id)
}

fn deliver(
    conn: &Connection,
    event: &TakeIn,
    notification_id: NotificationId,
    recipient: &Contact,
    (channel, state): (Channel, DeliveryState),
    context: &Context,
) -> rusqlite::Result<()> {
    let now = context.now.unix_millis();
    conn.prepare_cached(
        "INSERT INTO deliveries (id, notification_id, event_id, type, user_id, channel, address, name, state, due_at, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
    )?
    .execute(params![
        DeliveryId::at(context.now).to_string(),
        notification_id.to_string(),
        event.event_id.to_string(),
        event.event_type.as_str(),
        recipient.user_id.to_string(),
        channel.as_str(),
        recipient.email,
        recipient.name,
        state.as_str(),
        (state == DeliveryState::Queued).then_some(now),
        now,
    ])?;
    Ok(())
}
