//! Disks and the stateful sets that take them: what Kubernetes never changes must not be asked to change.

use std::collections::BTreeMap;

use operator::child::{Child, Kind};
use serde_json::{Value, json};

use crate::platforms::{built, children, found, named};

/// What a stateful set is made with for good: everything but these fields.
const CHANGEABLE: [&str; 7] = [
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "replicas",
    "revisionHistoryLimit",
    "template",
    "updateStrategy",
];

fn kept_for_good(children: &[Child]) -> BTreeMap<String, Value> {
    children
        .iter()
        .filter(|child| child.key.kind == Kind::StatefulSet)
        .map(|child| {
            let mut spec = child.object["spec"].clone();
            let fields = spec.as_object_mut().unwrap();
            fields.retain(|field, _| !CHANGEABLE.contains(&field.as_str()));
            (child.key.name.clone(), spec)
        })
        .collect()
}

/// Everything about servers that may be changed.
fn changed() -> Vec<Value> {
    let server = json!({"managed": {
        "members": 3,
        "image": "registry.example/server:9",
        "storage": {"size": "2Ti"},
        "resources": {"limits": {"memory": "8Gi"}},
    }});
    let one =
        json!({"managed": {"image": "registry.example/server:9", "storage": {"size": "2Ti"}}});
    vec![
        json!({"mongodb": server, "rabbitmq": server, "postgres": one}),
        json!({"profile": "Production", "deletionPolicy": "Delete", "hibernate": true}),
        json!({"images": {"registry": "registry.example", "pullPolicy": "Always", "pullSecrets": [{"name": "registry"}]}}),
        json!({"networkPolicy": {"enabled": false}, "credentials": {"rotateAfter": "12h"}}),
    ]
}

#[test]
fn what_a_stateful_set_is_made_with_for_good_is_the_same_whatever_changes() {
    let first = kept_for_good(&children(json!({})));
    assert_eq!(first.len(), 3);
    for spec in changed() {
        assert_eq!(kept_for_good(&children(spec.clone())), first, "{spec}");
    }
    let mut rotated = found();
    rotated.credentials = 7;
    let rotated = built(&named("demo", json!({}), &rotated));
    assert_eq!(kept_for_good(&rotated), first);
}

#[test]
fn each_member_has_a_disk_of_its_size_under_the_name_that_its_stateful_set_looks_for() {
    let children = children(json!({
        "profile": "Production",
        "mongodb": {"managed": {"storage": {"size": "20Gi", "className": "fast"}}},
    }));
    let disks: BTreeMap<_, _> = children
        .iter()
        .filter(|child| child.key.kind == Kind::PersistentVolumeClaim)
        .map(|child| {
            let spec = &child.object["spec"];
            let size = spec["resources"]["requests"]["storage"].as_str().unwrap();
            let class = spec["storageClassName"].as_str();
            (child.key.name.as_str(), (size, class))
        })
        .collect();
    let mut expected = BTreeMap::new();
    for child in &children {
        if child.key.kind != Kind::StatefulSet {
            continue;
        }
        let spec = &child.object["spec"];
        let template = spec["volumeClaimTemplates"][0]["metadata"]["name"].as_str();
        for ordinal in 0..spec["replicas"].as_i64().unwrap() {
            let name = format!("{}-{}-{ordinal}", template.unwrap(), child.key.name);
            let disk = match child.key.name.as_str() {
                "demo-mongodb" => ("20Gi", Some("fast")),
                _ => ("10Gi", None),
            };
            expected.insert(name, disk);
        }
    }
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(name, disk)| (name.as_str(), *disk))
        .collect();
    assert_eq!(disks, expected);
    assert_eq!(disks.len(), 7);
}

#[test]
fn disks_stay_when_the_platform_sleeps() {
    let disks = |children: &[Child]| -> Vec<Child> {
        let disks = children.iter();
        let disks = disks.filter(|child| child.key.kind == Kind::PersistentVolumeClaim);
        disks.cloned().collect()
    };
    let asleep = children(json!({"profile": "Production", "hibernate": true}));
    assert_eq!(
        disks(&asleep),
        disks(&children(json!({"profile": "Production"})))
    );
    for child in asleep
        .iter()
        .filter(|child| child.key.kind == Kind::StatefulSet)
    {
        assert_eq!(child.object["spec"]["replicas"], json!(0), "{}", child.key);
    }
}
