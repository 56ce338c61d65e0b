//! What holds for every platform that can be written down.

use std::collections::BTreeSet;

use operator::child::{Child, Kind, Writing};
use operator::names::PLATFORM_LABEL;
use operator::platform::Platform;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::platforms::{built, containers, found, named, pod_template};

/// An object of the fields that are there.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter();
    let there = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn scale() -> impl Strategy<Value = (Option<Value>, Option<Value>)> {
    prop_oneof![
        Just((None, None)),
        (0..=1000).prop_map(|replicas| (Some(json!(replicas)), None)),
        (1..=10, 0..=990, option::of(1..=1000)).prop_map(|(min, more, percent)| {
            let autoscaling = object([
                ("minReplicas", Some(json!(min))),
                ("maxReplicas", Some(json!(min + more))),
                (
                    "targetCPUUtilizationPercentage",
                    percent.map(|percent| json!(percent)),
                ),
            ]);
            (None, Some(autoscaling))
        }),
    ]
}

fn variables() -> impl Strategy<Value = Option<Value>> {
    let names = "[A-Z_][A-Z0-9_]{0,20}";
    let variables = btree_map(names, option::of(".{0,40}"), 0..4).prop_map(|variables| {
        let variables = variables.into_iter().map(|(name, value)| match value {
            Some(value) => json!({"name": name, "value": value}),
            None => json!({"name": name, "secretKeyRef": {"name": "tokens", "key": "token"}}),
        });
        Value::Array(variables.collect())
    });
    option::of(variables)
}

fn template() -> impl Strategy<Value = Option<Value>> {
    option::of(select(vec![
        json!({"spec": {"nodeSelector": {"disk": "fast"}}}),
        json!({"metadata": {"annotations": {"a": "b"}, "labels": {"team": "shop"}}}),
        json!({"spec": {"tolerations": [{"key": "shop", "operator": "Exists"}]}}),
        json!({"spec": {"affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": null}}),
    ]))
}

fn service() -> impl Strategy<Value = Value> {
    (scale(), variables(), template()).prop_map(|((replicas, autoscaling), env, template)| {
        object([
            ("replicas", replicas),
            ("autoscaling", autoscaling),
            ("env", env),
            ("podTemplate", template),
        ])
    })
}

fn extra_services() -> impl Strategy<Value = Value> {
    let needs = subsequence(vec!["mongodb", "postgres", "rabbitmq"], 0..=3);
    let service = (
        needs,
        1..=65_535,
        scale(),
        variables(),
        any::<bool>(),
        any::<bool>(),
    );
    let names = "[a-z]([a-z0-9-]{0,18}[a-z0-9])?";
    btree_map(names, service, 0..3).prop_map(|services| {
        let free = services.into_iter().filter(|(name, _)| !is_taken(name));
        let services = free.map(|(name, (needs, port, (replicas, autoscaling), env, is_old, is_public))| {
            let access = if is_public { "Public" } else { "SignedIn" };
            let route = json!({"path": format!("/api/v1/{name}/{{id}}"), "methods": ["GET", "POST"], "access": access});
            object([
                ("image", Some(json!(format!("registry.example/{name}")))),
                ("protocol", is_old.then(|| json!("http1"))),
                ("routes", Some(json!([route]))),
                ("name", Some(json!(name))),
                ("port", Some(json!(port))),
                ("needs", Some(json!(needs))),
                ("replicas", replicas),
                ("autoscaling", autoscaling),
                ("env", env),
            ])
        });
        Value::Array(services.collect())
    })
}

/// What the schema refuses as a name of an extra service.
fn is_taken(name: &str) -> bool {
    let words = [
        "gateway",
        "user",
        "product",
        "order",
        "notification",
        "shopctl",
        "provision",
        "mongodb",
        "postgres",
        "rabbitmq",
        "default",
        "shop",
        "amq",
        "admin",
        "local",
        "config",
    ];
    let beginnings = ["gateway-", "mongodb-", "postgres-", "rabbitmq-"];
    words.contains(&name)
        || name.ends_with("-migrate")
        || beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

fn server(secret: &'static str) -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        select(vec![1, 3]).prop_map(move |members| match secret {
            "postgres" => json!({"managed": {"storage": {"size": "20Gi", "className": "fast"}}}),
            _ => json!({"managed": {"members": members}}),
        }),
        Just(json!({"mode": "External", "external": {"secretRef": {"name": secret}}})),
    ]
}

fn postgres() -> impl Strategy<Value = Value> {
    let by_others = (1..=9).prop_map(
        |instances| json!({"mode": "CloudNativePG", "cloudNativePG": {"instances": instances}}),
    );
    prop_oneof![server("postgres"), by_others]
}

fn expose() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"type": "NodePort"}),
        json!({"type": "LoadBalancer", "annotations": {"a": "b"}}),
        json!({"type": "Ingress", "host": "shop.example"}),
        json!({"type": "Ingress", "host": "shop.example", "tls": {"secretName": "certificate"}}),
        json!({"type": "HTTPRoute", "gatewayRef": {"name": "public"}}),
    ])
}

fn gateway() -> impl Strategy<Value = Value> {
    let limit = (1..=1_000_000, option::of(1..=10_000_000));
    (
        service(),
        expose(),
        option::of(limit),
        vec("https://[a-z]{1,8}\\.example", 0..3),
    )
        .prop_map(|(mut gateway, expose, limit, origins)| {
            gateway["expose"] = expose;
            gateway["cors"] = json!({"allowedOrigins": origins});
            if let Some((requests, burst)) = limit {
                gateway["rateLimit"] = object([
                    ("requestsPerSecond", Some(json!(requests))),
                    ("burst", burst.map(|burst| json!(burst))),
                ]);
            }
            gateway
        })
}

fn services() -> impl Strategy<Value = Value> {
    (service(), service(), service(), service(), extra_services()).prop_map(
        |(user, product, order, notification, extra)| {
            json!({"user": user, "product": product, "order": order, "notification": notification, "extra": extra})
        },
    )
}

fn policies() -> impl Strategy<Value = Value> {
    let email =
        json!({"smtpUrlSecretRef": {"name": "smtp", "key": "url"}, "from": "shop@shop.example"});
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(move |(enabled, delete, hibernate, mails, production)| {
            object([
                ("networkPolicy", Some(json!({"enabled": enabled}))),
                (
                    "deletionPolicy",
                    Some(json!(if delete { "Delete" } else { "Retain" })),
                ),
                (
                    "profile",
                    Some(json!(if production {
                        "Production"
                    } else {
                        "Development"
                    })),
                ),
                ("hibernate", Some(json!(hibernate))),
                ("notifications", mails.then(|| json!({"email": email}))),
            ])
        })
}

fn platforms() -> impl Strategy<Value = Platform> {
    let servers = (server("servers"), postgres(), server("broker"));
    let names = "[a-z]([a-z0-9-]{0,22}[a-z0-9])?";
    let parts = (
        policies(),
        gateway(),
        services(),
        servers,
        names,
        1..=9_999_u32,
        any::<bool>(),
    );
    parts.prop_map(
        |(mut spec, gateway, services, servers, name, credentials, lock_previous)| {
            spec["gateway"] = gateway;
            spec["services"] = services;
            (spec["mongodb"], spec["postgres"], spec["rabbitmq"]) = servers;
            let mut found = found();
            found.credentials = credentials;
            found.lock_previous = lock_previous;
            named(&name, spec, &found)
        },
    )
}

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
