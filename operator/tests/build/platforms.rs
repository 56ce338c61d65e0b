//! Platforms as a validation makes them of manifests.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use kube::api::ObjectMeta;
use operator::build::{BuildError, build};
use operator::child::{Child, Kind};
use operator::dereference::{Found, SecretContent};
use operator::platform::Platform;
use operator::resource::ShopPlatform;
use operator::validate::{Defaults, validate};
use serde_json::Value;

/// The Secrets that people made in the namespace.
const SECRETS: [(&str, &[(&str, &str)]); 8] = [
    (
        "servers",
        &[
            ("uri", "mongodb://scott:tiger@mongo.example/?tls=true"),
            ("ca.crt", "-----BEGIN CERTIFICATE-----"),
        ],
    ),
    (
        "postgres",
        &[
            ("uri", "postgres://db.example:6432/?sslmode=require"),
            ("adminUri", "postgres://root:secret@db.example/postgres"),
            ("order.uri", "postgres://order:secret@orders.example/orders"),
        ],
    ),
    (
        "broker",
        &[
            ("uri", "amqps://broker.example/shop"),
            ("adminUri", "amqps://root:secret@broker.example/shop"),
            ("managementUri", "https://broker.example:15671"),
        ],
    ),
    ("smtp", &[("url", "smtps://shop:secret@mail.example")]),
    ("admin", &[("first", "correct horse")]),
    ("certificate", &[("tls.crt", ""), ("tls.key", "")]),
    ("tokens", &[("token", "t0ken")]),
    ("registry", &[(".dockerconfigjson", "{}")]),
];

/// What is found in a cluster that has every API.
pub fn found() -> Found {
    let secret = |(name, data): (&str, &[(&str, &str)])| {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let data: BTreeMap<_, _> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), bytes(value)))
            .collect();
        (name.to_owned(), Some(SecretContent::of(&data)))
    };
    Found {
        secrets: SECRETS.into_iter().map(secret).collect(),
        apis: Kind::ALL.into(),
        ..Found::default()
    }
}

/// The platform `shop/demo` with this spec.
pub fn platform(spec: Value) -> Platform {
    named("demo", spec, &found())
}

/// A platform of that name, with what was found.
pub fn named(name: &str, spec: Value, found: &Found) -> Platform {
    let resource = ShopPlatform {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("shop".to_owned()),
            uid: Some("0b5e7a3c-uid".to_owned()),
            ..ObjectMeta::default()
        },
        spec: serde_json::from_value(spec).unwrap(),
        status: None,
    };
    // Of one version, so that snapshots outlive this one.
    let operator = Defaults {
        newest: "0.1.0".parse().unwrap(),
        ..Defaults::new(None)
    };
    validate(&resource, found, &operator).unwrap()
}

/// The children of the platform `shop/demo` with this spec.
pub fn children(spec: Value) -> Vec<Child> {
    built(&platform(spec))
}

/// The children of a platform.
pub fn built(platform: &Platform) -> Vec<Child> {
    build(platform).unwrap()
}

/// Why the platform `shop/demo` with this spec cannot be built.
pub fn refused(spec: Value) -> BuildError {
    build(&platform(spec)).unwrap_err()
}

/// The child of that kind and name.
pub fn child<'c>(children: &'c [Child], kind: Kind, name: &str) -> &'c Child {
    children
        .iter()
        .find(|child| child.key.kind == kind && child.key.name == name)
        .unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The pod template of a child that has one.
pub fn pod_template(child: &Child) -> Option<&Value> {
    match child.key.kind {
        Kind::Deployment | Kind::StatefulSet | Kind::Job => child.object.pointer("/spec/template"),
        Kind::CronJob => child.object.pointer("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// All containers of a pod template, those that run first included.
pub fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| template["spec"][list].as_array())
        .flatten()
}
