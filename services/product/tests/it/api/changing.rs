//! `PATCH` and `DELETE /api/v1/admin/products/{id}`.

use serde_json::json;

use crate::service::{delete, just, patch, problem, start};

#[tokio::test]
async fn a_change_needs_the_tag_that_was_read() {
    let service = start().await;
    let keeper = service.keeper();
    let product = service.product("A", 1).await;
    let path = format!("/api/v1/admin/products/{}", product["id"].as_str().unwrap());
    let title = json!({"title": "New"});
    let absent = patch(&keeper, &path, None, &title).await;
    assert_eq!(problem(&absent), just(428, "precondition_required"));
    for tag in ["\"2-in\"", "\"x\"", "1", "W/\"1-in\""] {
        let stale = patch(&keeper, &path, Some(tag), &title).await;
        assert_eq!(problem(&stale), just(412, "precondition_failed"), "{tag}");
    }
    let read = keeper.get(&path).await.unwrap();
    let tag = read.header("etag").unwrap();
    let changed = patch(&keeper, &path, Some(tag), &title).await.expect(200);
    let changed = changed.unwrap();
    assert_eq!(
        (
            changed.text("/title").unwrap(),
            changed.number("/version").unwrap()
        ),
        ("New", 2)
    );
    let again = patch(&keeper, &path, Some(tag), &title).await;
    assert_eq!(problem(&again), just(412, "precondition_failed"));
    let next = changed.header("etag").unwrap();
    let back = patch(&keeper, &path, Some(next), &json!({"category": null})).await;
    assert_eq!(back.expect(200).unwrap().body["category"], json!(null));
    service.stop().await;
}

#[tokio::test]
async fn a_sale_between_reading_and_changing_does_not_make_the_tag_stale() {
    let service = start().await;
    let keeper = service.keeper();
    let product = service.product("A", 1).await;
    let path = format!("/api/v1/admin/products/{}", product["id"].as_str().unwrap());
    let read = keeper.get(&path).await.unwrap();
    let sold = crate::service::adjust(&keeper, "A", "k", -1).await;
    sold.expect(201).unwrap();
    let tag = read.header("etag").unwrap();
    let changed = patch(&keeper, &path, Some(tag), &json!({"title": "New"})).await;
    assert_eq!(changed.expect(200).unwrap().body["in_stock"], false);
    service.stop().await;
}

#[tokio::test]
async fn an_archived_product_is_gone_for_customers_and_there_for_its_keepers() {
    let service = start().await;
    let keeper = service.keeper();
    let product = service.product("A", 1).await;
    let id = product["id"].as_str().unwrap();
    let path = format!("/api/v1/admin/products/{id}");
    let absent = delete(&keeper, &path, None).await;
    assert_eq!(problem(&absent), just(428, "precondition_required"));
    let stale = delete(&keeper, &path, Some("\"9\"")).await;
    assert_eq!(problem(&stale), just(412, "precondition_failed"));
    delete(&keeper, &path, Some("\"1-in\""))
        .await
        .expect(204)
        .unwrap();

    for public in [
        format!("/api/v1/products/{id}"),
        "/api/v1/products/the-a".to_owned(),
    ] {
        let reply = service.anonymous.get(&public).await.unwrap();
        assert_eq!(problem(&reply), just(404, "not_found"));
    }
    let list = service.anonymous.get("/api/v1/products").await.unwrap();
    assert_eq!(list.body["data"], json!([]));
    let archived = keeper.get("/api/v1/admin/products?status=archived").await;
    let archived = archived.unwrap();
    assert_eq!(archived.body["data"][0]["id"], id);
    assert_eq!(archived.body["data"][0]["status"], "archived");
    let active = keeper.get("/api/v1/admin/products?status=active").await;
    assert_eq!(active.unwrap().body["data"], json!([]));
    let taken = keeper
        .post("/api/v1/admin/products", &crate::contract::body("A", 1, 0))
        .await;
    assert_eq!(taken.unwrap().body["code"], "sku_taken");
    let back = patch(&keeper, &path, Some("\"2\""), &json!({"status": "active"})).await;
    back.expect(200).unwrap();
    let public = service.anonymous.get("/api/v1/products/the-a").await;
    public.unwrap().expect(200).unwrap();
    service.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_changed() {
    let service = start().await;
    let keeper = service.keeper();
    let unknown = "prd_019abcde0000700080000000000000ff";
    for id in [
        unknown,
        "prd_1",
        "A",
        "ord_019abcde0000700080000000000000ff",
    ] {
        let path = format!("/api/v1/admin/products/{id}");
        let changed = patch(&keeper, &path, Some("\"1\""), &json!({"title": "x"})).await;
        assert_eq!(problem(&changed), just(404, "not_found"), "{id}");
        let gone = delete(&keeper, &path, Some("*")).await;
        assert_eq!(problem(&gone), just(404, "not_found"), "{id}");
    }
    service.stop().await;
}
