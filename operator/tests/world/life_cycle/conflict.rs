//! Objects of our names that are not ours, and neighbours.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::{Value, json};

use crate::harness::{Operator, World, is};

/// Objects of somebody else, with names that the platform `demo` wants.
fn of_somebody_else() -> [(Kind, Value); 3] {
    [
        (
            Kind::Service,
            json!({"metadata": {"name": "demo-order"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "mine"}}}),
        ),
        (
            Kind::Secret,
            json!({"metadata": {"name": "demo-postgres-root"}, "stringData": {"password": "mine"}}),
        ),
        (
            Kind::PersistentVolumeClaim,
            json!({
                "metadata": {"name": "data-demo-rabbitmq-0"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }),
        ),
    ]
}

#[tokio::test]
async fn an_object_of_somebody_else_is_told_and_stays_as_it_is() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    for (kind, object) in of_somebody_else() {
        let mut object = object;
        object["apiVersion"] = json!("v1");
        object["kind"] = json!(kind.api_resource().kind);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        world
            .api(kind)
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }
    world.apply("demo", &json!({})).await;
    for (kind, object) in of_somebody_else() {
        let name = object["metadata"]["name"].as_str().unwrap();
        let what = format!("the conflict about {name} to be told");
        let status = world
            .until("demo", &what, |status| {
                is(status, "Reconciled", ("False", "Conflict"))
            })
            .await;
        assert_eq!(status.phase, Phase::Failed);
        let found = world.api(kind).get(name).await.unwrap();
        let managers: Vec<_> = found
            .managed_fields()
            .iter()
            .filter_map(|entry| entry.manager.clone())
            .collect();
        assert!(
            !managers
                .iter()
                .any(|manager| manager == operator::names::FIELD_MANAGER),
            "{name} was written by {managers:?}"
        );
        world
            .api(kind)
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }
    world.until_at_rest("demo", &operator.tap).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn two_platforms_of_a_namespace_have_nothing_in_common() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    // The longer name begins with the shorter one.
    world.apply("demo", &json!({})).await;
    world
        .apply("demo-b", &json!({"deletionPolicy": "Delete"}))
        .await;
    world.until_at_rest("demo", &operator.tap).await;
    world.until_at_rest("demo-b", &operator.tap).await;
    let (first, second) = (world.versions("demo").await, world.versions("demo-b").await);
    assert_eq!(first.len(), second.len());
    assert!(first.keys().all(|key| !second.contains_key(key)));
    let mark = operator.tap.mark();
    world.delete_platform("demo-b").await;
    testkit::wait::until("the second one to be gone", || async {
        Ok(world.children("demo-b").await.is_empty().then_some(()))
    })
    .await
    .unwrap();
    world.note("demo", 91).await;
    world.until_quiet(&operator.tap).await;
    assert_eq!(world.versions("demo").await, first);
    let writes = operator.tap.writes_since(mark);
    assert!(
        writes
            .iter()
            .all(|asked| asked.resource == "shopplatforms/status"),
        "{writes:?}"
    );
    operator.stop().await;
    world.delete().await;
}
