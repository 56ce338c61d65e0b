//! What the checker finds.

use std::collections::BTreeMap;

use testkit::checker::{self, Delivery, Look, Mails, Notifications, Snapshot};

use crate::folder::healthy;

#[tokio::test]
async fn a_shop_in_which_everything_holds_passes() {
    let folder = healthy();
    assert_eq!(checker::look(folder.path()).unwrap(), Look::default());
    checker::quiescent(folder.path()).await.unwrap();
    assert!(checker::catalog_knows(folder.path(), "A").unwrap());
    assert!(!checker::catalog_knows(folder.path(), "B").unwrap());
}

#[tokio::test]
async fn a_folder_without_stores_has_nothing_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    checker::quiescent(folder.path()).await.unwrap();
    assert!(!checker::catalog_knows(folder.path(), "A").unwrap());
}

#[test]
fn mails_arrive_once_if_they_are_recorded_as_sent_and_again_only_where_that_is_allowed() {
    let delivery = |event: &str, state: &str| Delivery {
        event_id: event.to_owned(),
        user_id: "usr_1".to_owned(),
        channel: "email".to_owned(),
        state: state.to_owned(),
        due: false,
        last_error: None,
    };
    let deliveries = [
        ("arrived", "sent"),
        ("lost", "sent"),
        ("doubled", "sent"),
        ("unknown", "failed"),
        ("skipped", "skipped"),
    ];
    let deliveries = deliveries.map(|(event, state)| (event.to_owned(), delivery(event, state)));
    let mails = [("arrived", 1), ("doubled", 2), ("unknown", 1)];
    let mails = mails.map(|(event, times)| (format!("{event}.46d1.email@shop.example"), times));
    let snapshot = |may_repeat| Snapshot {
        notification: Some(Notifications {
            deliveries: BTreeMap::from(deliveries.clone()),
            ..Notifications::default()
        }),
        mails: Some(Mails {
            arrived: BTreeMap::from(mails.clone()),
            may_repeat,
        }),
        ..Snapshot::default()
    };
    let always = [
        "I10: 1 deliveries of lost by email are recorded as sent, and 0 arrived",
        "I10: 0 deliveries of unknown by email are recorded as sent, and 1 arrived",
    ];
    let doubled = "I10: the mail doubled.46d1.email@shop.example came 2 times";
    let unless_allowed = [&[doubled], &always[..]].concat();
    assert_eq!(snapshot(false).look().wrong, unless_allowed);
    assert_eq!(snapshot(true).look().wrong, always);
}

/// A store, what happens to it, and what the checker says of that.
const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "product",
        "UPDATE inventory SET available = 9",
        "I1: A: received 10, available 9, reserved 0, sold 2",
    ),
    (
        "product",
        "UPDATE inventory SET reserved = -1, available = 9",
        "I1: A: received 10, available 9, reserved -1, sold 2",
    ),
    (
        "product",
        "UPDATE inventory SET sold = 3, available = 7",
        "I2: A: reserved 0 of 0 held, sold 3 of 2 committed, 0 for neither",
    ),
    (
        "product",
        "UPDATE reservation SET state = 'released' WHERE order_id = 'ord_1'",
        "I4: ord_1 is confirmed: its stock is released",
    ),
    (
        "product",
        "UPDATE reservation SET state = 'held' WHERE order_id = 'ord_2'",
        "I4: ord_2 is cancelled: its stock is held",
    ),
    (
        "product",
        "UPDATE reservation_line SET quantity = 3",
        r#"I4: ord_1 is confirmed: {"A": 2} ordered, {"A": 3} committed"#,
    ),
    (
        "product",
        "UPDATE reservation SET state = 'held' WHERE order_id = 'ord_9'",
        "I4: held for ord_9, which is no order",
    ),
    (
        "order",
        "DELETE FROM inbox WHERE message_id = 'evt_4'",
        "I5: evt_4 stock.reserved.v1 was lost on its way to order.stock",
    ),
    (
        "order",
        "UPDATE inbox SET message_id = 'evt_0' WHERE message_id = 'evt_2'",
        "I6: order.catalog heard evt_0, which nobody told",
    ),
    (
        "product",
        "UPDATE outbox SET type = 'stock.rejected.v1', correlation_id = 'ord_1' WHERE id = 'evt_7'",
        "I7: ord_1 was answered by stock 2 times",
    ),
    (
        "product",
        "UPDATE outbox SET correlation_id = 'ord_9' WHERE id = 'evt_7'",
        "I7: ord_9 asked 1 times for release and was answered 2 times",
    ),
    (
        "product",
        "UPDATE outbox SET correlation_id = 'ord_1' WHERE id = 'evt_7'",
        "I7: ord_1 was released without being asked for",
    ),
    (
        "order",
        "DELETE FROM timeline WHERE order_id = 'ord_2' AND version = 2",
        "I7: ord_2 is at version 3 after 2 changes",
    ),
    (
        "order",
        "UPDATE idempotency SET object_id = 'ord_1' WHERE key = 'k2'",
        "I8: ord_1 was placed under 2 keys",
    ),
    (
        "order",
        "UPDATE idempotency SET object_id = 'ord_7' WHERE key = 'k2'",
        "I8: the key k2 of usr_1 placed ord_7, which is no order",
    ),
    (
        "notification",
        "DROP INDEX notifications_by_event; UPDATE notifications SET event_id = 'evt_3' WHERE event_id = 'evt_5'",
        "I7: usr_1 was told 2 times of evt_3",
    ),
    (
        "notification",
        "UPDATE notifications SET stream_seq = 5 WHERE stream_seq = 3",
        "I7: the stream of usr_1 has 3 notifications from 1 to 5",
    ),
    (
        "notification",
        "DELETE FROM notifications WHERE event_id = 'evt_5'",
        "I10: usr_1 was not told of evt_5 order.confirmed.v1",
    ),
    (
        "notification",
        "DELETE FROM deliveries WHERE event_id = 'evt_1'",
        "I10: no delivery of evt_1 user.registered.v1 to usr_1",
    ),
    (
        "notification",
        "UPDATE contacts SET email = 'old@b'",
        "I11: the contact of usr_1 is not what the account says",
    ),
    (
        "order",
        "UPDATE catalog SET version = 0, price = 90",
        "I11: prd_1 is version 1, A at 100 EUR, active; orders see version 0, A at 90 EUR, active",
    ),
    (
        "order",
        "DELETE FROM catalog",
        "I11: prd_1 is version 1, A at 100 EUR, active; orders do not see it",
    ),
];

