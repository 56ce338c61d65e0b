//! Any platform that can be written down.

use operator::platform::Platform;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::platforms::{found, named};

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

pub(super) fn platforms() -> impl Strategy<Value = Platform> {
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
