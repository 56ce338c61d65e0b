//! The stores of a shop in one process, held open by "the shop": this test's process.

use std::path::Path;
use std::sync::Arc;

use contracts::{Clock as _, SystemClock, Timestamp};
use messaging::{Message, MessageStore, Opened};
use order::store::OrderStore;
use product::store::ProductStore;
use service_kit::Context;
use service_kit::settings::StoreSettings;
use tempfile::TempDir;

/// All four stores, in a data folder as the shop has it.
pub struct Shop {
    pub folder: TempDir,
    pub users: Opened<dyn user::store::UserStore>,
    pub products: Opened<dyn ProductStore>,
    pub orders: Opened<dyn OrderStore>,
    pub notifications: Opened<dyn notification::store::NotificationStore>,
}

pub fn settings(folder: &Path, service: &str) -> StoreSettings {
    StoreSettings {
        url: format!("sqlite://{}/{service}.db", folder.display()),
        ..StoreSettings::default()
    }
}

/// A new shop.
pub async fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let at = |service| settings(folder.path(), service);
    let rules = product::Settings::default().stock.rules();
    let deadlines = order::domain::Deadlines::default();
    let users = user::store::open(&at("user")).await.unwrap();
    let products = product::store::open(&at("product"), rules).await.unwrap();
    let orders = order::store::open(&at("order"), deadlines).await.unwrap();
    let notifications = notification::store::open(&at("notification")).await;
    Shop {
        users,
        products,
        orders,
        notifications: notifications.unwrap(),
        folder,
    }
}

impl Shop {
    pub fn data(&self) -> &Path {
        self.folder.path()
    }
}

pub fn context() -> Context {
    Context {
        now: SystemClock.now(),
        traceparent: None,
    }
}

/// Takes everything that waits out of an outbox, as the relay does.
pub async fn published(messages: &Arc<dyn MessageStore>) -> Vec<Message> {
    let lease = std::time::Duration::from_mins(1);
    let now = SystemClock.now();
    let claimed = messages.claim(10_000, lease, now).await.unwrap();
    let ids = claimed.iter().map(|message| message.id.clone()).collect();
    messages.mark_published(ids, now).await.unwrap();
    claimed
}

/// A message that nobody understands.
pub fn poison(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        event_type: "stock.reserved.v1".to_owned(),
        correlation_id: "ord_1".to_owned(),
        aggregate_version: 1,
        occurred_at: Timestamp::from_unix_millis(1_795_464_373_000),
        producer: "product".to_owned(),
        traceparent: None,
        body: "{\"not\": \"understood\"}".to_owned(),
    }
}
