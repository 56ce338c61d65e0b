use serde_json::json;

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