#[test]
fn each_violation_is_named_with_what_it_is_about() {
    for (service, damage, wrong) in VIOLATIONS {
        let folder = healthy();
        folder.run(service, damage);
        let look = checker::look(folder.path()).unwrap();
        assert_eq!(look.moving, Vec::<String>::new(), "{damage}");
        let named = look.wrong.iter().any(|found| found == wrong);
        assert!(named, "{damage}: {:#?}", look.wrong);
    }
}

#[tokio::test]
async fn a_violation_at_rest_fails_at_once() {
    let folder = healthy();
    folder.run("order", "DELETE FROM catalog");
    let error = checker::quiescent(folder.path()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the shop is at rest and wrong:\nI11: prd_1 is version 1, A at 100 EUR, active; orders do not see it"
    );
}

#[test]
fn what_moves_is_named() {
    for (service, change, moving) in [
        (
            "order",
            "UPDATE orders SET status = 'pending' WHERE id = 'ord_1'",
            "I3: ord_1 is pending",
        ),
        (
            "product",
            "UPDATE outbox SET published_at = NULL WHERE id = 'evt_7'",
            "product: not published: evt_7 stock.released.v1",
        ),
        (
            "order",
            "INSERT INTO deferred VALUES ('evt_7', 'order.stock', 'stock.released.v1', 'product', 'ord_2', 1, 1, NULL, '{}',
               1, 'busy', 5, 0, NULL)",
            "order: deferred: evt_7 stock.released.v1 of order.stock: busy",
        ),
        (
            "broker",
            "INSERT INTO message VALUES (1, 'order.stock', 'order.stock', 'evt_7', 'stock.released.v1', 'ord_2', 1, 1,
               'product', NULL, '{}', 0)",
            "broker: in order.stock: evt_7 stock.released.v1",
        ),
        (
            "notification",
            "UPDATE deliveries SET state = 'queued', due_at = 1, last_error = 'refused' WHERE id = 'dlv_1'",
            "I10: dlv_1 of evt_1 is queued: refused",
        ),
    ] {
        let folder = healthy();
        folder.run(service, change);
        assert_eq!(checker::look(folder.path()).unwrap().moving, [moving]);
    }
}

#[test]
fn an_event_that_two_queues_keep_is_two_messages() {
    let folder = healthy();
    for (queue, reason) in [("order.stock", "busy"), ("order.catalog", "early")] {
        let row = format!(
            "INSERT INTO deferred VALUES ('evt_7', '{queue}', 'stock.released.v1', 'product', 'ord_2', 1, 1, NULL, '{{}}',
               1, '{reason}', 5, 0, NULL)"
        );
        folder.run("order", &row);
    }
    assert_eq!(
        checker::look(folder.path()).unwrap().moving,
        [
            "order: deferred: evt_7 stock.released.v1 of order.catalog: early",
            "order: deferred: evt_7 stock.released.v1 of order.stock: busy",
        ]
    );
}

#[test]
fn queues_of_a_service_that_was_left_out_may_wait() {
    let folder = healthy();
    folder.run(
        "broker",
        "INSERT INTO message VALUES (1, 'order.stock', 'order.stock', 'evt_7', 'stock.released.v1', 'ord_2', 1, 1,
           'product', NULL, '{}', 0)",
    );
    std::fs::remove_file(folder.path().join("order.db")).unwrap();
    assert_eq!(checker::look(folder.path()).unwrap(), Look::default());
}
