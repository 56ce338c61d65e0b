use serde_json::{Value, json};

use super::*;

fn service(uid: &str, version: u64) -> DynamicObject {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": "shop",
            "name": "demo-gateway",
            "uid": uid,
            "resourceVersion": version.to_string(),
            "labels": {crate::names::PLATFORM_LABEL: "demo"},
        },
    });
    serde_json::from_value(object).unwrap()
}

fn known(cluster: &Cluster) -> Vec<(Uid, u64)> {
    let demo = PlatformKey {
        namespace: "shop".to_owned(),
        name: "demo".to_owned(),
    };
    let children = cluster.view(&demo).children.into_values();
    children.map(|child| (child.uid, child.version)).collect()
}

fn one(uid: &str, version: u64) -> Vec<(Uid, u64)> {
    vec![(Uid::of(uid), version)]
}

#[test]
fn an_answer_that_comes_after_the_watch_told_of_the_end_is_not_put_back() {
    let cluster = Cluster::default();
    cluster.put(Kind::Service, &service("a", 5));
    cluster.remove(Kind::Service, &service("a", 6));
    cluster.answered(Kind::Service, &service("a", 5));
    assert_eq!(known(&cluster), []);
    cluster.answered(Kind::Service, &service("b", 7));
    assert_eq!(
        known(&cluster),
        one("b", 7),
        "what the watch has not brought yet is taken in"
    );
}

#[test]
fn a_watch_that_lags_behind_brings_nothing_older_back_neither_of_this_object_nor_of_the_one_before()
{
    let cluster = Cluster::default();
    cluster.put(Kind::Service, &service("a", 5));
    cluster.remove(Kind::Service, &service("a", 6));
    cluster.answered(Kind::Service, &service("b", 9));
    assert_eq!(cluster.put(Kind::Service, &service("a", 7)), None);
    assert_eq!(cluster.put(Kind::Service, &service("b", 8)), None);
    assert_eq!(cluster.remove(Kind::Service, &service("a", 7)), None);
    assert_eq!(known(&cluster), one("b", 9));
}

#[test]
fn a_child_whose_label_names_another_platform_now_is_missing_to_the_one_before() {
    let cluster = Cluster::default();
    cluster.put(Kind::Service, &service("a", 5));
    let mut changed = service("a", 6);
    assert_eq!(
        cluster.relabelled(Kind::Service, &changed),
        None,
        "its label is as before"
    );
    for label in [Some("other"), None] {
        cluster.put(Kind::Service, &service("a", 5));
        let labels = label.map(|label| (crate::names::PLATFORM_LABEL.to_owned(), label.to_owned()));
        changed.metadata.labels = labels.map(|labels| [labels].into());
        let before = cluster.relabelled(Kind::Service, &changed);
        assert_eq!(
            before.map(|platform| platform.name).as_deref(),
            Some("demo")
        );
        assert_eq!(known(&cluster), []);
    }
}

/// A pod with a container that is not ready since 10:00, with its statuses.
fn unready_pod(metadata: &Value, status: &Value) -> Pod {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "demo-order-1"},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T09:00:00Z"},
                {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T10:00:00Z"},
            ],
            "containerStatuses": [status],
        },
    });
    if let (Some(all), Some(more)) = (object["metadata"].as_object_mut(), metadata.as_object()) {
        all.extend(more.clone());
    }
    reduce_pod(&serde_json::from_value(object).unwrap())
}

#[test]
fn a_container_that_ends_again_and_again_is_as_wrong_while_it_runs_as_while_it_waits() {
    let ended = json!({"terminated": {"reason": "Error", "message": "no such table"}});
    let status =
        |state: Value| json!({"name": "order", "ready": false, "state": state, "lastState": ended});
    let said = |state: Value| {
        let pod = unready_pod(&json!({}), &status(state));
        pod.problem.map(|problem| (problem.reason, problem.message))
    };
    let waits = said(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}));
    let (reason, message) = waits.unwrap();
    assert_eq!(
        (&*reason, &*message),
        ("CrashLoopBackOff", "container order: no such table")
    );
    let runs = said(json!({"running": {"startedAt": "2026-01-01T10:05:00Z"}}));
    let (reason, message) = runs.unwrap();
    assert_eq!(
        (&*reason, &*message),
        ("Error", "container order was started again: no such table")
    );
    // It ended once, long before it became unready for another reason.
    let before = said(json!({"running": {"startedAt": "2026-01-01T09:05:00Z"}}));
    assert_eq!(before, None);
    let leaves = unready_pod(
        &json!({"deletionTimestamp": "2026-01-01T10:06:00Z"}),
        &status(json!({"waiting": {"reason": "CrashLoopBackOff"}})),
    );
    assert_eq!(leaves.problem, None, "it is not to become ready");
    assert_eq!(leaves.unready, "2026-01-01T10:00:00Z".parse().ok());
}

#[test]
fn a_pod_that_has_ended_uses_no_passwords_any_more() {
    let pod = |phase: &str| {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "demo-order-1", "labels": {
                crate::names::PLATFORM_LABEL: "demo",
                "app.kubernetes.io/name": "order",
            }},
            "spec": {"volumes": [{"secret": {"secretName": "demo-order-credentials-3"}}]},
            "status": {"phase": phase},
        });
        reduce_pod(&serde_json::from_value(object).unwrap()).credentials
    };
    // An evicted one lies around until thousands do.
    let phases = ["Pending", "Running", "Failed", "Succeeded"];
    assert_eq!(phases.map(pod), [Some(3), Some(3), None, None]);
}
