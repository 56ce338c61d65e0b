//! Data folders as a shop leaves them, made with the services' own schemas.

use std::path::Path;

use contracts::{EventType, topology};
use rusqlite::{Connection, params};

const SCHEMAS: [(&str, &str); 5] = [
    (
        "user",
        include_str!("../../../../services/user/src/store/sqlite/schema.sql"),
    ),
    (
        "product",
        include_str!("../../../../services/product/src/store/sqlite/schema.sql"),
    ),
    (
        "order",
        include_str!("../../../../services/order/src/store/sqlite/schema.sql"),
    ),
    (
        "notification",
        include_str!("../../../../services/notification/src/store/sqlite/schema.sql"),
    ),
    (
        "broker",
        include_str!("../../../messaging/src/embedded/schema.sql"),
    ),
];

/// A folder with a file for each service, kept open as a running shop would.
pub struct Folder {
    folder: tempfile::TempDir,
    files: Vec<(&'static str, Connection)>,
}

impl Folder {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = |(name, schema)| {
            let file = Connection::open(folder.path().join(format!("{name}.db"))).unwrap();
            file.pragma_update(None, "journal_mode", "wal").unwrap();
            file.pragma_update(None, "synchronous", "off").unwrap();
            if name != "broker" {
                file.execute_batch(messaging::sqlite::SCHEMA_SQL).unwrap();
                file.execute_batch(sqlite_store::idempotency::SCHEMA_SQL)
                    .unwrap();
            }
            file.execute_batch(schema).unwrap();
            (name, file)
        };
        let files = SCHEMAS.into_iter().map(open).collect();
        Self { folder, files }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs statements on a service's file, whatever its constraints say.
    pub fn run(&self, service: &str, sql: &str) {
        let file = self.file(service);
        file.pragma_update(None, "foreign_keys", false).unwrap();
        file.pragma_update(None, "ignore_check_constraints", true)
            .unwrap();
        file.execute_batch(sql).unwrap();
    }

    fn file(&self, service: &str) -> &Connection {
        &self
            .files
            .iter()
            .find(|(name, _)| *name == service)
            .unwrap()
            .1
    }

    /// An event that was told and heard by everybody it is for.
    fn told(&self, id: &str, event_type: EventType, about: &str, body: &str) {
        let producer = event_type.producer().as_str();
        let insert = "INSERT INTO outbox (id, type, producer, correlation_id, aggregate_version, occurred_at, body,
            published_at) VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, 1)";
        let row = params![id, event_type.as_str(), producer, about, body];
        self.file(producer).execute(insert, row).unwrap();
        for queue in topology::consumers_of(event_type) {
            let reader = queue.split('.').next().unwrap();
            let insert =
                "INSERT INTO inbox VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000 AS INTEGER))";
            self.file(reader).execute(insert, [queue, id]).unwrap();
        }
    }

    /// A notification and its mail, sent.
    fn notified(&self, event_id: &str, number: i64) {
        let notification = self.file("notification");
        let id = format!("ntf_{number}");
        let insert = "INSERT INTO notifications VALUES (NULL, ?1, 'usr_1', ?2, ?3, 't', 't', 'b', '{}', '{}', 1, NULL)";
        notification
            .execute(insert, params![id, number, event_id])
            .unwrap();
        let insert = "INSERT INTO deliveries VALUES (NULL, ?1, ?2, ?3, 't', 'usr_1', 'email', 'a@b', 'A', 'sent', 1, NULL,
            NULL, 1, 1)";
        notification
            .execute(insert, params![format!("dlv_{number}"), id, event_id])
            .unwrap();
    }
}

/// A shop at rest: one account, one product of which two pieces are sold, an order that was confirmed and one that was
/// cancelled.
pub fn healthy() -> Folder {
    let folder = Folder::empty();
    folder.run(
        "user",
        "INSERT INTO account (id, email, name, password_hash, version, created_at, updated_at)
        VALUES ('usr_1', 'a@b', 'A', 'x', 1, 1, 1)",
    );
    folder.run(
        "notification",
        "INSERT INTO contacts (user_id, email, name, profile_version) VALUES ('usr_1', 'a@b', 'A', 1)",
    );
    folder.run(
        "product",
        "INSERT INTO product VALUES ('prd_1', 'A', 'a', 'A', '', NULL, 100, 'EUR', 'active', '{}', 1, 1, 1);
         INSERT INTO inventory (sku, received, available, reserved, sold) VALUES ('A', 10, 8, 0, 2);
         INSERT INTO reservation (order_id, state, version, created_at, updated_at)
           VALUES ('ord_1', 'committed', 2, 1, 1), ('ord_2', 'released', 2, 1, 1), ('ord_9', 'tombstone', 1, 1, 1);
         INSERT INTO reservation_line VALUES ('ord_1', 'A', 2);",
    );
    folder.run(
        "order",
        "INSERT INTO catalog VALUES ('prd_1', 'A', 'A', 100, 'EUR', 'active', 1);
         INSERT INTO orders (id, customer_id, status, version, currency, total, payment_method, created_at, updated_at)
           SELECT column1, 'usr_1', column2, column3, 'EUR', 200, 'manual', now, now
           FROM (VALUES ('ord_1', 'confirmed', 2), ('ord_2', 'cancelled', 3)),
             (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now);
         INSERT INTO order_lines VALUES ('ord_1', 0, 'A', 'A', 2, 100, NULL), ('ord_2', 0, 'A', 'A', 1, 100, NULL);
         INSERT INTO timeline VALUES ('ord_1', 1, 1, 'placed', NULL), ('ord_1', 2, 1, 'confirmed', NULL),
           ('ord_2', 1, 1, 'placed', NULL), ('ord_2', 2, 1, 'cancel_requested', NULL), ('ord_2', 3, 1, 'cancelled', NULL);
         INSERT INTO idempotency VALUES ('usr_1', 'k1', 'f', 201, 'ord_1', NULL, 1),
           ('usr_1', 'k2', 'f', 201, 'ord_2', NULL, 1), ('usr_1', 'k3', 'f', 202, 'ord_2', NULL, 1);",
    );
    let customer = r#"{"order":{"customer_id":"usr_1"}}"#;
    folder.told(
        "evt_1",
        EventType::UserRegistered,
        "usr_1",
        r#"{"user_id":"usr_1"}"#,
    );
    folder.told("evt_2", EventType::ProductCreated, "prd_1", "{}");
    for (id, event_type, order, body) in [
        ("evt_3", EventType::OrderPlaced, "ord_1", customer),
        ("evt_4", EventType::StockReserved, "ord_1", "{}"),
        ("evt_5", EventType::OrderConfirmed, "ord_1", customer),
        (
            "evt_10",
            EventType::OrderConfirmed,
            "ord_1",
            r#"{"order":{"customer_id":"usr_1"},"repeated":true}"#,
        ),
        ("evt_6", EventType::OrderCancelRequested, "ord_2", "{}"),
        (
            "evt_7",
            EventType::StockReleased,
            "ord_2",
            r#"{"outcome":"released"}"#,
        ),
        ("evt_8", EventType::OrderCancelRequested, "ord_9", "{}"),
        (
            "evt_9",
            EventType::StockReleased,
            "ord_9",
            r#"{"outcome":"nothing_held"}"#,
        ),
    ] {
        folder.told(id, event_type, order, body);
    }
    for (number, event) in (1..).zip(["evt_1", "evt_3", "evt_5"]) {
        folder.notified(event, number);
    }
    folder
}
