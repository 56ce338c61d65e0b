//! What others have in a child.

use kube::api::{DynamicObject, Patch, PatchParams};
use operator::child::Kind;
use serde_json::{Value, json};
use testkit::wait;

use crate::harness::{Operator, at_rest};

/// What a mesh, a scanner and a controller put into objects.
fn injected() -> [(Kind, &'static str, Value); 4] {
    let metadata = json!({
        "labels": {"mesh.example/revision": "7"},
        "annotations": {"scanner.example/result": "clean"},
        "finalizers": ["example.com/protected"],
    });
    [
        (
            Kind::Deployment,
            "demo-order",
            json!({
                "metadata": metadata,
                "spec": {"template": {
                    "metadata": {"annotations": {"mesh.example/inject": "true"}},
                    "spec": {"tolerations": [{"key": "spot", "operator": "Exists"}]},
                }},
            }),
        ),
        (
            Kind::StatefulSet,
            "demo-postgres",
            json!({"metadata": metadata, "spec": {"minReadySeconds": 1}}),
        ),
        (
            Kind::Service,
            "demo-gateway",
            json!({"metadata": metadata, "spec": {"externalIPs": ["192.0.2.1"]}}),
        ),
        (
            Kind::ServiceAccount,
            "demo-order",
            json!({"metadata": metadata}),
        ),
    ]
}

/// Whether all that is in `part` is in `whole` too.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        Value::Array(items) => items.iter().all(|part| {
            let whole = whole.as_array().into_iter().flatten();
            whole.clone().any(|whole| contains(whole, part))
        }),
        other => whole == other,
    }
}

#[tokio::test]
async fn fields_of_others_stay_through_repairs_changes_and_another_operator() {
    let (world, operator) = at_rest(&json!({})).await;
    for (kind, name, patch) in injected() {
        let mut patch = patch;
        patch["apiVersion"] = json!(kind.api_resource().api_version);
        patch["kind"] = json!(kind.api_resource().kind);
        let parameters = PatchParams::apply("injector");
        world
            .api(kind)
            .patch(name, &parameters, &Patch::Apply(&patch))
            .await
            .unwrap();
    }
    world.until_at_rest("demo", &operator.tap).await;
    let all_are_there = async |when: &str| {
        for (kind, name, patch) in injected() {
            let object: DynamicObject = world.api(kind).get(name).await.unwrap();
            assert!(
                contains(&json!(object), &patch),
                "{kind} {name} after {when}: {object:#?}"
            );
        }
    };
    all_are_there("the injection").await;

    // Each is applied again, because one of our fields was changed.
    for (kind, name, _) in injected() {
        let part_of = json!({"metadata": {"labels": {"app.kubernetes.io/part-of": "mine"}}});
        let api = world.api(kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(&part_of))
            .await
            .unwrap();
        wait::until("the repair", || async {
            let labels = api.get(name).await?.metadata.labels.unwrap_or_default();
            let part_of = labels.get("app.kubernetes.io/part-of");
            Ok((part_of.map(String::as_str) == Some("shop-platform")).then_some(()))
        })
        .await
        .unwrap();
    }
    world.until_at_rest("demo", &operator.tap).await;
    all_are_there("a repair").await;

    world
        .apply("demo", &json!({"images": {"tag": "0.1.0-7"}}))
        .await;
    world.until_at_rest("demo", &operator.tap).await;
    all_are_there("a change of the spec").await;
    operator.stop().await;

    let operator = Operator::start(&world);
    world.note("demo", 91).await;
    world.until_at_rest("demo", &operator.tap).await;
    all_are_there("another operator").await;

    for (kind, name, _) in injected() {
        let none = json!({"metadata": {"finalizers": null}});
        world
            .api(kind)
            .patch(name, &PatchParams::default(), &Patch::Merge(&none))
            .await
            .unwrap();
    }
    operator.stop().await;
    world.delete().await;
}
