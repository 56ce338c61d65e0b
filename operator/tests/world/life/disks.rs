//! Disks that are to grow.

use std::time::{Duration, Instant};

use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{Patch, PatchParams};
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::{Value, json};

use super::Tended;
use crate::harness::{World, condition};

/// A class of its own: whether disks of it can grow is changed.
async fn class(world: &World, grows: bool) -> String {
    let name = format!("{}-class", world.namespace);
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "fake.shopplatform.io",
        "allowVolumeExpansion": grows,
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    let classes = Api::<StorageClass>::all(world.client.clone());
    let parameters = PatchParams::apply("test").force();
    classes
        .patch(&name, &parameters, &Patch::Apply(class))
        .await
        .unwrap();
    name
}

fn capacity(disk: &Value) -> &Value {
    &disk["status"]["capacity"]["storage"]
}

#[tokio::test]
async fn a_disk_whose_class_does_not_let_it_grow_is_told_and_all_else_is_done() {
    let world = Tended::new().await;
    let class_name = class(&world, false).await;
    let spec = |size: &str, replicas: i32| {
        json!({
            "postgres": {"managed": {"storage": {"size": size, "className": class_name}}},
            "mongodb": {"managed": {"storage": {"size": size}}},
            "services": {"order": {"replicas": replicas, "env": [{"name": "SIZE", "value": size}]}},
        })
    };
    world.apply("demo", &spec("1Gi", 1)).await;
    let before = world.until_good("demo").await.last_good;

    let begun = Instant::now();
    world.apply("demo", &spec("2Gi", 2)).await;
    let status = world
        .until("demo", "the disk to be told", |status| {
            status.phase == Phase::Degraded
        })
        .await;
    let took = begun.elapsed();
    println!("told after {took:?}");
    // Ten seconds on a machine that has the time; here other tests and builds may have the processors.
    assert!(took < Duration::from_secs(30), "told after {took:?}");
    let (reconciled, reason, message) = condition(&status, "Reconciled");
    assert_eq!((reconciled, reason), ("False", "StorageNotExpandable"));
    assert_eq!(
        message,
        format!(
            "PersistentVolumeClaim data-demo-postgres-0: it stays at 1Gi, for its storage class {class_name} does not let disks \
             grow: have the class allow it (allowVolumeExpansion: true) if its driver can; if not, make a new platform with \
             another class and move the data"
        )
    );
    let (ready, _, _) = condition(&status, "Ready");
    assert_eq!(ready, "False");
    let status = world
        .until("demo", "another release to be kept", |status| {
            status.last_good.is_some() && status.last_good != before
        })
        .await;
    assert_eq!(status.phase, Phase::Degraded);
    world
        .until_is(Kind::Deployment, "demo-order", "two orders", |order| {
            order["status"]["readyReplicas"] == 2
        })
        .await;
    let disks = Kind::PersistentVolumeClaim;
    let grown = |disk: &Value| capacity(disk) == "2Gi";
    world
        .until_is(disks, "data-demo-mongodb-0", "the other disk", grown)
        .await;
    let stays = world.get(disks, "data-demo-postgres-0").await;
    assert_eq!(stays["spec"]["resources"]["requests"]["storage"], "1Gi");

    class(&world, true).await;
    // It is looked at again later and later; something to look at makes it sooner.
    let touched = json!({"metadata": {"labels": {"example.com/touched": "true"}}});
    world.merge(Kind::Service, "demo-order", &touched).await;
    world
        .until_is(disks, "data-demo-postgres-0", "this disk", grown)
        .await;
    world.until_phase("demo", Phase::Ready).await;
    world.delete().await;
}

/// What Kubernetes says of a disk that it could not make larger.
async fn says(world: &World, disk: &str, conditions: Value) {
    let patch = json!({"status": {"conditions": conditions}});
    world
        .api(Kind::PersistentVolumeClaim)
        .patch_status(disk, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_disk_that_could_not_be_made_larger_is_told_with_what_its_driver_says() {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    world.until_good("demo").await;
    let disk = "data-demo-postgres-0";
    let failed = json!([{
        "type": "ControllerResizeError",
        "status": "True",
        "reason": "VolumeResizeFailed",
        "message": "the pool is full",
    }]);
    says(&world, disk, failed).await;
    let status = world.until_phase("demo", Phase::Degraded).await;
    assert_eq!(
        status.message.unwrap(),
        format!(
            "postgres: PersistentVolumeClaim {disk} stays as it is: VolumeResizeFailed: the pool is full; see `kubectl describe \
             pvc {disk}`"
        )
    );
    says(&world, disk, json!([])).await;
    world.until_phase("demo", Phase::Ready).await;
    world.delete().await;
}

#[tokio::test]
async fn a_disk_that_a_quota_does_not_let_grow_is_told_and_all_else_is_done() {
    let world = Tended::new().await;
    let spec = |size: &str, tag: &str| {
        json!({
            "postgres": {"managed": {"storage": {"size": size}}},
            "images": {"tag": tag},
        })
    };
    world.apply("demo", &spec("1Gi", "1")).await;
    let before = world.until_good("demo").await.last_good;
    world.limit(&json!({"requests.storage": "30Gi"})).await;

    world.apply("demo", &spec("500Gi", "2")).await;
    let status = world
        .until("demo", "the disk to be told", |status| {
            status.phase == Phase::Degraded
        })
        .await;
    let (reconciled, reason, message) = condition(&status, "Reconciled");
    assert_eq!((reconciled, reason), ("False", "QuotaExceeded"));
    for said in [
        "PersistentVolumeClaim data-demo-postgres-0: it stays as it is",
        "exceeded quota: small",
        "have the quota allow it",
    ] {
        assert!(message.contains(said), "{said} is not in: {message}");
    }
    world
        .until("demo", "another release to be kept", |status| {
            status.last_good.is_some() && status.last_good != before
        })
        .await;

    world.unlimit().await;
    world.until_phase("demo", Phase::Ready).await;
    let disk = world
        .get(Kind::PersistentVolumeClaim, "data-demo-postgres-0")
        .await;
    assert_eq!(disk["spec"]["resources"]["requests"]["storage"], "500Gi");
    world.delete().await;
}
