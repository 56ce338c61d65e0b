//! A platform, or its namespace, is deleted: what remains, and who takes it up.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use operator::child::{ChildKey, Kind};
use operator::resource::Phase;
use serde_json::{Value, json};
use testkit::wait;

use crate::cloud_native_pg;
use crate::harness::{Operator, PATIENCE, World, at_rest};

/// What has data, or opens it.
const DATA: [Kind; 2] = [Kind::PersistentVolumeClaim, Kind::Secret];

/// Disks and Secrets, which have all that cannot be made again, with their uids and contents.
async fn data(world: &World) -> BTreeMap<ChildKey, (Option<String>, Value)> {
    let children = world.children("demo").await.into_iter();
    children
        .filter(|(key, _)| DATA.contains(&key.kind))
        .map(|(key, object)| (key, (object.uid(), object.data["data"].clone())))
        .collect()
}

/// Until a platform's children are these and it has no pods.
async fn until_there_are_only(world: &World, remain: &BTreeMap<ChildKey, (Option<String>, Value)>) {
    let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace);
    wait::until_within(PATIENCE, "all else to be gone", || async {
        let pods = pods.list_metadata(&ListParams::default()).await?;
        let children = world.children("demo").await;
        let is_so = pods.items.is_empty() && children.keys().eq(remain.keys());
        Ok(is_so.then_some(()))
    })
    .await
    .unwrap();
}

async fn deleted(policy: &str, while_an_operator_works: bool) {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let spec = json!({"deletionPolicy": policy});
    world.apply("demo", &spec).await;
    world.until_at_rest("demo", &operator.tap).await;
    let before = world.canonical("demo").await;
    let data_before = data(&world).await;
    assert!(data_before.len() > 8, "{:?}", data_before.keys());
    let remain = if policy == "Retain" {
        data_before.clone()
    } else {
        BTreeMap::new()
    };
    let mut operator = Some(operator);
    if !while_an_operator_works && let Some(operator) = operator.take() {
        operator.stop().await;
    }
    world.delete_platform("demo").await;
    until_there_are_only(&world, &remain).await;
    assert_eq!(data(&world).await, remain);

    // Made anew, it has its data again, or begins anew.
    let operator = operator.unwrap_or_else(|| Operator::start(&world));
    world.apply("demo", &spec).await;
    world.until_at_rest("demo", &operator.tap).await;
    let data_after = data(&world).await;
    assert_eq!(world.canonical("demo").await, before);
    if policy == "Retain" {
        assert_eq!(data_after, data_before);
    } else {
        let kept = data_after
            .iter()
            .filter(|(key, after)| data_before.get(key) == Some(after));
        assert_eq!(kept.count(), 0);
    }
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_retained_platform_leaves_its_disks_and_secrets_and_nothing_else() {
    deleted("Retain", true).await;
}

#[tokio::test]
async fn a_retained_platform_leaves_the_same_while_no_operator_works() {
    deleted("Retain", false).await;
}

#[tokio::test]
async fn a_platform_that_is_to_be_deleted_leaves_nothing() {
    deleted("Delete", true).await;
}

#[tokio::test]
async fn a_platform_that_is_to_be_deleted_leaves_nothing_while_no_operator_works() {
    deleted("Delete", false).await;
}

#[tokio::test]
async fn what_remains_is_decided_until_the_end() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = data(&world).await;
    for (policy, owners) in [("Delete", 1), ("Retain", 0), ("Delete", 1)] {
        world
            .apply("demo", &json!({"deletionPolicy": policy}))
            .await;
        world.until_at_rest("demo", &operator.tap).await;
        let children = world.children("demo").await;
        for key in before.keys() {
            assert_eq!(
                children[key].owner_references().len(),
                owners,
                "{key} under {policy}"
            );
        }
        assert_eq!(data(&world).await, before);
    }
    world.delete_platform("demo").await;
    until_there_are_only(&world, &BTreeMap::new()).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn retain_is_kept_also_by_a_platform_whose_spec_is_refused() {
    let (world, operator) = at_rest(&json!({"deletionPolicy": "Delete"})).await;
    let before = data(&world).await;
    let refused = json!({
        "deletionPolicy": "Retain",
        "notifications": {"email": {
            "smtpUrlSecretRef": {"name": "missing", "key": "url"},
            "from": "Shop <shop@example.com>",
        }},
    });
    world.apply("demo", &refused).await;
    world.until_phase("demo", Phase::Failed).await;
    world.until_quiet(&operator.tap).await;
    world.delete_platform("demo").await;
    until_there_are_only(&world, &before).await;
    assert_eq!(data(&world).await, before);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn servers_of_cloudnativepg_that_a_platform_left_are_not_deleted_by_the_next_one() {
    let (plane, world) = World::with_cloud_native_pg().await;
    let operator = Operator::start(&world);
    let by_cloud_native_pg =
        json!({"mode": "CloudNativePG", "cloudNativePG": {"storage": {"size": "1Gi"}}});
    world
        .apply("demo", &json!({"postgres": by_cloud_native_pg}))
        .await;
    let clusters = world.api(Kind::CloudNativePgCluster);
    cloud_native_pg::play(&clusters, "demo-postgres").await;
    world.until_at_rest("demo", &operator.tap).await;
    let before = clusters.get("demo-postgres").await.unwrap();
    world.delete_platform("demo").await;
    let is_left =
        |key: &ChildKey| DATA.contains(&key.kind) || key.kind == Kind::CloudNativePgCluster;
    wait::until_within(PATIENCE, "all else to be gone", || async {
        Ok(world
            .children("demo")
            .await
            .keys()
            .all(is_left)
            .then_some(()))
    })
    .await
    .unwrap();

    world.apply("demo", &json!({})).await;
    world.until_at_rest("demo", &operator.tap).await;
    let after = clusters.get("demo-postgres").await.unwrap();
    assert_eq!(
        (after.uid(), after.metadata.deletion_timestamp),
        (before.uid(), None)
    );
    operator.stop().await;
    plane.remove().await.unwrap();
}

async fn the_namespace_is_deleted(while_an_operator_works: bool) {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply("demo", &json!({})).await;
    world.until_phase("demo", Phase::Ready).await;
    let mut operator = Some(operator);
    if !while_an_operator_works && let Some(operator) = operator.take() {
        operator.stop().await;
    }
    let namespaces = Api::<Namespace>::all(world.client.clone());
    namespaces
        .delete(&world.namespace, &DeleteParams::default())
        .await
        .unwrap();
    wait::until_within(PATIENCE, "the namespace to be gone", || async {
        Ok(namespaces
            .get_opt(&world.namespace)
            .await?
            .is_none()
            .then_some(()))
    })
    .await
    .unwrap();
    if let Some(operator) = operator {
        world.until_quiet(&operator.tap).await;
        operator.stop().await;
    }
}

#[tokio::test]
async fn a_namespace_goes_with_everything_in_it() {
    the_namespace_is_deleted(true).await;
}

#[tokio::test]
async fn a_namespace_goes_with_everything_in_it_while_no_operator_works() {
    the_namespace_is_deleted(false).await;
}
