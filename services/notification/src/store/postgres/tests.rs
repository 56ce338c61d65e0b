//! Every statement fits the schema, and reads along an index what it looks for.

use testkit::isolated::{PostgresDatabase, postgres_database};
use testkit::statements::{steps, whole_scans};

use super::*;

/// What reads an index from end to end, and why that is right.
const WHOLE: &[(&str, &[&str])] = &[
    // The index holds nobody else.
    (
        "NUMBER_KEEPERS",
        &["Index Scan using contacts_that_keep_the_catalog on contacts contacts_1"],
    ),
    // The index holds only what is on its way, which is what is counted.
    ("COUNT", &["Index Scan using deliveries_due on deliveries"]),
];

/// The log of a channel has no index of its own: most of what is sent goes one way, so it is read back along the primary key. While
/// nothing is there, any index is as good.
const WHOLE_WHILE_EMPTY: (&str, &[&str]) = (
    "LOG_OF_CHANNEL",
    &["Index Scan using deliveries_event_id_user_id_channel_key on deliveries"],
);

/// Many rows, made by the server itself: plans depend on how much there is.
const FILL: &str = "
    INSERT INTO contacts (user_id, email, profile_version, keeps_catalog)
      SELECT 'usr_' || n, 'a', 1, n < 3 FROM generate_series(0, 9999) AS n;
    INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, created_at, read_at)
      SELECT 'ntf_' || n, 'usr_' || n % 1000, n / 1000 + 1, 'evt_' || n, 'order.placed.v1', 't', 'b', '{}', '{}', n,
        CASE WHEN n % 10 > 0 THEN n END
      FROM generate_series(1, 100000) AS n;
    INSERT INTO deliveries (id, notification_id, event_id, type, user_id, channel, address, name, state, due_at, created_at,
      updated_at)
      SELECT 'dlv_' || n, 'ntf_' || n, 'evt_' || n, 'order.placed.v1', 'usr_' || n % 1000, 'email', 'a', 'n',
        CASE WHEN n % 1000 = 0 THEN 'queued' WHEN n % 100 = 1 THEN 'failed' ELSE 'sent' END,
        CASE WHEN n % 1000 = 0 THEN n END, n, n
      FROM generate_series(1, 100000) AS n;
    INSERT INTO inbox SELECT 'notification.intake', 'evt_' || n, n FROM generate_series(1, 100000) AS n;
    ANALYZE;";

async fn store(place: &PostgresDatabase) -> PostgresNotifications {
    let settings = StoreSettings {
        url: place.url().to_owned(),
        ..StoreSettings::default()
    };
    PostgresNotifications::migrate(&settings).await.unwrap();
    PostgresNotifications::open(&settings).await.unwrap()
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_goes_along_an_index() {
    let place = postgres_database().await.unwrap();
    let db = store(&place).await.db;
    let whole = whole_scans(statements::ALL, async |sql| {
        db.query_plan(sql).await.unwrap().whole_scans()
    })
    .await;
    let mut expected = WHOLE.to_vec();
    expected.insert(1, WHOLE_WHILE_EMPTY);
    assert_eq!(whole, steps(&expected));
}

#[tokio::test]
async fn with_a_hundred_thousand_rows_every_statement_still_goes_along_its_index() {
    let place = postgres_database().await.unwrap();
    let db = store(&place).await.db;
    sqlx::raw_sql(FILL).execute(db.pool()).await.unwrap();
    let whole = whole_scans(statements::ALL, async |sql| {
        db.likely_plan(sql).await.unwrap().whole_scans()
    })
    .await;
    assert_eq!(whole, steps(WHOLE));
}

#[tokio::test]
async fn what_is_due_is_found_along_its_own_index_among_few_and_among_many() {
    let place = postgres_database().await.unwrap();
    let db = store(&place).await.db;
    let found = ["Index Scan using deliveries_due on deliveries"];
    let claim = statements::CLAIM;
    let few = db.query_plan(claim).await.unwrap();
    assert_eq!(looks_by_time(&few.lines), found, "{few:#?}");
    sqlx::raw_sql(FILL).execute(db.pool()).await.unwrap();
    let many = db.likely_plan(claim).await.unwrap();
    assert_eq!(looks_by_time(&many.lines), found, "{many:#?}");
}

#[tokio::test]
async fn what_is_late_is_looked_for_among_what_is_being_tried_however_much_is_due() {
    let place = postgres_database().await.unwrap();
    let db = store(&place).await.db;
    let found = "Index Scan using deliveries_by_state on deliveries";
    let touch = statements::TOUCH_LATE;
    let few = db.query_plan(touch).await.unwrap();
    let looks = |lines: &[String]| lines.iter().any(|line| line.contains(found));
    assert!(looks(&few.lines), "{few:#?}");
    sqlx::raw_sql(FILL).execute(db.pool()).await.unwrap();
    sqlx::raw_sql(BACKLOG).execute(db.pool()).await.unwrap();
    let many = db.likely_plan(touch).await.unwrap();
    assert!(looks(&many.lines), "{many:#?}");
}

/// A mail server that has been away for a while.
const BACKLOG: &str = "
    UPDATE deliveries SET state = 'queued', due_at = sequence WHERE sequence % 2 = 0;
    UPDATE deliveries SET state = 'sending', due_at = sequence WHERE sequence % 20000 = 0;
    ANALYZE;";

/// The steps that look for deliveries of a channel by their time, and sort nothing afterwards.
fn looks_by_time(lines: &[String]) -> Vec<&str> {
    let sorts = lines.iter().any(|line| line.contains("Sort"));
    let steps = lines.windows(2).filter_map(|pair| {
        let by_time = "Index Cond: ((channel = $1) AND (due_at <= $2))";
        let step = pair[0].trim_start().trim_start_matches("->").trim_start();
        (pair[1].trim_start() == by_time && !sorts).then_some(step)
    });
    steps.collect()
}

#[test]
fn no_statement_stands_outside_the_list() {
    let folder = "src/store/postgres";
    let spelled_out = testkit::statements::spelled_out_in(folder).unwrap();
    assert_eq!(spelled_out, [""; 0]);
}
