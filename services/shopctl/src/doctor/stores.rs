//! The services' stores: whether their schema is the one of this version, and what waits in them.

use std::path::Path;
use std::time::Duration;

use contracts::{Clock as _, SystemClock};
use messaging::MessageStore;
use store_kit::StoreError;

use super::check::Findings;
use crate::settings::{Service, Settings};
use crate::stores::open_messages;

/// An event that waits for longer has met a broker or a service that is away.
const LONG: Duration = Duration::from_mins(1);

pub(super) async fn examine(settings: &Settings, data: Option<&Path>, findings: &mut Findings) {
    for service in Service::ALL {
        let Ok(store) = settings.store_of(service, data) else {
            // It is not said where it is.
            continue;
        };
        let derived = settings.services.get(service).store.url.is_empty() && data.is_none();
        if derived && settings.services.get(service).password.is_empty() {
            // That was told of its user.
            continue;
        }
        let place = service.as_str();
        let opened = open_messages(service, &store).await;
        let Some((messages, handle)) = findings.looked(place, "store", opened) else {
            continue;
        };
        let found = format!("on {}, with the schema of this version", handle.kind());
        findings.ok(place, "store", found);
        let looked = messages_of(place, &*messages, findings).await;
        findings.looked(place, "messages", looked);
        handle.close().await;
    }
}

async fn messages_of(
    place: &str,
    messages: &dyn MessageStore,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let outbox = messages.outbox_stats().await?;
    let age = outbox.oldest.map(|oldest| SystemClock.now().since(oldest));
    let age = age.unwrap_or_default();
    let pending = outbox.pending;
    if age > LONG {
        let found = format!(
            "{pending} events wait, the oldest for {} s; is {place} running, and does it reach the broker?",
            age.as_secs()
        );
        findings.warn(place, "outbox", found);
    } else {
        findings.ok(place, "outbox", format!("{pending} events wait"));
    }
    let waiting = messages.deferred_stats().await?;
    if waiting.parked > 0 {
        let found = format!(
            "{} wait for a person; see `shopctl parked list --service {place}`",
            waiting.parked
        );
        findings.warn(place, "parked messages", found);
    } else {
        let found = format!("none; {} are tried again by themselves", waiting.deferred);
        findings.ok(place, "parked messages", found);
    }
    Ok(())
}
