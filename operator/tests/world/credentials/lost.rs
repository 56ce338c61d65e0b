//! Secrets that somebody deletes.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use operator::child::Kind;
use operator::resource::Phase;
use serde_json::json;

use super::{of_generation, secrets, until_rotated, until_secrets, users_of_order};
use crate::harness::{Fault, Operator, Refusal, Verb, World, at_rest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_secret_of_a_service_is_followed_by_new_passwords_for_all() {
    let (world, operator) = at_rest(&json!({})).await;
    for (generation, lost) in [(2, "demo-order-credentials-1"), (3, "demo-signing-key-2")] {
        world
            .api(Kind::Secret)
            .delete(lost, &DeleteParams::default())
            .await
            .unwrap();
        until_rotated(&world, generation).await;
        world.until_at_rest("demo", &operator.tap).await;
        until_secrets(&world, &of_generation(generation)).await;
    }
    assert_eq!(
        users_of_order(&world).await,
        ("order_a".to_owned(), Some("order_b".to_owned()))
    );
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_service_takes_its_secrets_with_it_and_nobody_elses() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let pages = json!({"name": "pages", "image": "pages:1", "port": 80, "needs": ["postgres"]});
    world
        .apply("demo", &json!({"services": {"extra": [pages]}}))
        .await;
    world.until_at_rest("demo", &operator.tap).await;
    let mut with_pages = of_generation(1);
    with_pages.insert("pages-credentials-1".to_owned());
    assert_eq!(secrets(&world).await, with_pages);
    world.apply("demo", &json!({})).await;
    let status = world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(status.credentials.unwrap().generation, 1);
    until_secrets(&world, &of_generation(1)).await;
    let status = world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(status.credentials.unwrap().generation, 1);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_secret_of_a_servers_root_is_told_and_not_made_anew() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.versions("demo").await;
    let api = Api::<Secret>::namespaced(world.client.clone(), &world.namespace);
    let root = api.get("demo-mongodb-root").await.unwrap();
    let mark = operator.tap.mark();
    api.delete("demo-mongodb-root", &DeleteParams::default())
        .await
        .unwrap();
    let status = world.until_phase("demo", Phase::Degraded).await;
    let reasons: Vec<_> = status
        .conditions
        .iter()
        .map(|condition| (&*condition.type_, &*condition.status, &*condition.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            ("Reconciled", "False", "CredentialsLost"),
            ("Ready", "False", "CredentialsLost"),
            ("Progressing", "False", "CredentialsLost"),
            ("Degraded", "True", "CredentialsLost"),
        ]
    );
    let message = status.message.unwrap();
    assert!(
        message.starts_with(
            "Secret demo-mongodb-root: it is gone, and nothing else opens data-demo-mongodb-0"
        ),
        "{message}"
    );
    let children = operator.tap.writes_since(mark).into_iter();
    let children: Vec<_> = children
        .filter(|asked| !["shopplatforms/status", "events"].contains(&asked.resource.as_str()))
        .collect();
    assert_eq!(children, [], "nothing is written but status");
    let mut left = before.clone();
    left.retain(|key, _| key.name != "demo-mongodb-root");
    assert_eq!(world.versions("demo").await, left);

    // What does not need it is looked after as always.
    let order = world.get(Kind::Deployment, "demo-order").await;
    let deployments = world.api(Kind::Deployment);
    deployments
        .delete("demo-order", &DeleteParams::background())
        .await
        .unwrap();
    world
        .until_is(Kind::Deployment, "demo-order", "another one", |again| {
            again["metadata"]["uid"] != order["metadata"]["uid"]
        })
        .await;

    // Somebody puts it back.
    let again = Secret {
        metadata: kube::api::ObjectMeta {
            name: root.metadata.name,
            labels: root.metadata.labels,
            ..kube::api::ObjectMeta::default()
        },
        ..root
    };
    api.create(&PostParams::default(), &again).await.unwrap();
    world.until_at_rest("demo", &operator.tap).await;
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_disk_is_made_before_the_secret_that_opens_it() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    operator
        .tap
        .strike(Fault::Before(Refusal::Internal), 0, 2, |asked| {
            asked.verb == Verb::Create && asked.name == "demo-postgres-root"
        });
    world.apply("demo", &json!({})).await;
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(operator.tap.struck(), 2);
    let order: Vec<_> = operator
        .tap
        .since(0)
        .into_iter()
        .filter(|record| record.code == Some(201))
        .map(|record| record.asked.name)
        .filter(|name| ["demo-postgres-root", "data-demo-postgres-0"].contains(&name.as_str()))
        .collect();
    assert_eq!(order, ["demo-postgres-root", "data-demo-postgres-0"]);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_could_not_be_made_at_once_is_not_taken_for_lost() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let refusal = Fault::Before(Refusal::TooManyRequests);
    operator.tap.strike(refusal, 0, 2, |asked| {
        asked.verb == Verb::Create && asked.name == "demo-order-credentials-1"
    });
    world.apply("demo", &json!({})).await;
    let status = world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(operator.tap.heal(), 2);
    assert_eq!(status.credentials.unwrap().generation, 1);
    assert_eq!(secrets(&world).await, of_generation(1));
    operator.stop().await;
    world.delete().await;
}
