//! What is changed while a platform sleeps, and seen when it wakes.

use operator::child::Kind;
use operator::resource::Phase;
use serde_json::{Value, json};

use super::{Tended, image};
use crate::harness::condition;

fn spec(gateway: &str, order: &str, hibernate: bool) -> Value {
    json!({
        "images": {"overrides": {"gateway": gateway, "order": order}},
        "hibernate": hibernate,
    })
}

#[tokio::test]
async fn a_release_that_was_set_asleep_and_does_not_start_awake_is_gone_back_from() {
    let world = Tended::new().await;
    world
        .apply("demo", &spec("gateway:1", "order:1", false))
        .await;
    let good = world.until_good("demo").await.last_good;
    world
        .apply("demo", &spec("gateway:1", "order:1", true))
        .await;
    world.until_phase("demo", Phase::Hibernated).await;
    world
        .apply("demo", &spec("gateway:missing", "order:1", true))
        .await;
    world
        .until_is(Kind::Deployment, "demo-gateway", "its image", |gateway| {
            image(gateway) == "gateway:missing"
        })
        .await;
    world.until_phase("demo", Phase::Hibernated).await;

    world
        .apply("demo", &spec("gateway:missing", "order:1", false))
        .await;
    let status = world
        .until("demo", "the roll-back to be told", |status| {
            status.refused.is_some() && status.ready == "8/8"
        })
        .await;
    let (degraded, reason, message) = condition(&status, "Degraded");
    assert_eq!((degraded, reason), ("True", "RolledBack"));
    assert!(message.contains("gateway:missing"), "{message}");
    assert_eq!(status.last_good, good);
    let gateway = world.get(Kind::Deployment, "demo-gateway").await;
    assert_eq!(image(&gateway), "gateway:1");
    world.delete().await;
}

#[tokio::test]
async fn pods_of_a_form_that_was_set_asleep_start_after_its_migration() {
    let world = Tended::new().await;
    world
        .apply("demo", &spec("gateway:1", "order:1", false))
        .await;
    world.until_good("demo").await;
    world
        .apply("demo", &spec("gateway:1", "order:1", true))
        .await;
    world.until_phase("demo", Phase::Hibernated).await;
    // Its Job begins, and never ends.
    world
        .apply("demo", &spec("gateway:1", "order:unready", true))
        .await;
    world
        .until_is(Kind::Deployment, "demo-order", "its image", |order| {
            image(order) == "order:unready"
        })
        .await;

    world
        .apply("demo", &spec("gateway:1", "order:unready", false))
        .await;
    world
        .until("demo", "the Job to be waited for", |status| {
            status.message.as_deref().is_some_and(|message| {
                message.starts_with("order: waits for Job demo-order-migrate-")
            }) && status.ready == "6/8"
        })
        .await;
    let order = world.get(Kind::Deployment, "demo-order").await;
    assert_eq!(order["spec"]["replicas"], 0);
    world
        .apply("demo", &spec("gateway:1", "order:2", false))
        .await;
    world.until_phase("demo", Phase::Ready).await;
    world.delete().await;
}
