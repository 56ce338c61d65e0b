//! Secrets of people that a platform points to: late, changed, lost.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use operator::child::Kind;
use serde_json::{Value, json};

use crate::harness::{Operator, World, is};

async fn secret(world: &World, name: &str, content: Value) {
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content});
    world
        .api(Kind::Secret)
        .patch(
            name,
            &PatchParams::apply("person"),
            &Patch::Apply(&manifest),
        )
        .await
        .unwrap();
}

fn external() -> Value {
    json!({"postgres": {"mode": "External", "external": {"secretRef": {"name": "servers"}}}})
}

fn uris(order: &str) -> Value {
    json!({
        "order.uri": order,
        "notification.uri": "postgres://notification:secret@db.example/notification",
    })
}

async fn generation(world: &World, deployment: &str) -> Option<i64> {
    let found: DynamicObject = world.api(Kind::Deployment).get(deployment).await.unwrap();
    found.metadata.generation
}

#[tokio::test]
async fn a_secret_that_comes_late_is_seen_at_once_and_a_changed_one_replaces_who_uses_it() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply("demo", &external()).await;
    let missing = |reason: &'static str| {
        let world = &world;
        async move {
            let what = format!("{reason} to be told");
            let status = world
                .until("demo", &what, |status| {
                    is(status, "Ready", ("False", reason))
                })
                .await;
            status.message.unwrap()
        }
    };
    let told = missing("SecretMissing").await;
    assert!(told.contains("servers"), "{told}");
    secret(
        &world,
        "servers",
        json!({"notification.uri": "postgres://n:secret@db.example/n"}),
    )
    .await;
    let told = missing("SecretKeyMissing").await;
    assert!(told.contains("order.uri"), "{told}");
    secret(&world, "servers", uris("nonsense")).await;
    let told = missing("SecretInvalid").await;
    assert!(
        told.contains("order.uri") && !told.contains("nonsense"),
        "{told}"
    );
    secret(
        &world,
        "servers",
        uris("postgres://order:secret@db.example/order"),
    )
    .await;
    world.until_at_rest("demo", &operator.tap).await;

    let before = (
        generation(&world, "demo-order").await,
        generation(&world, "demo-user").await,
    );
    secret(
        &world,
        "servers",
        uris("postgres://order:another@db.example/order"),
    )
    .await;
    testkit::wait::until("order to be replaced", || async {
        Ok((generation(&world, "demo-order").await != before.0).then_some(()))
    })
    .await
    .unwrap();
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(
        generation(&world, "demo-user").await,
        before.1,
        "it does not use it"
    );

    world
        .api(Kind::Secret)
        .delete("servers", &DeleteParams::default())
        .await
        .unwrap();
    missing("SecretMissing").await;
    secret(
        &world,
        "servers",
        uris("postgres://order:another@db.example/order"),
    )
    .await;
    world.until_at_rest("demo", &operator.tap).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_secret_that_goes_while_watches_are_interrupted_is_missed() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    secret(
        &world,
        "servers",
        uris("postgres://order:secret@db.example/order"),
    )
    .await;
    world.apply("demo", &external()).await;
    world.until_at_rest("demo", &operator.tap).await;
    operator.tap.hold_watches();
    world
        .api(Kind::Secret)
        .delete("servers", &DeleteParams::default())
        .await
        .unwrap();
    operator.tap.expire_watches();
    operator.tap.heal();
    world
        .until("demo", "the loss to be told", |status| {
            is(status, "Ready", ("False", "SecretMissing"))
        })
        .await;
    operator.stop().await;
    world.delete().await;
}
