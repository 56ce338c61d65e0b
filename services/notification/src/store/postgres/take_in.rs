//! Taking events in that change contacts, or are told to several.

use contracts::topology::NOTIFICATION_INTAKE;
use contracts::{DeliveryId, NotificationId, Role};
use postgres_store::{parsed, store_error};
use service_kit::Context;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use store_kit::StoreError;

use crate::domain::{Audience, Contact, ContactChange, Notice};
use crate::store::postgres::statements;
use crate::store::postgres::tell_accounts::new_state;
use crate::store::{TakeIn, TakeInError, TakenIn};

/// One transaction: the inbox row, the contact, and for each recipient a notification and a delivery a channel.
///
/// An unknown recipient rolls all of it back, the inbox row too, so that the message can be tried again (I10).
pub(super) async fn take_in(
    connection: &mut PgConnection,
    event: &TakeIn,
    context: &Context,
) -> Result<TakenIn, TakeInError> {
    let (id, now) = (&event.message_id, context.now);
    if !messaging::postgres::first_delivery(connection, NOTIFICATION_INTAKE, id, now).await? {
        return Ok(TakenIn::Repeated);
    }
    if let Some(change) = &event.intake.contact {
        apply(connection, change).await?;
    }
    let Some(notice) = &event.intake.notice else {
        return Ok(TakenIn::Done { told: 0 });
    };
    let recipients = recipients(connection, notice.audience).await?;
    tell(connection, event, notice, &recipients, context).await?;
    Ok(TakenIn::Done {
        told: recipients.len(),
    })
}

/// Applies what an event says of a contact, unless a newer one of its kind was heard.
async fn apply(connection: &mut PgConnection, change: &ContactChange) -> Result<(), StoreError> {
    let user_id = change.user_id.to_string();
    let version = i64::try_from(change.version).map_err(StoreError::broken)?;
    if let Some(profile) = &change.profile {
        sqlx::query(statements::PUT_PROFILE)
            .bind(&user_id)
            .bind(&profile.email)
            .bind(&profile.name)
            .bind(version)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    if let Some(roles) = &change.roles {
        let keeps = |role: &Role| matches!(role, Role::Admin | Role::Catalog);
        sqlx::query(statements::PUT_ROLES)
            .bind(&user_id)
            .bind(roles.iter().any(keeps))
            .bind(version)
            .execute(connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

/// Somebody who is told, and the number that it gets in their stream.
struct Recipient {
    contact: Contact,
    stream_seq: i64,
}

fn recipient(row: &PgRow) -> sqlx::Result<Recipient> {
    Ok(Recipient {
        contact: Contact {
            user_id: parsed(row, 0)?,
            email: row.try_get(1)?,
            name: row.try_get(2)?,
        },
        stream_seq: row.try_get(3)?,
    })
}

/// Takes the next number of each recipient's stream under the lock of their row, which is held until the commit: so an
/// account's numbers have no gaps and become visible in their order, whichever replica gives them.
async fn recipients(
    connection: &mut PgConnection,
    audience: Audience,
) -> Result<Vec<Recipient>, TakeInError> {
    let (numbering, nobody) = match audience {
        Audience::Account(user_id) => (
            sqlx::query(statements::NUMBER_ACCOUNT).bind(user_id.to_string()),
            TakeInError::UnknownRecipient(user_id),
        ),
        Audience::CatalogKeepers => (
            sqlx::query(statements::NUMBER_KEEPERS),
            TakeInError::NobodyKeepsCatalog,
        ),
    };
    let rows = numbering.fetch_all(connection).await.map_err(store_error)?;
    let recipients: sqlx::Result<Vec<_>> = rows.iter().map(recipient).collect();
    let recipients = recipients.map_err(store_error)?;
    if recipients.is_empty() {
        return Err(nobody);
    }
    Ok(recipients)
}

/// The columns of new deliveries.
#[derive(Default)]
struct Deliveries<'r> {
    ids: Vec<String>,
    notification_ids: Vec<&'r str>,
    user_ids: Vec<&'r str>,
    channels: Vec<&'static str>,
    addresses: Vec<&'r str>,
    names: Vec<&'r str>,
    states: Vec<&'static str>,
}

async fn tell(
    connection: &mut PgConnection,
    event: &TakeIn,
    notice: &Notice,
    recipients: &[Recipient],
    context: &Context,
) -> Result<(), StoreError> {
    let new_id = |_: &Recipient| NotificationId::at(context.now).to_string();
    let ids: Vec<String> = recipients.iter().map(new_id).collect();
    let user_id = |recipient: &Recipient| recipient.contact.user_id.to_string();
    let user_ids: Vec<String> = recipients.iter().map(user_id).collect();
    let numbers: Vec<i64> = recipients.iter().map(|told| told.stream_seq).collect();
    let mut new = Deliveries::default();
    for ((recipient, id), user_id) in recipients.iter().zip(&ids).zip(&user_ids) {
        for (channel, set_up) in &event.channels {
            new.ids.push(DeliveryId::at(context.now).to_string());
            new.notification_ids.push(id);
            new.user_ids.push(user_id);
            new.channels.push(channel.as_str());
            new.addresses.push(&recipient.contact.email);
            new.names.push(&recipient.contact.name);
            new.states.push(new_state(*set_up).as_str());
        }
    }
    sqlx::query(statements::TELL)
        .bind(&ids)
        .bind(&user_ids)
        .bind(numbers)
        .bind(event.event_id.to_string())
        .bind(event.event_type.as_str())
        .bind(&notice.title)
        .bind(&notice.body)
        .bind(notice.data.to_string())
        .bind(&event.payload)
        .bind(context.now.unix_millis())
        .bind(new.ids)
        .bind(new.notification_ids)
        .bind(new.user_ids)
        .bind(new.channels)
        .bind(new.addresses)
        .bind(new.names)
        .bind(new.states)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
