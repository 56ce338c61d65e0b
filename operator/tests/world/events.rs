//! Kubernetes events: each thing that happens is told once.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use operator::resource::Phase;
use serde_json::{Value, json};
use testkit::kubernetes::ControlPlane;
use testkit::wait;

use crate::harness::{Operator, World, at_rest};
use crate::{access, cluster};

/// Reasons in the order in which they were told first, and how often each was told.
async fn told(world: &World) -> Vec<(String, String, i32)> {
    let events = Api::<Event>::namespaced(world.client.clone(), &world.namespace);
    let mut events = events.list(&ListParams::default()).await.unwrap().items;
    events.retain(|event| {
        event
            .regarding
            .as_ref()
            .is_some_and(|regarding| regarding.kind.as_deref() == Some("ShopPlatform"))
    });
    events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
    let told = |event: Event| {
        let times = event.series.map_or(1, |series| series.count);
        (
            event.type_.unwrap_or_default(),
            event.reason.unwrap_or_default(),
            times,
        )
    };
    events.into_iter().map(told).collect()
}

fn once(type_: &str, reason: &str) -> (String, String, i32) {
    (type_.to_owned(), reason.to_owned(), 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_told_once_also_by_another_operator() {
    let (world, operator) = at_rest(&json!({})).await;
    let made = told(&world).await;
    assert_eq!(made.first(), Some(&once("Normal", "Created")));
    assert_eq!(made.last(), Some(&once("Normal", "Ready")));
    // How often it is seen to wait for a Job, if at all, is a matter of speed.
    for (type_, reason, _) in &made[1..made.len() - 1] {
        assert_eq!(
            (type_.as_str(), reason.as_str()),
            ("Normal", "WaitingForJob")
        );
    }
    operator.stop().await;
    let operator = Operator::start(&world);
    world.touch("demo", "again").await;
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(told(&world).await, made);

    let mail =
        json!({"smtpUrlSecretRef": {"name": "mail", "key": "url"}, "from": "shop@example.com"});
    world
        .apply("demo", &json!({"notifications": {"email": mail}}))
        .await;
    world
        .until("demo", "the Secret to be missed", |status| {
            let mut conditions = status.conditions.iter();
            conditions.any(|condition| condition.reason == "SecretMissing")
        })
        .await;
    world.until_quiet(&operator.tap).await;
    world.touch("demo", "and again").await;
    world.until_quiet(&operator.tap).await;
    let told = told(&world).await;
    assert_eq!(told[made.len()..], [once("Warning", "SecretMissing")]);
    operator.stop().await;
    world.delete().await;
}

/// Changes the definition of platforms, as an older one or a newer one does.
async fn redefine(world: &World, operation: Value) {
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let patch = serde_json::from_value(json!([operation])).unwrap();
    definitions
        .patch(
            "shopplatforms.shopplatform.io",
            &PatchParams::default(),
            &Patch::<()>::Json(patch),
        )
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_is_older_than_the_operator_is_told_in_an_event() {
    let plane = ControlPlane::start_with(&cluster::options()).await.unwrap();
    let world = World::at(access::config_of(plane.access()).await).await;
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/credentials";
    redefine(&world, json!({"op": "remove", "path": field})).await;
    let operator = Operator::start(&world);
    world.apply("demo", &json!({})).await;
    wait::until("the definition to be told of", || async {
        let told = told(&world).await;
        let mut told = told.iter();
        Ok(told
            .any(|(type_, reason, _)| type_ == "Warning" && reason == "DefinitionOutdated")
            .then_some(()))
    })
    .await
    .unwrap();
    let newer = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    redefine(&world, json!({"op": "add", "path": field, "value": newer})).await;
    world.until_phase("demo", Phase::Ready).await;
    operator.stop().await;
    plane.remove().await.unwrap();
}
