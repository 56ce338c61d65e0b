//! What holds for every platform that can be written down.

mod any;

use std::collections::BTreeSet;

use operator::child::{Child, Kind, Writing};
use operator::names::PLATFORM_LABEL;
use operator::platform::Platform;
use proptest::prelude::*;
use serde_json::{Value, json};

use any::platforms;

use crate::platforms::{built, containers, pod_template};

/// A DNS label, as names of Services, claims and pods are.
fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A label's value, or the name of its key.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let end = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(inner)
        && end(text.bytes().next())
        && end(text.bytes().last())
}

fn labels(object: &Value) -> Vec<(&str, &str)> {
    let labels = object["metadata"]["labels"].as_object().unwrap();
    let labels = labels.iter();
    labels
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
        .collect()
}

/// Names and labels are legal, and tell whose they are; no two children have the same name.
fn check_names(platform: &Platform, children: &[Child]) {
    let keys: BTreeSet<_> = children.iter().map(|child| &child.key).collect();
    assert_eq!(keys.len(), children.len(), "keys are unique");
    for child in children {
        let metadata = &child.object["metadata"];
        assert_eq!(metadata["name"], child.key.name);
        assert_eq!(metadata["namespace"], platform.owner.namespace);
        assert!(is_dns_label(&child.key.name), "{}", child.key);
        assert_eq!(metadata["labels"][PLATFORM_LABEL], platform.owner.name);
        let objects = [Some(&child.object), pod_template(child)];
        for (key, value) in objects.into_iter().flatten().flat_map(labels) {
            let name = key.rsplit('/').next().unwrap();
            assert!(
                is_label(name) && is_label(value),
                "{key}={value} of {}",
                child.key
            );
        }
        if let Some(template) = pod_template(child) {
            for container in containers(template) {
                assert!(
                    is_dns_label(container["name"].as_str().unwrap()),
                    "{}",
                    child.key
                );
                let names: Vec<_> = container["env"].as_array().into_iter().flatten().collect();
                let distinct: BTreeSet<_> = names
                    .iter()
                    .map(|variable| variable["name"].as_str())
                    .collect();
                assert_eq!(
                    distinct.len(),
                    names.len(),
                    "variables of {} are there once",
                    child.key
                );
            }
        }
    }
}

/// Each pod is as the *restricted* Pod Security Standard wants it, and says what it uses.
fn check_pods(children: &[Child]) {
    for child in children {
        let Some(template) = pod_template(child) else {
            continue;
        };
        let (spec, key) = (&template["spec"], &child.key);
        let pod = &spec["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true, "{key}");
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault", "{key}");
        assert!(pod["runAsUser"].as_i64().unwrap() > 0, "{key}");
        assert_eq!(spec["automountServiceAccountToken"], false, "{key}");
        assert_eq!(spec["enableServiceLinks"], false, "{key}");
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(spec[field], Value::Null, "{key}");
        }
        let volumes = spec["volumes"].as_array();
        for volume in volumes.into_iter().flatten() {
            assert_eq!(volume["hostPath"], Value::Null, "{key}");
        }
        for container in containers(template) {
            let own = &container["securityContext"];
            assert_eq!(own["allowPrivilegeEscalation"], false, "{key}");
            assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}), "{key}");
            assert_eq!(own["readOnlyRootFilesystem"], true, "{key}");
            assert_ne!(own["privileged"], true, "{key}");
            let resources = &container["resources"];
            for quantity in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                assert!(
                    resources.pointer(quantity).is_some_and(Value::is_string),
                    "{key} lacks {quantity}"
                );
            }
        }
    }
}

