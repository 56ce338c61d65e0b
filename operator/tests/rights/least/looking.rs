//! Rights to see what there is.

use super::{right, rights};
use crate::account::Right;
use crate::plane::Plane;

/// Rights to what is watched from the start.
fn watching() -> Vec<Right> {
    let watched = rights("watch", |_| true);
    let is_watched = |list: &Right| watched.iter().any(|watch| watch.resource == list.resource);
    let mut watching = rights("list", is_watched);
    watching.extend(watched);
    watching
}

pub(super) fn taken() -> Vec<Right> {
    let mut taken = watching();
    taken.extend(["get", "create", "update"].map(|verb| right(verb, "leases")));
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_not_see_something_ends_and_names_what() {
    let plane = Plane::new().await;
    for missing in watching() {
        let mut operator = plane.operator_without(std::slice::from_ref(&missing)).await;
        let ended = operator.ended().await;
        assert!(!ended.success(), "{missing}");
        let right = format!("cannot {} resource \"{}\"", missing.verb, missing.resource);
        let log = operator.log();
        let last = log
            .lines()
            .rfind(|line| line.starts_with("Error: "))
            .unwrap_or_default();
        assert!(
            last.contains("apply what `operator rbac` prints") && last.contains(&right),
            "{missing}: {log}"
        );
        plane.free_the_lease().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_not_have_the_lease_is_not_ready_and_says_why() {
    let plane = Plane::new().await;
    for verb in ["get", "create", "update"] {
        plane.free_the_lease().await;
        if verb == "update" {
            // There is one that somebody gave back.
            plane
                .operator_without(&[])
                .await
                .until_leading_and_stop()
                .await;
        }
        let operator = plane.operator_without(&[right(verb, "leases")]).await;
        let reason = format!("cannot {verb} resource \\\"leases\\\"");
        operator.until_page("/readyz", &reason).await;
        operator.stop().await;
    }
}
