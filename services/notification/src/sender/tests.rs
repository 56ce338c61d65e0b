//! One try.

use async_trait::async_trait;
use contracts::{DeliveryId, EventId, EventType, ManualClock, Timestamp, UserId};
use serde_json::json;
use service_kit::LifecycleSettings;

use super::*;
use crate::domain::Contact;
use crate::mail::{Mail, Templates};
use crate::store::sqlite::SqliteNotifications;

/// Has a bug.
struct Panics;

#[async_trait]
impl Mailer for Panics {
    fn kind(&self) -> &'static str {
        "panics"
    }

    async fn send(&self, _: &Mail) -> Result<(), SendError> {
        panic!("a bug in a mailer")
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

fn welcome() -> Claimed {
    let user_id = UserId::at(now());
    let registered = json!({
        "user_id": user_id,
        "email": "ada@example.com",
        "name": "Ada",
        "roles": ["customer"],
    });
    Claimed {
        id: DeliveryId::at(now()),
        attempt: 2,
        event_id: EventId::at(now()),
        event_type: EventType::UserRegistered,
        payload: registered.to_string(),
        title: "Welcome".to_owned(),
        channel: Channel::Email,
        contact: Contact {
            user_id,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
        },
        created_at: now(),
    }
}

#[tokio::test]
async fn a_try_that_panics_has_failed_and_is_tried_again_as_often_as_any() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    let lifecycle = Lifecycle::new("notification", LifecycleSettings::default());
    let from = "Shop <shop@example.com>".parse().unwrap();
    let second = Duration::from_secs(1);
    let sender = Sender {
        store: Arc::new(SqliteNotifications::open(&path).await.unwrap()),
        composer: Composer::new(Templates::new().unwrap(), from, "Shop", ""),
        mailer: Arc::new(Panics),
        retry: RetryRule {
            first: second,
            max: second * 8,
            attempts: 3,
        },
        terms: Terms::new(second, second),
        concurrency: 1,
        poll: second,
        hint: Arc::new(Notify::new()),
        poke: Poke::new(),
        present: Present::new(Arc::new(ManualClock::at(now()))),
        health: Health::new(&lifecycle, "0.0.0"),
    };
    let (results, mut received) = mpsc::channel(1);
    let reason = || "the program panicked over it; see the log".to_owned();
    let later = Tried::Later {
        reason: reason(),
        at: now().plus(second * 2),
    };
    for (attempt, expected) in [(2, later), (3, Tried::Failed { reason: reason() })] {
        let delivery = Claimed {
            attempt,
            ..welcome()
        };
        let state = sender.deliver(delivery.clone(), &results).await;
        assert_eq!(state, ChannelState::Unknown);
        let tried = received.recv().await.unwrap();
        assert_eq!(tried, delivery.came_to(expected));
    }
}