/// Everything that pods refer to is there, or is a person's.
fn check_references(children: &[Child]) {
    let has = |kind: Kind, name: &str| {
        let mut all = children.iter();
        all.any(|child| child.key.kind == kind && child.key.name == name)
    };
    let of_people = ["servers", "postgres", "broker", "smtp", "tokens"];
    for child in children {
        if let Some(template) = pod_template(child) {
            let mut secrets = Vec::new();
            let mut maps = Vec::new();
            collect(template, &mut |field, value| match field {
                "secretKeyRef" | "secretRef" => secrets.extend(value["name"].as_str()),
                "secret" => secrets.extend(value["name"].as_str().or(value["secretName"].as_str())),
                "configMap" | "configMapRef" => maps.extend(value["name"].as_str()),
                _ => {}
            });
            for secret in secrets {
                let is_of_cloud_native_pg =
                    secret.ends_with("-postgres-ca") || secret.ends_with("-postgres-superuser");
                let there = has(Kind::Secret, secret)
                    || of_people.contains(&secret)
                    || is_of_cloud_native_pg;
                assert!(there, "{} needs the Secret {secret}", child.key);
            }
            for map in maps {
                assert!(
                    has(Kind::ConfigMap, map),
                    "{} needs the ConfigMap {map}",
                    child.key
                );
            }
            if let Some(account) = template["spec"]["serviceAccountName"].as_str() {
                assert!(
                    has(Kind::ServiceAccount, account),
                    "{} needs the account {account}",
                    child.key
                );
            }
        }
        if let Writing::After(others) = &child.writing {
            for other in others {
                assert!(
                    has(other.kind, &other.name),
                    "{} waits for {other}",
                    child.key
                );
            }
        }
    }
}

fn collect<'v>(value: &'v Value, visit: &mut impl FnMut(&str, &'v Value)) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                visit(field, value);
                collect(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, visit)),
        _ => {}
    }
}

/// What has data or opens it stays, if it is to stay; everything else goes with the platform.
fn check_owners(platform: &Platform, children: &[Child]) {
    let keeps = format!("{:?}", platform.deletion_policy) == "Retain";
    for child in children {
        let is_data = matches!(
            child.key.kind,
            Kind::PersistentVolumeClaim | Kind::CloudNativePgCluster
        ) || matches!(child.writing, Writing::CreateOnce(_));
        let expected = if is_data && keeps {
            Value::Null
        } else {
            json!([{
                "apiVersion": "shopplatform.io/v1alpha1",
                "kind": "ShopPlatform",
                "name": platform.owner.name,
                "uid": platform.owner.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }])
        };
        assert_eq!(
            child.object["metadata"]["ownerReferences"], expected,
            "{}",
            child.key
        );
    }
}

/// While it sleeps nothing runs; awake, as much as was asked for.
fn check_replicas(platform: &Platform, children: &[Child]) {
    for child in children {
        let replicas = &child.object["spec"]["replicas"];
        match child.key.kind {
            Kind::Deployment | Kind::StatefulSet if platform.hibernate => {
                assert_eq!(*replicas, 0, "{}", child.key);
            }
            Kind::HorizontalPodAutoscaler => {
                assert!(!platform.hibernate, "{}", child.key);
                let deployment = children.iter().find(|other| {
                    other.key.kind == Kind::Deployment && other.key.name == child.key.name
                });
                assert_eq!(deployment.unwrap().object["spec"]["replicas"], Value::Null);
            }
            Kind::Job => assert!(!platform.hibernate, "{}", child.key),
            _ => {}
        }
    }
}

/// Selectors of Deployments, of `StatefulSet`s and of budgets find the pods that they are for, and no others.
fn check_selectors(children: &[Child]) {
    let templates: Vec<_> = children
        .iter()
        .filter_map(|child| Some((child, pod_template(child)?)))
        .collect();
    for child in children {
        let selector = match child.key.kind {
            Kind::Deployment | Kind::StatefulSet | Kind::PodDisruptionBudget => {
                &child.object["spec"]["selector"]["matchLabels"]
            }
            Kind::Service => &child.object["spec"]["selector"],
            _ => continue,
        };
        let wanted = selector.as_object().unwrap();
        let found: Vec<_> = templates
            .iter()
            .filter(|(_, template)| {
                let labels = &template["metadata"]["labels"];
                wanted.iter().all(|(key, value)| labels[key] == *value)
            })
            .map(|(owner, _)| &owner.key)
            .collect();
        assert_eq!(found.len(), 1, "{} selects {found:?}", child.key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_platform_is_built_the_same_each_time_legal_restricted_and_whole(platform in platforms()) {
        let children = built(&platform);
        prop_assert_eq!(&children, &built(&platform));
        check_names(&platform, &children);
        check_pods(&children);
        check_references(&children);
        check_owners(&platform, &children);
        check_replicas(&platform, &children);
        check_selectors(&children);
    }
}
