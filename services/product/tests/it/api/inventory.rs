//! `/api/v1/admin/inventory/{sku}` and its adjustments.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::service::{adjust, fields, just, problem, start};

const STOCK: &str = "/api/v1/admin/inventory/A";
const ADJUSTMENTS: &str = "/api/v1/admin/inventory/A/adjustments";

#[tokio::test]
async fn stock_is_read_and_adjusted_and_its_history_kept() {
    let service = start().await;
    let keeper = service.keeper();
    service.product("A", 3).await;
    let stock = |received: i64, available: i64, version: i64| json!({"sku": "A", "received": received, "available": available, "reserved": 0, "sold": 0, "version": version});
    let read = keeper.get(STOCK).await.unwrap().expect(200).unwrap();
    assert_eq!(read.body, stock(3, 3, 2));

    let added = adjust(&keeper, "A", "k1", 4).await.expect(201).unwrap();
    let id = added.text("/id").unwrap().to_owned();
    let mut expected = stock(7, 7, 3);
    expected["id"] = json!(id);
    assert_eq!(added.body, expected);
    let again = adjust(&keeper, "A", "k1", 4).await.expect(201).unwrap();
    assert_eq!(again.body, expected);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let reused = adjust(&keeper, "A", "k1", 5).await;
    assert_eq!(problem(&reused), just(422, "idempotency_key_reused"));

    let short = adjust(&keeper, "A", "k2", -8).await;
    assert_eq!(problem(&short), just(409, "would_go_negative"));
    service.clock.advance(std::time::Duration::from_secs(1));
    adjust(&keeper, "A", "k3", -7).await.expect(201).unwrap();
    let tag = read.header("etag").unwrap().to_owned();
    let now = send(
        keeper
            .request(Method::GET, STOCK)
            .header("if-none-match", tag),
    )
    .await;
    let now = now.unwrap().expect(200).unwrap();
    assert_eq!(now.body, stock(0, 0, 4));
    let tag = now.header("etag").unwrap();
    let same = send(
        keeper
            .request(Method::GET, STOCK)
            .header("if-none-match", tag),
    )
    .await;
    assert_eq!(same.unwrap().status, 304);

    let history = keeper.get(&format!("{ADJUSTMENTS}?limit=2")).await;
    let history = history.unwrap().expect(200).unwrap();
    let quantities = |page: &Value| {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["quantity"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(quantities(&history.body), [-7, 4]);
    assert_eq!(history.body["data"][1]["id"], id);
    assert_eq!(history.body["data"][1]["reason"], "counted");
    let cursor = history.text("/next_cursor").unwrap();
    let rest = keeper.get(&format!("{ADJUSTMENTS}?cursor={cursor}")).await;
    let rest = rest.unwrap();
    assert_eq!(quantities(&rest.body), [3]);
    assert_eq!(rest.body["data"][0]["reason"], "initial stock");
    service.product("B", 0).await;
    let foreign = format!("/api/v1/admin/inventory/B/adjustments?cursor={cursor}");
    let foreign = keeper.get(&foreign).await.unwrap();
    assert_eq!(problem(&foreign), just(400, "invalid_cursor"));
    service.stop().await;
}

#[tokio::test]
async fn an_adjustment_that_is_not_one_is_refused() {
    let service = start().await;
    let keeper = service.keeper();
    service.product("A", 3).await;
    let absent = keeper
        .post(ADJUSTMENTS, &json!({"quantity": 1, "reason": "x"}))
        .await;
    assert_eq!(
        problem(&absent.unwrap()),
        just(400, "idempotency_key_required")
    );
    for (body, pointer) in [
        (json!({"quantity": 0, "reason": "x"}), "/quantity"),
        (
            json!({"quantity": 1_000_000_001, "reason": "x"}),
            "/quantity",
        ),
        (
            json!({"quantity": -1_000_000_001, "reason": "x"}),
            "/quantity",
        ),
        (json!({"quantity": i64::MIN, "reason": "x"}), "/quantity"),
        (json!({"quantity": 1e30, "reason": "x"}), "/quantity"),
        (json!({"quantity": 1.5, "reason": "x"}), "/quantity"),
        (json!({"quantity": "1", "reason": "x"}), "/quantity"),
        (json!({"reason": "x"}), "/quantity"),
        (json!({"quantity": 1, "reason": " "}), "/reason"),
        (json!({"quantity": 1, "reason": "x".repeat(501)}), "/reason"),
        (json!({"quantity": 1, "reason": "a\u{0}b"}), "/reason"),
        (json!({"quantity": 1}), "/reason"),
        (json!({"quantity": 1, "reason": "x", "sku": "B"}), "/sku"),
    ] {
        let reply = keeper.post_once(ADJUSTMENTS, "k", &body).await.unwrap();
        let refusal = fields(422, "invalid_request", &[pointer]);
        assert_eq!(problem(&reply), refusal, "{body}");
    }
    for sku in ["NONE", "a%20b", "%2e%2e"] {
        let reply = adjust(&keeper, sku, "k", 1).await;
        assert_eq!(reply.status, 404, "{sku}");
    }
    let unknown = keeper.get("/api/v1/admin/inventory/NONE/adjustments").await;
    assert_eq!(problem(&unknown.unwrap()), just(404, "not_found"));
    let stock = keeper.get(STOCK).await.unwrap();
    assert_eq!(stock.number("/received").unwrap(), 3);
    service.stop().await;
}
