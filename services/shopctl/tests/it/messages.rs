//! `parked` and `outbox`, beside a running shop.

use std::time::Duration;

use contracts::{Clock as _, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::command::{program, run, shopctl};
use crate::files::{Shop, context, poison, published, shop};

const PARKED_AT: i64 = 1_795_464_400_000;

async fn shop_with_parked(ids: &[&str]) -> Shop {
    let shop = shop().await;
    for (offset, id) in (0..).zip(ids) {
        let at = Timestamp::from_unix_millis(PARKED_AT + offset);
        let parked = shop
            .orders
            .messages
            .park("order.stock", poison(id), "poison", at);
        parked.await.unwrap();
    }
    shop
}

async fn product(shop: &Shop, sku: &str) {
    let new = json!({"sku": sku, "title": sku, "price": {"amount": 100, "currency": "EUR"}});
    let new = serde_json::from_value(new).unwrap();
    let created = shop.products.store.create(new, None, None, context());
    created.await.unwrap();
}

/// What the program says when it has done all that it was asked to.
fn settled(done: &[(&str, &str)]) -> Value {
    let done: Vec<_> = done
        .iter()
        .map(|(id, queue)| json!({"id": id, "queue": queue}))
        .collect();
    json!({"service": "order", "done": done, "not_parked": [], "queue_required": []})
}

#[tokio::test]
async fn parked_messages_are_listed_shown_replayed_and_discarded_beside_the_shop() {
    let shop = shop_with_parked(&["m1", "m2", "m3"]).await;
    let listed = shopctl(shop.data(), &["parked", "list"]).json();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["id"])
        .collect();
    assert_eq!(ids, ["m1", "m2", "m3"]);
    assert_eq!(
        listed[0],
        json!({
            "service": "order", "id": "m1", "queue": "order.stock", "type": "stock.reserved.v1",
            "reason": "poison", "attempts": 1, "parked_at": "2026-11-23T20:06:40.000Z",
            "body": "{\"not\": \"understood\"}",
        })
    );
    let of_order = ["--service", "order"];
    let shown = shopctl(
        shop.data(),
        &[&["parked", "show", "m2"][..], &of_order].concat(),
    );
    assert_eq!(shown.json(), listed[1]);

    let replayed = shopctl(
        shop.data(),
        &[&["parked", "replay", "m1"][..], &of_order].concat(),
    );
    assert_eq!(replayed.json(), settled(&[("m1", "order.stock")]));
    let due = shop
        .orders
        .messages
        .due(SystemClock.now(), 10)
        .await
        .unwrap();
    let due: Vec<_> = due.iter().map(|due| due.message.id.as_str()).collect();
    assert_eq!(due, ["m1"]);

    let all = shopctl(
        shop.data(),
        &[&["parked", "discard", "--all"][..], &of_order].concat(),
    );
    assert_eq!(
        all.json(),
        settled(&[("m2", "order.stock"), ("m3", "order.stock")])
    );
    assert_eq!(shopctl(shop.data(), &["parked", "list"]).json(), json!([]));
}

#[tokio::test]
async fn a_message_that_is_not_parked_is_told_and_the_others_are_done() {
    let shop = shop_with_parked(&["m1"]).await;
    let arguments = ["parked", "discard", "gone", "m1", "--service", "order"];
    let discarded = shopctl(shop.data(), &arguments);
    assert_eq!(discarded.code, 1);
    let told: Value = serde_json::from_str(&discarded.out).unwrap();
    assert_eq!(
        told,
        json!({
            "service": "order", "done": [{"id": "m1", "queue": "order.stock"}], "not_parked": ["gone"],
            "queue_required": [],
        })
    );
    assert_eq!(
        discarded.err,
        "shopctl: 1 of the messages are not parked; `shopctl parked list` shows those that are\n"
    );
}

#[tokio::test]
async fn a_message_that_two_queues_have_parked_is_left_alone_until_its_queue_is_named() {
    let shop = shop_with_parked(&["m1", "m2"]).await;
    let at = Timestamp::from_unix_millis(PARKED_AT);
    let messages = &shop.orders.messages;
    let parked = messages.park("order.users", poison("m1"), "other", at);
    parked.await.unwrap();
    let told = |arguments: &[&str]| {
        let of_order = ["parked", arguments[0], "--service", "order"];
        shopctl(shop.data(), &[&of_order[..], &arguments[1..]].concat())
    };

    let shown = told(&["show", "m1"]);
    assert_eq!(
        (shown.code, shown.err.as_str()),
        (
            1,
            "shopctl: order has m1 parked in order.stock and order.users: say which with --queue\n"
        )
    );
    let shown = told(&["show", "m1", "--queue", "order.users"]).json();
    assert_eq!(
        (&shown["queue"], &shown["reason"]),
        (&json!("order.users"), &json!("other"))
    );

    let replayed = told(&["replay", "m1", "m2"]);
    assert_eq!(
        (replayed.code, replayed.err.as_str()),
        (
            1,
            "shopctl: m1 is parked in order.stock and order.users: say which with --queue\n"
        )
    );
    assert_eq!(
        replayed.out.parse::<Value>().unwrap(),
        json!({
            "service": "order", "done": [{"id": "m2", "queue": "order.stock"}], "not_parked": [],
            "queue_required": [{"id": "m1", "queues": ["order.stock", "order.users"]}],
        })
    );
    let discarded = told(&["discard", "m1", "--queue", "order.users"]);
    assert_eq!(discarded.json(), settled(&[("m1", "order.users")]));
    // Only one has it now.
    let discarded = told(&["discard", "m1"]);
    assert_eq!(discarded.json(), settled(&[("m1", "order.stock")]));
    assert_eq!(shopctl(shop.data(), &["parked", "list"]).json(), json!([]));
}

