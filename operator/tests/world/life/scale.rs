//! Whose the number of replicas is.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use operator::child::Kind;
use operator::names::{FIELD_MANAGER, SCALE_MANAGER};
use operator::resource::Phase;
use serde_json::{Value, json};

use super::Tended;
use crate::harness::World;

const ORDER: &str = "demo-order";

/// Who owns the number of replicas, sorted.
fn owners(deployment: &Value) -> Vec<&str> {
    let entries = deployment["metadata"]["managedFields"].as_array().unwrap();
    let owns = |entry: &&Value| {
        let replicas = entry.pointer("/fieldsV1/f:spec/f:replicas");
        replicas.is_some()
    };
    let owners = entries.iter().filter(owns);
    let mut owners: Vec<_> = owners
        .map(|entry| entry["manager"].as_str().unwrap())
        .collect();
    owners.sort_unstable();
    owners
}

async fn until_replicas(world: &World, replicas: i32, owned_by: &[&str]) {
    let what = format!("{replicas} replicas of {owned_by:?}");
    world
        .until_is(Kind::Deployment, ORDER, &what, |order| {
            order["spec"]["replicas"] == replicas && owners(order) == owned_by
        })
        .await;
}

fn spec(scale: &Value, hibernate: bool) -> Value {
    json!({"services": {"order": scale}, "hibernate": hibernate})
}

/// Every number of replicas that there is from now on, until the watch ends.
async fn numbers_while(world: &World, change: impl Future<Output = ()>) -> Vec<i64> {
    use futures_util::StreamExt as _;
    use kube::runtime::watcher::{self, Event, watcher};
    let config = watcher::Config::default().fields(&format!("metadata.name={ORDER}"));
    let mut events = Box::pin(watcher(world.api(Kind::Deployment), config));
    let mut numbers = Vec::new();
    let mut change = Box::pin(change);
    loop {
        tokio::select! {
            event = events.next() => {
                if let Event::Apply(order) | Event::InitApply(order) = event.unwrap().unwrap() {
                    numbers.push(order.data["spec"]["replicas"].as_i64().unwrap());
                }
            }
            () = &mut change => return numbers,
        }
    }
}

#[tokio::test]
async fn an_autoscaler_takes_over_the_number_that_is_there_and_gives_it_back() {
    let world = Tended::new().await;
    world
        .apply("demo", &spec(&json!({"replicas": 5}), false))
        .await;
    world.until_good("demo").await;
    until_replicas(&world, 5, &[FIELD_MANAGER]).await;

    let auto = json!({"autoscaling": {"minReplicas": 2, "maxReplicas": 10}});
    let numbers = numbers_while(&world, async {
        world.apply("demo", &spec(&auto, false)).await;
        until_replicas(&world, 5, &[SCALE_MANAGER]).await;
        world.until_phase("demo", Phase::Ready).await;
    })
    .await;
    assert!(numbers.iter().all(|number| *number == 5), "{numbers:?}");

    // As the autoscaler does it.
    let deployments = Api::<k8s_openapi::api::apps::v1::Deployment>::namespaced(
        world.client.clone(),
        &world.namespace,
    );
    let scale: Scale = deployments
        .patch_scale(
            ORDER,
            &PatchParams {
                field_manager: Some("autoscaler".to_owned()),
                ..PatchParams::default()
            },
            &Patch::Merge(json!({"spec": {"replicas": 7}})),
        )
        .await
        .unwrap();
    assert_eq!(scale.name_any(), ORDER);
    until_replicas(&world, 7, &["autoscaler"]).await;
    // The operator sees it, and leaves it.
    world
        .until("demo", "seven orders to be told", |status| {
            let mut components = status.components.iter();
            components.any(|component| component.name == "order" && component.ready == 7)
        })
        .await;
    until_replicas(&world, 7, &["autoscaler"]).await;

    world
        .apply("demo", &spec(&json!({"replicas": 3}), false))
        .await;
    until_replicas(&world, 3, &[FIELD_MANAGER]).await;
    world.until_phase("demo", Phase::Ready).await;
    let autoscaler = world
        .api(Kind::HorizontalPodAutoscaler)
        .get_opt(ORDER)
        .await;
    assert!(autoscaler.unwrap().is_none());
    world.delete().await;
}

#[tokio::test]
async fn who_sleeps_has_no_autoscaler_and_wakes_with_its_minimum() {
    let world = Tended::new().await;
    let auto = json!({"autoscaling": {"minReplicas": 2, "maxReplicas": 10}});
    world.apply("demo", &spec(&auto, false)).await;
    world.until_good("demo").await;
    world
        .until_is(
            Kind::Deployment,
            ORDER,
            "the autoscaler's minimum",
            |order| order["spec"]["replicas"] == 2,
        )
        .await;

    world.apply("demo", &spec(&auto, true)).await;
    world.until_phase("demo", Phase::Hibernated).await;
    until_replicas(&world, 0, &[FIELD_MANAGER]).await;
    let autoscalers = world.api(Kind::HorizontalPodAutoscaler);
    assert!(autoscalers.get_opt(ORDER).await.unwrap().is_none());

    world.apply("demo", &spec(&auto, false)).await;
    until_replicas(&world, 2, &[SCALE_MANAGER]).await;
    world.until_phase("demo", Phase::Ready).await;
    autoscalers.get(ORDER).await.unwrap();
    world.delete().await;
}

#[tokio::test]
async fn who_is_new_begins_with_the_minimum_of_its_autoscaler() {
    let world = Tended::new().await;
    let auto = json!({"autoscaling": {"minReplicas": 3, "maxReplicas": 10}});
    let numbers = numbers_while(&world, async {
        world.apply("demo", &spec(&auto, false)).await;
        world.until_phase("demo", Phase::Ready).await;
    })
    .await;
    assert!(
        !numbers.is_empty() && numbers.iter().all(|number| *number == 3),
        "{numbers:?}"
    );
    world.delete().await;
}
