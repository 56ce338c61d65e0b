//! What can go wrong, each told precisely and soon.

use std::time::{Duration, Instant};

use operator::resource::{Phase, ShopPlatformStatus};
use serde_json::{Value, json};

use super::Tended;
use crate::harness::{World, condition};

/// Ten seconds on a machine that has the time; here other tests and builds may have the processors.
const SOON: Duration = Duration::from_secs(30);

/// What a fresh platform with this spec says is wrong, in its Ready condition: reason and message.
async fn told(world: &World, spec: &Value, says: &[&str]) -> (String, String) {
    let begun = Instant::now();
    world.apply("demo", spec).await;
    let is_told = |status: &ShopPlatformStatus| {
        let (ready, _, message) = condition(status, "Ready");
        ready == "False" && says.iter().all(|said| message.contains(said))
    };
    let what = format!("the status to say {says:?}");
    let status = world.until("demo", &what, is_told).await;
    let took = begun.elapsed();
    println!("told after {took:?}: {says:?}");
    assert!(took < SOON, "told after {took:?}");
    assert_eq!(
        status.message.as_deref(),
        Some(condition(&status, "Ready").2)
    );
    let (_, reason, message) = condition(&status, "Ready");
    (reason.to_owned(), message.to_owned())
}

/// A platform that works, before something is changed that does not.
async fn ready() -> Tended {
    let world = Tended::new().await;
    world.apply("demo", &json!({})).await;
    world.until_good("demo").await;
    world
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled() {
    let world = ready().await;
    let spec = json!({"images": {"overrides": {"gateway": "gateway:missing"}}});
    let says = [
        "gateway: ",
        "ImagePullBackOff",
        "container gateway",
        "gateway:missing",
    ];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "RollingOut");
    world.delete().await;
}

#[tokio::test]
async fn a_service_that_crashes() {
    let world = ready().await;
    let spec = json!({"images": {"overrides": {"gateway": "gateway:crashing"}}});
    let says = ["gateway: ", "CrashLoopBackOff", "container gateway"];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "RollingOut");
    world.delete().await;
}

#[tokio::test]
async fn a_pod_that_no_node_takes() {
    let world = ready().await;
    let nowhere = json!({"spec": {"nodeSelector": {"disk": "nowhere"}}});
    let spec = json!({"services": {"user": {"podTemplate": nowhere}}});
    let says = [
        "user: Unschedulable",
        "node(s) didn't match Pod's node affinity/selector",
    ];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "RollingOut");
    world.delete().await;
}

#[tokio::test]
async fn a_migration_that_cannot_begin() {
    let world = ready().await;
    let spec = json!({"images": {"overrides": {"order": "order:missing"}}});
    let says = [
        "order: waits for Job demo-order-migrate-",
        "ImagePullBackOff",
        "container migrate",
    ];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "WaitingForJob");
    world.delete().await;
}

#[tokio::test]
async fn a_migration_that_crashes() {
    let world = ready().await;
    let spec = json!({"images": {"overrides": {"order": "order:crashing"}}});
    let says = [
        "order: waits for Job demo-order-migrate-",
        "CrashLoopBackOff",
    ];
    told(&world, &spec, &says).await;
    world.delete().await;
}

#[tokio::test]
async fn pods_that_a_quota_does_not_allow() {
    let world = ready().await;
    world.limit(&json!({"pods": "9"})).await;
    let spec = json!({"gateway": {"replicas": 20}});
    let says = ["gateway: FailedCreate", "exceeded quota: small", "pods=9"];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "QuotaExceeded");
    world.delete().await;
}

#[tokio::test]
async fn objects_that_a_quota_does_not_allow() {
    let world = ready().await;
    world.limit(&json!({"count/services": "1"})).await;
    let extra = json!([{"name": "pages", "image": "pages:1", "port": 80}]);
    let spec = json!({"services": {"extra": extra}});
    let says = [
        "Service demo-pages: a quota does not allow it",
        "exceeded quota: small",
    ];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "QuotaExceeded");
    let status = world.until_phase("demo", Phase::Failed).await;
    assert_eq!(condition(&status, "Reconciled").1, "QuotaExceeded");
    world.delete().await;
}

#[tokio::test]
async fn a_storage_class_that_is_not_there() {
    let world = Tended::new().await;
    let spec = json!({"postgres": {"managed": {"storage": {"className": "nowhere"}}}});
    let says = [
        "postgres: Unschedulable: ",
        "the storage class nowhere of PersistentVolumeClaim data-demo-postgres-0 is not there or makes no disk",
        "kubectl describe pvc data-demo-postgres-0",
    ];
    let (reason, _) = told(&world, &spec, &says).await;
    assert_eq!(reason, "RollingOut");
    world.delete().await;
}

#[tokio::test]
async fn a_server_that_crashes_for_long_is_no_progress() {
    let world = ready().await;
    let spec = json!({"postgres": {"managed": {"image": "postgres:crashing"}}});
    let says = ["postgres: ", "CrashLoopBackOff"];
    told(&world, &spec, &says).await;
    let status = world.until_phase("demo", Phase::Degraded).await;
    let (degraded, reason, message) = condition(&status, "Degraded");
    assert_eq!((degraded, reason), ("True", "ComponentFailed"));
    assert!(
        message.starts_with("postgres: CrashLoopBackOff: container postgres"),
        "{message}"
    );
    world.delete().await;
}
