//! A child of every kind is deleted by somebody else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::json;
use testkit::wait;

use super::with_every_kind;
use crate::harness::{Operator, World, at_rest};

/// Deletes it and waits for another one of that name. Returns how it is.
async fn replaced(world: &World, kind: Kind, name: &str) {
    let api = world.api(kind);
    let before = api.get(name).await.unwrap();
    api.delete(name, &DeleteParams::background()).await.unwrap();
    let what = format!("another {kind} {name}");
    wait::until(&what, || async {
        let after = api.get_opt(name).await?;
        Ok(after.filter(|after| after.uid() != before.uid()).map(drop))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn whatever_is_deleted_is_made_again() {
    let (world, operator) = at_rest(&with_every_kind()).await;
    let before = world.canonical("demo").await;
    let mut one_of_each = BTreeMap::new();
    for key in world.children("demo").await.into_keys() {
        one_of_each.insert(key.kind, key.name);
    }
    // After that of a service all have new passwords, and settings of other names: see `credentials::lost`.
    one_of_each.insert(Kind::Secret, "demo-administrator".to_owned());
    // It is in use until its pod is gone.
    let disk = one_of_each.remove(&Kind::PersistentVolumeClaim).unwrap();
    assert!(one_of_each.len() > 10, "{one_of_each:?}");
    for (kind, name) in &one_of_each {
        replaced(&world, *kind, name).await;
    }
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(world.canonical("demo").await, before);

    let disks = world.api(Kind::PersistentVolumeClaim);
    let lost = disks.get(&disk).await.unwrap();
    disks.delete(&disk, &DeleteParams::default()).await.unwrap();
    let status = world
        .until("demo", "the deletion to be told", |status| {
            status.phase != Phase::Ready
        })
        .await;
    let told = status.message.unwrap();
    assert!(
        told.contains(&disk) && told.contains("still being deleted"),
        "{told}"
    );
    // A person stops its server, as the message says.
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace);
    let pod = disk.strip_prefix("data-").unwrap();
    wait::until("another disk", || async {
        let found = pods.list(&ListParams::default()).await?;
        if found.items.iter().any(|found| found.name_any() == pod) {
            let _ = pods.delete(pod, &DeleteParams::default()).await;
        }
        let disk = disks.get_opt(&disk).await?;
        Ok(disk.filter(|disk| disk.uid() != lost.uid()).map(drop))
    })
    .await
    .unwrap();
    world.until_phase("demo", Phase::Ready).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn what_is_deleted_while_no_operator_works_is_made_by_the_next_one() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.canonical("demo").await;
    operator.stop().await;
    for (kind, name) in [
        (Kind::Service, "demo-order"),
        (Kind::Deployment, "demo-order"),
    ] {
        world
            .api(kind)
            .delete(name, &DeleteParams::background())
            .await
            .unwrap();
    }
    let operator = Operator::start(&world);
    wait::until("both", || async {
        let service = world.api(Kind::Service).get_opt("demo-order").await?;
        let deployment = world.api(Kind::Deployment).get_opt("demo-order").await?;
        Ok((service.is_some() && deployment.is_some()).then_some(()))
    })
    .await
    .unwrap();
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(world.canonical("demo").await, before);
    operator.stop().await;
    world.delete().await;
}
