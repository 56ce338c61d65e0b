//! I7 and I10 for people: every event somebody wants to hear about is told to them once.

use std::collections::{BTreeMap, BTreeSet};

use contracts::topology;

use crate::checker::snapshot::{About, Mails, Messages, Notifications, Snapshot, Told};

/// Whose account an event is about.
type Account = fn(&About) -> Option<&String>;

const HERSELF: Account = |about| about.user_id.as_ref();
const CUSTOMER: Account = |about| about.order.customer_id.as_ref();

/// What is told to the account it is about, and where its body names that account.
const WANTED: &[(&str, Account)] = &[
    ("user.registered.v1", HERSELF),
    ("order.placed.v1", CUSTOMER),
    ("order.confirmed.v1", CUSTOMER),
    ("order.rejected.v1", CUSTOMER),
    ("order.cancelled.v1", CUSTOMER),
    ("order.shipped.v1", CUSTOMER),
    ("order.delivered.v1", CUSTOMER),
];

pub(in crate::checker) fn violations(snapshot: &Snapshot) -> Vec<String> {
    let Some(notification) = &snapshot.notification else {
        return Vec::new();
    };
    let mut found = alone(notification);
    let user = snapshot.user.as_ref().map(|store| &store.messages);
    let order = snapshot.order.as_ref().map(|store| &store.messages);
    for messages in [user, order].into_iter().flatten() {
        found.extend(untold(messages, notification));
    }
    if let Some(product) = &snapshot.product {
        found.extend(unheard_of(&product.messages, notification));
    }
    if let Some(mails) = &snapshot.mails {
        found.extend(mailed(mails, notification));
    }
    found
}

/// What accounts were not told of, or not by mail.
fn untold(messages: &Messages, notification: &Notifications) -> Vec<String> {
    let told = notification.notifications.iter();
    let told: BTreeSet<_> = told.map(|told| (&told.event_id, &told.user_id)).collect();
    let sent = notification.deliveries.values();
    let sent: BTreeSet<_> = sent.map(|sent| (&sent.event_id, &sent.user_id)).collect();
    let mut found = Vec::new();
    for (event_type, account) in WANTED {
        for (id, event) in news(messages, event_type) {
            // What is parked is shown to administrators (I12), and neither lost nor told.
            if is_kept(notification, id) {
                continue;
            }
            let Some(account) = account(&event.about) else {
                found.push(format!("I10: {id} {event_type} names no account"));
                continue;
            };
            if !told.contains(&(id, account)) {
                found.push(format!("I10: {account} was not told of {id} {event_type}"));
            }
            if !sent.contains(&(id, account)) {
                found.push(format!(
                    "I10: no delivery of {id} {event_type} to {account}"
                ));
            }
        }
    }
    found
}

/// Whether an event waits to be tried again, or for a person.
fn is_kept(notification: &Notifications, id: &str) -> bool {
    let message = (topology::NOTIFICATION_INTAKE.to_owned(), id.to_owned());
    notification.messages.kept.contains_key(&message)
}

/// What nobody was told of, although somebody keeps the catalog.
fn unheard_of(product: &Messages, notification: &Notifications) -> Vec<String> {
    let told = notification.notifications.iter();
    let told: BTreeSet<_> = told.map(|told| &told.event_id).collect();
    news(product, "stock.low.v1")
        .filter(|(id, _)| !told.contains(id) && !is_kept(notification, id))
        .map(|(id, _)| format!("I10: nobody was told of {id} stock.low.v1"))
        .collect()
}

/// What is recorded as sent has arrived, once unless it may repeat, and nothing else has. What repeats has the same `Message-ID`.
fn mailed(mails: &Mails, notification: &Notifications) -> Vec<String> {
    let mut sent: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for delivery in notification.deliveries.values() {
        if delivery.state == "sent" {
            let of = (delivery.event_id.as_str(), delivery.channel.as_str());
            *sent.entry(of).or_default() += 1;
        }
    }
    let mut arrived: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (id, times) in &mails.arrived {
        // `event.recipient.channel@domain`
        let local = id.split('@').next().unwrap_or_default();
        let (event, rest) = local.split_once('.').unwrap_or((local, ""));
        let channel = rest.rsplit('.').next().unwrap_or_default();
        *arrived.entry((event, channel)).or_default() += 1;
        if *times > 1 && !mails.may_repeat {
            found.push(format!("I10: the mail {id} came {times} times"));
        }
    }
    let all: BTreeSet<_> = sent.keys().chain(arrived.keys()).collect();
    for of in all {
        let [sent, arrived] = [&sent, &arrived].map(|counts| counts.get(of).copied().unwrap_or(0));
        if sent != arrived {
            let (event, channel) = of;
            found.push(format!(
                "I10: {sent} deliveries of {event} by {channel} are recorded as sent, and {arrived} arrived"
            ));
        }
    }
    found
}

/// The events of a type, without those that only answer a question.
fn news<'m>(
    messages: &'m Messages,
    event_type: &str,
) -> impl Iterator<Item = (&'m String, &'m Told)> {
    messages
        .outbox
        .iter()
        .filter(move |(_, told)| told.event_type == event_type && !told.about.repeated)
}

/// What the store of the notification service says by itself. I7: one notification an event and account, one delivery an
/// event, account and channel, and an account's stream counts up without gaps.
pub(super) fn alone(notification: &Notifications) -> Vec<String> {
    let mut times: BTreeMap<_, u64> = BTreeMap::new();
    let mut streams: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for told in &notification.notifications {
        *times.entry((&told.event_id, &told.user_id)).or_default() += 1;
        streams
            .entry(&told.user_id)
            .or_default()
            .push(told.stream_seq);
    }
    let mut deliveries: BTreeMap<_, u64> = BTreeMap::new();
    for sent in notification.deliveries.values() {
        let once = (&sent.event_id, &sent.user_id, &sent.channel);
        *deliveries.entry(once).or_default() += 1;
    }
    let mut found = Vec::new();
    for ((event, account), times) in times.iter().filter(|(_, times)| **times > 1) {
        found.push(format!("I7: {account} was told {times} times of {event}"));
    }
    for ((event, account, channel), times) in deliveries.iter().filter(|(_, times)| **times > 1) {
        found.push(format!(
            "I7: {times} deliveries of {event} to {account} by {channel}"
        ));
    }
    for (account, numbers) in &mut streams {
        numbers.sort_unstable();
        if let (Some(first), Some(last)) = (numbers.first(), numbers.last())
            && !numbers.iter().copied().eq(*first..=*last)
        {
            let count = numbers.len();
            found.push(format!(
                "I7: the stream of {account} has {count} notifications from {first} to {last}"
            ));
        }
    }
    found
}
