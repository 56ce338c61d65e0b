//! What a changed spec does not want any more, and what was never the operator's to delete.

use std::collections::BTreeSet;

use kube::api::{DynamicObject, PostParams};
use operator::child::Kind;
use serde_json::json;
use testkit::wait;

use super::Tended;
use crate::harness::{PATIENCE, World, at_rest};

async fn until_gone(world: &World, kind: Kind, name: &str) {
    let api = world.api(kind);
    wait::until_within(PATIENCE, &format!("{kind} {name} to be gone"), || async {
        let found = api.get_opt(name).await?;
        Ok(found.is_none().then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn autoscalers_policies_and_ways_in_go_though_a_job_gets_nowhere() {
    let world = Tended::new().await;
    let before = json!({
        "gateway": {"expose": {"type": "Ingress", "host": "shop.example"}},
        "services": {"order": {"autoscaling": {"minReplicas": 2, "maxReplicas": 10}}},
    });
    world.apply("demo", &before).await;
    world.until_good("demo").await;

    let stuck = json!({
        "images": {"overrides": {"user": "registry.example/user:crashing"}},
        "networkPolicy": {"enabled": false},
        "services": {"order": {"replicas": 1}},
    });
    world.apply("demo", &stuck).await;
    until_gone(&world, Kind::HorizontalPodAutoscaler, "demo-order").await;
    until_gone(&world, Kind::NetworkPolicy, "demo-gateway").await;
    until_gone(&world, Kind::Ingress, "demo-gateway").await;
    world
        .until_is(Kind::Deployment, "demo-order", "one replica", |order| {
            order["spec"]["replicas"] == 1
        })
        .await;
    world
        .until("demo", "the Job that gets nowhere to be told", |status| {
            let message = status.message.as_deref().unwrap_or_default();
            message.contains("CrashLoopBackOff")
        })
        .await;
    world.delete().await;
}

#[tokio::test]
async fn a_job_is_not_at_work_beside_the_one_that_takes_its_place() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    world.until_good("demo").await;
    let mut jobs = BTreeSet::new();
    for image in ["first:unready", "second:unready"] {
        let spec = json!({"images": {"overrides": {"order": image}}});
        world.apply("demo", &spec).await;
        // It begins, and never ends.
        let what = format!("the Job of {image} alone");
        let job = wait::until_within(PATIENCE, &what, || async {
            let children = world.children("demo").await;
            let at_work: Vec<_> = children
                .iter()
                .filter(|(key, job)| {
                    key.kind == Kind::Job && job.data["status"]["completionTime"].is_null()
                })
                .collect();
            let [(key, job)] = at_work.as_slice() else {
                return Ok(None);
            };
            let has_it = job.data["spec"]["template"]["spec"]["containers"][0]["image"] == image;
            Ok(has_it.then(|| key.name.clone()))
        });
        jobs.insert(job.await.unwrap());
    }
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    world.delete().await;
}

/// With our label and nobody who owns it.
async fn label(world: &World, kind: Kind, name: &str) {
    let resource = kind.api_resource();
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "labels": {"shopplatform.io/platform": "demo"}},
    }))
    .unwrap();
    let api = world.api(kind);
    api.create(&PostParams::default(), &object).await.unwrap();
}

#[tokio::test]
async fn what_an_earlier_platform_left_and_what_people_label_is_never_deleted() {
    let (world, operator) = at_rest(&json!({})).await;
    let left = [
        (Kind::Secret, "demo-postgres-root-copy"),
        (Kind::Secret, "copy-of-demo-order-credentials-1"),
        (Kind::ConfigMap, "notes"),
    ];
    for (kind, name) in left {
        label(&world, kind, name).await;
    }
    // Of a service that is not there: this is the operator's to delete.
    label(&world, Kind::Secret, "demo-gone-credentials-1").await;
    world
        .apply("demo", &json!({"networkPolicy": {"enabled": false}}))
        .await;
    until_gone(&world, Kind::NetworkPolicy, "demo-gateway").await;
    until_gone(&world, Kind::Secret, "demo-gone-credentials-1").await;
    world.until_at_rest("demo", &operator.tap).await;
    for (kind, name) in left {
        world.api(kind).get(name).await.unwrap();
    }
    operator.stop().await;
    world.delete().await;
}
