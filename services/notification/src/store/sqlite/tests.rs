//! What only this back-end can promise: plans of statements.

use contracts::{Timestamp, UserId};

use super::*;

#[tokio::test]
async fn every_list_and_every_look_is_served_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    let store = SqliteNotifications::open(&path).await.unwrap();
    let (all, state, user_id) = (
        DeliveryFilter::default(),
        Some(DeliveryState::Failed),
        Some(UserId::at(Timestamp::from_unix_millis(0))),
    );
    let mut plans = Vec::new();
    for sql in [
        deliveries::ANY_DUE.to_owned(),
        deliveries::DUE.to_owned(),
        deliveries::LATE.to_owned(),
        deliveries::COUNT.to_owned(),
        deliveries::list_sql(all),
        deliveries::list_sql(DeliveryFilter { state, ..all }),
        deliveries::list_sql(DeliveryFilter {
            state,
            channel: Some(Channel::Email),
            ..all
        }),
        deliveries::list_sql(DeliveryFilter { user_id, ..all }),
        reading::list_sql(false),
        reading::list_sql(true),
        reading::COUNT_UNREAD.to_owned(),
        reading::stream_sql(),
        reading::NEWS.to_owned(),
        contacts::KEEPERS.to_owned(),
    ] {
        plans.push(store.db.query_plan(&sql).await.unwrap());
    }
    assert_eq!(
        plans,
        [
            "SCAN CONSTANT ROW\nSCALAR SUBQUERY 1\nSEARCH deliveries USING COVERING INDEX deliveries_due (channel=? AND due_at<?)",
            "SEARCH deliveries USING INDEX deliveries_due (channel=? AND due_at<?)",
            "SEARCH deliveries USING INDEX deliveries_by_state (state=?)",
            "SCAN deliveries USING INDEX deliveries_due\nUSE TEMP B-TREE FOR GROUP BY",
            "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid<?)",
            "SEARCH deliveries USING INDEX deliveries_by_state (state=? AND rowid<?)",
            "SEARCH deliveries USING INDEX deliveries_by_state (state=? AND rowid<?)",
            "SEARCH deliveries USING INDEX deliveries_by_user (user_id=? AND rowid<?)",
            "SEARCH notifications USING INDEX notifications_by_user (user_id=? AND stream_seq<?)",
            "SEARCH notifications USING INDEX notifications_unread (user_id=? AND stream_seq<?)",
            "SEARCH notifications USING INDEX notifications_unread (user_id=?)",
            "SEARCH notifications USING INDEX notifications_by_user (user_id=? AND stream_seq>?)",
            "SEARCH notifications USING INTEGER PRIMARY KEY (rowid>?)",
            "SCAN contacts USING INDEX contacts_that_keep_the_catalog",
        ]
    );
    let old = store.db.query_plan(sweep::DELIVERIES).await.unwrap();
    assert!(old.contains("deliveries_ended (updated_at<?)"), "{old}");
    let old = store.db.query_plan(sweep::NOTIFICATIONS).await.unwrap();
    assert!(old.contains("notifications_by_age (created_at<?)"), "{old}");
    assert!(!old.contains("SCAN"), "{old}");
}
