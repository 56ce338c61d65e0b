//! Rights to tell how things are.

use kube::api::{Patch, PatchParams};
use operator::resource::Phase;
use serde_json::json;

use super::{right, rights};
use crate::account::Right;
use crate::plane::Plane;

pub(super) fn taken() -> Vec<Right> {
    let mut taken = rights("patch", |right| right.resource == "events");
    taken.push(right("create", "events"));
    taken.push(right("patch", "shopplatforms/status"));
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_not_tell_counts_it_as_its_errors() {
    let plane = Plane::new().await;
    plane.apply("demo", &json!({"paused": true})).await;
    let operator = plane
        .operator_without(&[right("patch", "shopplatforms/status")])
        .await;
    let error = "shop_operator_reconciles_total{result=\"error\"}";
    operator.until_page("/metrics", error).await;
    operator
        .until_forbidden("patch", &["shopplatforms/status".to_owned()].into())
        .await;
    operator.stop().await;

    let operator = plane.operator_without(&[right("create", "events")]).await;
    operator
        .until_forbidden("create", &["events".to_owned()].into())
        .await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_again_is_counted_up() {
    let plane = Plane::new().await;
    plane
        .apply(
            "demo",
            &json!({"paused": true, "services": {"user": {"replicas": 0}}}),
        )
        .await;
    let operator = plane.operator_without(&[right("patch", "events")]).await;
    for paused in [true, false, true] {
        let patch = json!({"spec": {"paused": paused}});
        plane
            .platforms()
            .patch("demo", &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
        plane
            .until("the change to be seen", "demo", |status| {
                (status.phase == Phase::Paused) == paused
            })
            .await;
    }
    operator
        .until_forbidden("patch", &["events".to_owned()].into())
        .await;
    operator.stop().await;
}