#[tokio::test]
async fn all_of_one_queue_leaves_those_of_the_others() {
    let shop = shop_with_parked(&["m1", "m2"]).await;
    let at = Timestamp::from_unix_millis(PARKED_AT);
    let messages = &shop.orders.messages;
    let parked = messages.park("order.users", poison("m1"), "other", at);
    parked.await.unwrap();
    let discard = ["parked", "discard", "--all", "--service", "order"];
    let of_users = [&discard[..], &["--queue", "order.users"]].concat();
    let discarded = shopctl(shop.data(), &of_users);
    assert_eq!(discarded.json(), settled(&[("m1", "order.users")]));
    let discarded = shopctl(shop.data(), &discard);
    let rest = [("m1", "order.stock"), ("m2", "order.stock")];
    assert_eq!(discarded.json(), settled(&rest));
}

#[tokio::test]
async fn more_messages_than_fit_on_a_page_are_all_listed() {
    let ids: Vec<_> = (0..250).map(|n| format!("m{n:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let shop = shop_with_parked(&ids).await;
    let listed = shopctl(shop.data(), &["parked", "list", "--limit", "230"]).json();
    let listed = listed.as_array().unwrap();
    let listed: Vec<_> = listed.iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(listed, ids[..230]);
}

#[tokio::test]
async fn a_table_is_for_people() {
    let shop = shop_with_parked(&["m1"]).await;
    let listed = shopctl(shop.data(), &["parked", "list", "-o", "table"]);
    assert_eq!(
        listed.out,
        "SERVICE   ID   QUEUE         TYPE                ATTEMPTS   PARKED AT                  REASON\n\
         order     m1   order.stock   stock.reserved.v1   1          2026-11-23T20:06:40.000Z   poison\n"
    );
}

#[tokio::test]
async fn the_outbox_is_told_and_replayed_and_what_the_shop_has_claimed_stays_claimed() {
    let shop = shop().await;
    product(&shop, "MUG").await;
    let first = published(&shop.products.messages).await;
    product(&shop, "CUP").await;
    let lease = Duration::from_mins(1);
    let now = SystemClock.now();
    let messages = &shop.products.messages;
    let claimed = messages.claim(10, lease, now).await.unwrap();
    assert!(!claimed.is_empty());

    let status = shopctl(shop.data(), &["outbox", "status"]).json();
    let counts = status.as_array().unwrap().iter();
    let counts: Vec<_> = counts
        .map(|one| {
            (
                one["service"].as_str().unwrap(),
                one["pending"].as_u64().unwrap(),
            )
        })
        .collect();
    let pending = u64::try_from(claimed.len()).unwrap();
    assert_eq!(
        counts,
        [
            ("user", 0),
            ("product", pending),
            ("order", 0),
            ("notification", 0)
        ]
    );
    let again = messages.claim(10, lease, now).await.unwrap();
    assert_eq!(again, [], "what was claimed stays claimed");

    let arguments = ["outbox", "replay", "--since", "1h", "--service", "product"];
    let replayed = shopctl(shop.data(), &arguments).json();
    assert_eq!(replayed[0]["events"], json!(first.len()));
    let again = messages.claim(10, lease, SystemClock.now()).await.unwrap();
    assert_eq!(again, first, "with the same ids");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let status = shopctl(folder.path(), &["outbox", "status"]);
    assert_eq!(status.code, 1);
    assert_eq!(
        status.err,
        format!(
            "shopctl: the store of user: there is no store {}/user.db; name the file of a shop that was started once\n",
            folder.path().display()
        )
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_url_is_of_one_service_and_its_password_is_never_shown() {
    let mut command = program(&["outbox", "status"]);
    command.env("STORE_URL", "postgres://root:s3cret@127.0.0.1:1/order");
    let status = run(command);
    assert_eq!(status.code, 2);
    assert_eq!(
        status.err,
        "shopctl: STORE_URL names the store of one service; say of which with --service\n"
    );
    let mut command = program(&["outbox", "status", "--service", "order"]);
    command.env("STORE_URL", "postgres://root:s3cret@127.0.0.1:1/order");
    let status = run(command);
    assert_eq!(status.code, 1);
    assert!(
        status.err.contains("127.0.0.1:1/order cannot be reached"),
        "{}",
        status.err
    );
    assert!(!status.err.contains("s3cret"), "{}", status.err);
    assert_eq!(status.err.lines().count(), 1, "{}", status.err);
}

#[tokio::test]
async fn the_doctor_looks_at_the_stores_of_a_shop() {
    let shop = shop_with_parked(&["m1"]).await;
    let looked = shopctl(shop.data(), &["doctor"]);
    let findings = looked.json();
    let findings = findings.as_array().unwrap();
    let warned: Vec<_> = findings.iter().filter(|f| f["verdict"] != "ok").collect();
    assert_eq!(
        warned,
        [&json!({
            "verdict": "warn", "place": "order", "subject": "parked messages",
            "finding": "1 wait for a person; see `shopctl parked list --service order`",
        })]
    );
    assert_eq!(findings.len(), 12, "three of each service");

    std::fs::remove_file(shop.data().join("user.db")).unwrap();
    let looked = shopctl(shop.data(), &["doctor", "--output", "table"]);
    assert_eq!(looked.code, 1);
    assert_eq!(looked.err, "shopctl: 1 check failed\n");
    assert!(looked.out.contains("fail   user"), "{}", looked.out);
}
