//! Pause, hibernation, and the way back.

use kube::api::DeleteParams;
use operator::child::{ChildKey, Kind};
use operator::resource::Phase;
use serde_json::json;
use testkit::wait;

use crate::harness::at_rest;

#[tokio::test]
async fn a_paused_platform_is_left_alone_but_for_its_status() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.canonical("demo").await;
    world.apply("demo", &json!({"paused": true})).await;
    world.until_phase("demo", Phase::Paused).await;
    world.until_quiet(&operator.tap).await;
    let mark = operator.tap.mark();
    world
        .api(Kind::Service)
        .delete("demo-order", &DeleteParams::default())
        .await
        .unwrap();
    world.note("demo", 91).await;
    world.until_quiet(&operator.tap).await;
    let writes = operator.tap.writes_since(mark);
    assert!(
        writes
            .iter()
            .all(|asked| asked.resource == "shopplatforms/status"),
        "{writes:?}"
    );
    assert!(
        world
            .api(Kind::Service)
            .get_opt("demo-order")
            .await
            .unwrap()
            .is_none()
    );

    world.apply("demo", &json!({"paused": false})).await;
    world.until_at_rest("demo", &operator.tap).await;
    assert_eq!(world.canonical("demo").await, before);
    operator.stop().await;
    world.delete().await;
}

#[tokio::test]
async fn a_hibernating_platform_runs_nothing_keeps_its_data_and_wakes_as_it_was() {
    let (world, operator) = at_rest(&json!({})).await;
    let before = world.children("demo").await;
    world.apply("demo", &json!({"hibernate": true})).await;
    world.until_phase("demo", Phase::Hibernated).await;
    wait::until("nothing to run", || async {
        let children = world.children("demo").await;
        let is_stopped = children
            .iter()
            .filter(|(key, _)| matches!(key.kind, Kind::Deployment | Kind::StatefulSet))
            .all(|(_, object)| {
                object
                    .data
                    .pointer("/status/replicas")
                    .is_none_or(|replicas| replicas == 0)
            });
        Ok(is_stopped.then_some(()))
    })
    .await
    .unwrap();
    world.until_quiet(&operator.tap).await;
    let children = world.children("demo").await;
    let data = |key: &&ChildKey| matches!(key.kind, Kind::PersistentVolumeClaim | Kind::Secret);
    for key in before.keys().filter(data) {
        assert_eq!(
            children
                .get(key)
                .and_then(|child| child.metadata.uid.as_ref()),
            before[key].metadata.uid.as_ref(),
            "{key}"
        );
    }
    world.apply("demo", &json!({"hibernate": false})).await;
    world.until_at_rest("demo", &operator.tap).await;
    let after = world.children("demo").await;
    assert!(after.keys().eq(before.keys()), "{:?}", after.keys());
    operator.stop().await;
    world.delete().await;
}
