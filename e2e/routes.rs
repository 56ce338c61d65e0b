//! The gateway's table of routes and what the services describe are the same set of operations.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use testkit::client::send;

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
    let merged = shop
        .stranger()
        .get("/openapi.json")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let merged = described(&merged.body);
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

/// The gateway's own pages.
const OWN: [&str; 2] = ["/healthz", "/openapi.json"];

fn any_service((method, path): &Operation) -> Operation {
    let mut segments: Vec<_> = path.split('/').collect();
    if let Some(place) = segments.iter().position(|segment| *segment == "services") {
        segments[place + 1] = "{}";
    }
    (method.clone(), segments.join("/"))
}
