//! The gateway's table of routes and what the services describe are the same set of operations.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;
use testkit::wait;

use crate::shop::{Shop, harness};

/// Method and path, with every parameter written `{}`.
type Operation = (String, String);

fn operation(method: &str, path: &str) -> Operation {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            "{}"
        } else {
            segment
        }
    });
    (
        method.to_uppercase(),
        segments.collect::<Vec<_>>().join("/"),
    )
}

/// The description that the gateway makes of those of all services, which it asks for after its start.
async fn whole_description(shop: &Shop) -> Value {
    let client = shop.stranger();
    wait::until("the description to be whole", || async {
        let document = client.get("/openapi.json").await?.expect(200)?.body;
        let is_whole = document["info"]["x-missing-services"] == json!([]);
        Ok(is_whole.then_some(document))
    })
    .await
    .unwrap()
}

/// What a service says it does.
fn described(document: &Value) -> BTreeSet<Operation> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| operation(method, path))
        })
        .collect()
}

/// What the gateway lets through, without those routes that stand for a whole family of paths.
fn routed() -> BTreeSet<Operation> {
    let table = include_str!("../services/gateway/src/routes/default.yaml");
    let table: Value = serde_yaml::from_str(table).unwrap();
    let routes = table["routes"].as_array().unwrap();
    routes
        .iter()
        .filter(|route| !route["path"].as_str().unwrap().contains("{*"))
        .flat_map(|route| {
            let methods = route["methods"].as_array().unwrap();
            methods
                .iter()
                .map(|method| operation(method.as_str().unwrap(), route["path"].as_str().unwrap()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_a_service_has_a_route_and_every_route_an_operation() {
    let shop = Shop::start(harness()).await.unwrap();
    let mut all = BTreeSet::new();
    for service in ["user", "product", "order", "notification"] {
        let direct = shop.stranger().at(shop.run.address(service).unwrap());
        let document = direct
            .get("/openapi.json")
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        all.extend(described(&document.body));
    }
    let unknown: Vec<_> = routed().difference(&all).cloned().collect();
    assert_eq!(unknown, [], "routes that no service answers");

    // The gateway names the service in the paths of parked messages, and adds its own pages.
    let merged = described(&whole_description(&shop).await);
    let of_services: BTreeSet<_> = merged
        .iter()
        .filter(|(_, path)| !OWN.contains(&path.as_str()))
        .map(any_service)
        .collect();
    assert_eq!(of_services, all);
    for (method, path) in merged {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = send(
            shop.stranger()
                .request(method.clone(), &path.replace("{}", "x")),
        )
        .await
        .unwrap();
        let code = reply.body["code"].as_str().unwrap_or_default();
        assert!(
            !matches!(code, "route_not_found" | "method_not_allowed"),
            "{method} {path}: {}",
            reply.body
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_merged_description_is_whole() {
    let shop = Shop::start(harness()).await.unwrap();
    let document = whole_description(&shop).await;
    let mut flaws = Vec::new();
    dangling(&document, &document, &mut flaws);
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            if !ids.insert(operation["operationId"].as_str().unwrap()) {
                flaws.push(format!("{name} shares its operation id"));
            }
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                if response["description"].as_str().is_none_or(str::is_empty) {
                    flaws.push(format!("{name} does not say what {status} means"));
                }
            }
            let text = |status: &str| {
                responses
                    .get(status)
                    .and_then(|it| it["description"].as_str())
            };
            let asks = text("401").is_some_and(|codes| codes.contains("`token_missing`"));
            if asks == operation["security"].is_null() {
                flaws.push(format!(
                    "{name} asks for a token and does not say so, or the reverse"
                ));
            }
            let away = text("503").is_some_and(|codes| codes.contains("`upstream_unavailable`"));
            if !away && !OWN.contains(&path.as_str()) {
                flaws.push(format!("{name} leaves out what the gateway answers"));
            }
        }
    }
    assert_eq!(flaws, Vec::<String>::new());
}

/// Finds references to what is not in the document.
fn dangling(value: &Value, document: &Value, flaws: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            if let Some(reference) = entries.get("$ref").and_then(Value::as_str)
                && document
                    .pointer(reference.trim_start_matches('#'))
                    .is_none()
            {
                flaws.push(format!("{reference} is not there"));
            }
            for value in entries.values() {
                dangling(value, document, flaws);
            }
        }
        Value::Array(items) => {
            for value in items {
                dangling(value, document, flaws);
            }
        }
        _ => {}
    }
}

/// The gateway's own pages.
const OWN: [&str; 2] = ["/healthz", "/openapi.json"];

fn any_service((method, path): &Operation) -> Operation {
    let mut segments: Vec<_> = path.split('/').collect();
    if let Some(place) = segments.iter().position(|segment| *segment == "services") {
        segments[place + 1] = "{}";
    }
    (method.clone(), segments.join("/"))
}
