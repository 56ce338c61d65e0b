//! What the API server makes of our definition: what it takes, what it refuses, and with which words.

mod changes;
mod examples;
mod refusals;
mod values;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, Status};
use kube::{Api, Client};
use operator::resource::ShopPlatform;
use serde_json::{Value, json};

use crate::{access, cluster};

/// Platforms of a namespace, as they are written.
fn platforms(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(
        client.clone(),
        namespace,
        &ApiResource::erase::<ShopPlatform>(&()),
    )
}

fn manifest(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "shopplatform.io/v1alpha1",
        "kind": "ShopPlatform",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// As `kubectl apply --server-side` does it.
fn applied() -> PatchParams {
    PatchParams::apply("test").validation_strict()
}

/// What is wrong: fields and sentences, sorted.
fn causes(error: kube::Error) -> Vec<(String, String)> {
    let kube::Error::Api(status) = error else {
        panic!("not refused: {error}");
    };
    let Status {
        details, message, ..
    } = *status;
    let causes = details
        .unwrap_or_else(|| panic!("refused in another way: {message}"))
        .causes;
    let mut causes: Vec<_> = causes
        .into_iter()
        // Said besides where something is no value at all.
        .filter(|cause| {
            !cause
                .message
                .contains("some validation rules were not checked")
        })
        .map(|cause| (cause.field, sentence(&cause.message).to_owned()))
        .collect();
    causes.sort();
    causes
}

/// Without the words that the API server puts before each sentence, and without what it repeats of the value.
fn sentence(message: &str) -> &str {
    let message = message.strip_prefix("Invalid value: ").unwrap_or(message);
    message
        .split_once("\": ")
        .map_or(message, |(_, sentence)| sentence)
}

#[tokio::test]
async fn the_definition_is_established_and_structural() {
    let client = cluster::client().await;
    let definitions = Api::<CustomResourceDefinition>::all(client);
    let definition = definitions
        .get("shopplatforms.shopplatform.io")
        .await
        .unwrap();
    let conditions = definition.status.unwrap().conditions.unwrap();
    let mut conditions: Vec<_> = conditions
        .into_iter()
        .map(|condition| (condition.type_, condition.status))
        .collect();
    conditions.sort();
    let expected =
        ["Established", "NamesAccepted"].map(|name| (name.to_owned(), "True".to_owned()));
    assert_eq!(conditions, expected);
}

#[tokio::test]
async fn an_empty_spec_is_stored_with_defaults_that_no_later_operator_will_regret() {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    let parameters = applied().dry_run();
    let patch = Patch::Apply(manifest("demo", &json!({})));
    let stored = api.patch("demo", &parameters, &patch).await.unwrap();
    let disk = json!({"storage": {"size": "10Gi"}});
    assert_eq!(
        stored.data["spec"],
        json!({
            "profile": "Development",
            "images": {"pullPolicy": "IfNotPresent"},
            "gateway": {"expose": {"type": "ClusterIP"}, "cors": {}},
            "services": {"user": {}, "product": {}, "order": {}, "notification": {}},
            "mongodb": {"mode": "Managed", "managed": disk},
            "postgres": {"mode": "Managed", "managed": disk, "cloudNativePG": disk},
            "rabbitmq": {"mode": "Managed", "managed": disk},
            "notifications": {},
            "payments": {"provider": "Manual"},
            "administrator": {},
            "credentials": {},
            "networkPolicy": {"enabled": true},
            "backup": {},
            "monitoring": {"serviceMonitors": "Auto"},
            "deletionPolicy": "Retain",
            "paused": false,
            "hibernate": false,
        })
    );
}

#[tokio::test]
async fn a_null_is_as_good_as_nothing() {
    let client = cluster::client().await;
    let api = platforms(&client, "default");
    let spec = json!({
        "version": null,
        "mongodb": {"mode": null, "external": null, "managed": {"members": null}},
        "services": null,
    });
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut stored = Vec::new();
    for spec in [spec, json!({})] {
        let platform = serde_json::from_value(manifest("nulls", &spec)).unwrap();
        let created = api.create(&parameters, &platform).await.unwrap();
        stored.push(created.data["spec"].clone());
    }
    assert_eq!(stored[0], stored[1]);
}
