//! `GET /api/v1/products`, `/api/v1/categories` and the list for administrators.

use serde_json::json;

use crate::contract::body;
use crate::service::{Service, just, problem, skus, start};

/// Mugs `A` to `E` at 100 to 500 cents, the first of them sold out.
async fn five_mugs() -> Service {
    let service = start().await;
    for (number, sku) in (0_u32..).zip(["A", "B", "C", "D", "E"]) {
        let mut mug = body(sku, i64::from(number + 1) * 100, number);
        mug["title"] = json!(format!("Mug {sku}"));
        mug["attributes"] = json!({"colour": if number < 2 { "sea blue" } else { "red" }});
        service.create(&mug).await;
    }
    service
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next_by_their_link() {
    let service = five_mugs().await;
    for (query, expected) in [
        ("limit=2", [vec!["E", "D"], vec!["C", "B"], vec!["A"]]),
        (
            "limit=2&sort=newest",
            [vec!["E", "D"], vec!["C", "B"], vec!["A"]],
        ),
        (
            "limit=2&sort=price&q=mu",
            [vec!["A", "B"], vec!["C", "D"], vec!["E"]],
        ),
        (
            "limit=2&category=Tests&sort=-price",
            [vec!["E", "D"], vec!["C", "B"], vec!["A"]],
        ),
    ] {
        let mut next = Some(format!("/api/v1/products?{query}"));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let page = service.anonymous.get(&path).await.unwrap();
            seen.push(
                skus(&page)
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            );
            let link = page.header("link").and_then(|link| link.strip_prefix('<'));
            next = link.map(|link| link.split_once('>').unwrap().0.to_owned());
            assert_eq!(next.is_none(), page.body["next_cursor"].is_null());
        }
        assert_eq!(seen, expected, "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let service = five_mugs().await;
    for (query, expected) in [
        ("price_min=200&price_max=400", vec!["D", "C", "B"]),
        ("in_stock=true&price_max=300", vec!["C", "B"]),
        ("in_stock=false", vec!["A"]),
        ("q=mug+c", vec!["C"]),
        ("q=%20", vec!["E", "D", "C", "B", "A"]),
        ("category=Nowhere", vec![]),
        (
            "price_min=0&price_max=18446744073709551615",
            vec!["E", "D", "C", "B", "A"],
        ),
        ("attr.colour=sea%20blue", vec!["B", "A"]),
        ("attr.colour=sea+blue&in_stock=true", vec!["B"]),
        ("sort=price&attr.colour=red&limit=2", vec!["C", "D"]),
        ("attr.size=1", vec![]),
    ] {
        let page = service
            .anonymous
            .get(&format!("/api/v1/products?{query}"))
            .await;
        assert_eq!(skus(&page.unwrap()), expected, "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_to_its_filter() {
    let service = five_mugs().await;
    let keeper = service.keeper();
    let page = keeper.get("/api/v1/products?limit=1").await.unwrap();
    let cursor = page.text("/next_cursor").unwrap();
    for path in [
        format!("/api/v1/products?cursor={cursor}&sort=price"),
        format!("/api/v1/products?cursor={cursor}&q=mug"),
        format!("/api/v1/products?cursor={cursor}&in_stock=true"),
        format!("/api/v1/products?cursor={cursor}&attr.colour=red"),
        format!("/api/v1/admin/products?cursor={cursor}&status=active"),
        format!("/api/v1/products?cursor={cursor}x"),
        "/api/v1/products?cursor=%00".to_owned(),
        "/api/v1/products?cursor=e30".to_owned(),
        "/api/v1/products?cursor=".to_owned(),
    ] {
        let reply = keeper.get(&path).await.unwrap();
        assert_eq!(problem(&reply), just(400, "invalid_cursor"), "{path}");
    }
    let limits = keeper
        .get(&format!("/api/v1/products?cursor={cursor}&limit=3"))
        .await;
    assert_eq!(
        skus(&limits.unwrap()),
        ["D", "C", "B"],
        "another limit is the same list"
    );
    service.stop().await;
}

#[tokio::test]
async fn a_query_that_is_not_one_is_refused() {
    let service = five_mugs().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "sort=title",
        "price_min=a",
        "price_min=-1",
        "price_max=-5",
        "price_max=1e9",
        "price_min=99999999999999999999",
        "in_stock=yes",
        "sku=A",
        "q=a&q=b",
        "attr.a=1&attr.a=2",
        "attr=1",
        "attr.a=1&attr.b=1&attr.c=1&attr.d=1&attr.e=1&attr.f=1&attr.g=1&attr.h=1&attr.i=1",
    ] {
        let reply = service
            .anonymous
            .get(&format!("/api/v1/products?{query}"))
            .await;
        assert_eq!(
            problem(&reply.unwrap()),
            just(400, "invalid_query"),
            "{query}"
        );
    }
    let reply = service
        .keeper()
        .get("/api/v1/admin/products?status=gone")
        .await;
    assert_eq!(problem(&reply.unwrap()), just(400, "invalid_query"));
    service.stop().await;
}

#[tokio::test]
async fn categories_are_listed_with_what_they_hold() {
    let service = five_mugs().await;
    let categories = service.anonymous.get("/api/v1/categories").await;
    let expected = json!({"data": [{"name": "Tests", "products": 5}]});
    assert_eq!(categories.unwrap().expect(200).unwrap().body, expected);
    service.stop().await;
}
