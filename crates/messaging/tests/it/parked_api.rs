//! Parked messages over HTTP.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::{DeferredStats, DeferredStore as _, Message, parked_openapi, parked_router};
use serde_json::{Value, json};
use service_kit::http::standard_layers;
use tower::ServiceExt as _;

use crate::fixtures::{Store, clock, messages, now};

const PATH: &str = "/api/v1/admin/services/product/parked-messages";

struct Api {
    store: Store,
    router: Router,
}

impl Api {
    async fn new() -> Self {
        let store = Store::open().await;
        let (router, _) =
            parked_router(store.messages.clone(), clock(), "product").split_for_parts();
        Self {
            store,
            router: standard_layers(router, "product"),
        }
    }

    async fn with_parked(count: u64) -> (Self, Vec<Message>) {
        let api = Self::new().await;
        let messages = messages(usize::try_from(count).unwrap());
        for (message, minute) in messages.iter().zip(0..) {
            let parked_at = now().plus(std::time::Duration::from_mins(minute));
            let parked = api.store.messages.park(
                "product.orders",
                message.clone(),
                "unknown order",
                parked_at,
            );
            parked.await.unwrap();
        }
        (api, messages)
    }

    async fn call(&self, method: Method, path: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (status, body)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path).await
    }

    async fn post(&self, path: &str) -> StatusCode {
        self.call(Method::POST, path).await.0
    }
}

#[tokio::test]
async fn a_parked_message_is_shown_with_its_reason() {
    let (api, messages) = Api::with_parked(1).await;
    let expected = json!({
        "id": messages[0].id,
        "queue": "product.orders",
        "type": "order.cancel_requested.v1",
        "reason": "unknown order",
        "attempts": 1,
        "parked_at": "2026-11-23T20:06:13.000Z",
        "body": messages[0].body,
    });
    let (status, body) = api.get(&format!("{PATH}/{}", messages[0].id)).await;
    assert_eq!((status, body), (StatusCode::OK, expected.clone()));
    let (status, body) = api.get(PATH).await;
    let page = json!({"data": [expected], "next_cursor": null});
    assert_eq!((status, body), (StatusCode::OK, page));
}

#[tokio::test]
async fn the_list_comes_in_pages_oldest_first() {
    let (api, messages) = Api::with_parked(5).await;
    let mut listed = Vec::new();
    let mut path = format!("{PATH}?limit=2");
    loop {
        let (status, body) = api.get(&path).await;
        assert_eq!(status, StatusCode::OK);
        let data = body["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        listed.extend(
            data.iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = body["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=2&cursor={cursor}");
    }
    let expected: Vec<_> = messages.into_iter().map(|message| message.id).collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_bad_cursor_and_a_bad_limit_are_refused() {
    let api = Api::new().await;
    for (query, code) in [
        ("cursor=junk", "invalid_cursor"),
        ("limit=0", "invalid_query"),
        ("limit=101", "invalid_query"),
        ("sort=id", "invalid_query"),
    ] {
        let (status, body) = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_replayed_message_is_due_and_parked_no_more() {
    let (api, messages) = Api::with_parked(1).await;
    let path = format!("{PATH}/{}", messages[0].id);
    assert_eq!(
        api.post(&format!("{path}/replay")).await,
        StatusCode::ACCEPTED
    );
    let due = api.store.messages.due(now(), 9).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].message, due[0].attempts), (&messages[0], 1));
    assert_eq!(api.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        api.post(&format!("{path}/replay")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        api.post(&format!("{path}/discard")).await,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_discarded_message_is_gone() {
    let (api, messages) = Api::with_parked(1).await;
    let path = format!("{PATH}/{}", messages[0].id);
    assert_eq!(
        api.post(&format!("{path}/discard")).await,
        StatusCode::ACCEPTED
    );
    let stats = api.store.messages.deferred_stats().await.unwrap();
    assert_eq!(stats, DeferredStats::default());
    assert_eq!(
        api.post(&format!("{path}/discard")).await,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_message_that_two_queues_have_parked_is_named_with_its_queue() {
    let (api, messages) = Api::with_parked(1).await;
    let [message] = messages.as_slice() else {
        panic!("one was parked");
    };
    let store = &api.store.messages;
    let parked = store.park("product.returns", message.clone(), "unknown return", now());
    parked.await.unwrap();

    let path = format!("{PATH}/{}", message.id);
    let (status, body) = api.get(&path).await;
    let both = json!(["product.orders", "product.returns"]);
    let detail = "Say which one is meant, `?queue=` and one of: product.orders, product.returns";
    assert_eq!(
        (status, &body["code"], &body["queues"], &body["detail"]),
        (
            StatusCode::CONFLICT,
            &json!("queue_required"),
            &both,
            &json!(detail)
        )
    );
    for verb in ["replay", "discard"] {
        let status = api.post(&format!("{path}/{verb}")).await;
        assert_eq!(status, StatusCode::CONFLICT);
    }
    assert_eq!(store.parked_in(&message.id).await.unwrap().len(), 2);

    let returns = |rest| format!("{path}{rest}?queue=product.returns");
    let (status, body) = api.get(&returns("")).await;
    assert_eq!(
        (status, &body["queue"], &body["reason"]),
        (
            StatusCode::OK,
            &json!("product.returns"),
            &json!("unknown return")
        )
    );
    assert_eq!(api.post(&returns("/discard")).await, StatusCode::ACCEPTED);
    assert_eq!(api.post(&returns("/discard")).await, StatusCode::NOT_FOUND);
    assert_eq!(api.post(&returns("/replay")).await, StatusCode::NOT_FOUND);
    assert_eq!(api.get(&returns("")).await.0, StatusCode::NOT_FOUND);
    // Only one has it now: its id alone names it.
    let (status, body) = api.get(&path).await;
    assert_eq!(
        (status, &body["queue"]),
        (StatusCode::OK, &json!("product.orders"))
    );
    let replay = format!("{path}/replay?queue=product.orders");
    assert_eq!(api.post(&replay).await, StatusCode::ACCEPTED);
    let due = store.due(now(), 9).await.unwrap();
    let due: Vec<_> = due.iter().map(|due| due.queue.as_str()).collect();
    assert_eq!(due, ["product.orders"]);
}

#[tokio::test]
async fn another_services_messages_are_not_here() {
    let (api, messages) = Api::with_parked(1).await;
    let elsewhere = "/api/v1/admin/services/order/parked-messages";
    let one = format!("{elsewhere}/{}", messages[0].id);
    assert_eq!(api.get(elsewhere).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.get(&one).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        api.post(&format!("{one}/replay")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        api.post(&format!("{one}/discard")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        api.get(&format!("{PATH}/evt_unknown")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn the_routes_are_described() {
    let paths: Vec<_> = parked_openapi().paths.paths.into_keys().collect();
    let base = "/api/v1/admin/services/{service}/parked-messages";
    assert_eq!(
        paths,
        [
            base.to_owned(),
            format!("{base}/{{id}}"),
            format!("{base}/{{id}}/discard"),
            format!("{base}/{{id}}/replay"),
        ]
    );
}
