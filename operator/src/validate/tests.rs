//! From a manifest to a platform, or to all that is wrong with it.

mod accepted;
mod refused;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::{Defaults, Invalid, validate};
use crate::child::Kind;
use crate::dereference::{Found, SecretContent};
use crate::names::{Component, Owner};
use crate::platform::{
    CoreService, Expose, ExposeBy, Image, Managed, MongoDb, NetworkRules, Platform, Postgres,
    RabbitMq, Replicas, Role, Storage, Workload,
};
use crate::resource::{DeletionPolicy, Profile, Resources, ShopPlatform};

/// The platform `shop/demo` with this spec.
fn resource(spec: Value) -> ShopPlatform {
    ShopPlatform {
        metadata: ObjectMeta {
            name: Some("demo".to_owned()),
            namespace: Some("shop".to_owned()),
            uid: Some("1-2-3".to_owned()),
            ..ObjectMeta::default()
        },
        spec: serde_json::from_value(spec).unwrap(),
        status: None,
    }
}

/// An operator of version 0.3.0, whatever the version of this build is.
fn operator() -> Defaults {
    Defaults {
        newest: "0.3.0".parse().unwrap(),
        oldest: "0.1.0".parse().unwrap(),
        ..Defaults::new(None)
    }
}

/// Secrets with these keys and contents, in a cluster with all APIs.
fn found<const N: usize>(secrets: [(&str, &[(&str, &str)]); N]) -> Found {
    let secret = |(name, data): (&str, &[(&str, &str)])| {
        let data = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        (name.to_owned(), Some(SecretContent::of(&data.collect())))
    };
    Found {
        secrets: secrets.into_iter().map(secret).collect(),
        apis: BTreeSet::from([
            Kind::HttpRoute,
            Kind::ServiceMonitor,
            Kind::CloudNativePgCluster,
        ]),
        ..Found::default()
    }
}

fn accept(spec: Value, found: &Found) -> Platform {
    validate(&resource(spec), found, &operator()).unwrap()
}

fn refuse(spec: Value, found: &Found) -> Vec<Invalid> {
    validate(&resource(spec), found, &operator()).unwrap_err()
}

fn resources(cpu: &str, memory: &str, most_memory: &str) -> Resources {
    serde_json::from_value(json!({
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"memory": most_memory},
    }))
    .unwrap()
}

fn workload(name: &str, role: Role, port: i32) -> Workload {
    Workload {
        component: Component::new(name),
        role,
        image: Image(format!("ghcr.io/shop-platform/{name}:0.3.0")),
        port,
        replicas: Replicas::Fixed(1),
        resources: resources("50m", "64Mi", "256Mi"),
        env: Vec::new(),
        pod_template: None,
    }
}

fn managed(image: &str, resources: Resources) -> Managed {
    Managed {
        members: 1,
        image: Image(image.to_owned()),
        storage: Storage {
            size: "10Gi".to_owned(),
            class_name: None,
        },
        resources,
    }
}

/// What `spec: {}` asks for in a cluster without other APIs.
fn smallest() -> Platform {
    Platform {
        owner: Owner {
            namespace: "shop".to_owned(),
            name: "demo".to_owned(),
            uid: "1-2-3".to_owned(),
        },
        version: "0.3.0".to_owned(),
        profile: Profile::Development,
        pull_policy: "IfNotPresent",
        pull_secrets: Vec::new(),
        shopctl_image: Image("ghcr.io/shop-platform/shopctl:0.3.0".to_owned()),
        workloads: vec![
            workload("gateway", Role::Gateway, 3000),
            workload("user", Role::Core(CoreService::User), 3001),
            workload("product", Role::Core(CoreService::Product), 3002),
            workload("order", Role::Core(CoreService::Order), 3003),
            workload("notification", Role::Core(CoreService::Notification), 3004),
        ],
        expose: Expose {
            by: ExposeBy::ClusterIp,
            annotations: BTreeMap::new(),
        },
        rate_limit: None,
        allowed_origins: Vec::new(),
        routes: Vec::new(),
        mongodb: MongoDb::Managed(managed("mongo:7.0", resources("100m", "384Mi", "1Gi"))),
        postgres: Postgres::Managed(managed("postgres:17", resources("100m", "128Mi", "512Mi"))),
        rabbitmq: RabbitMq::Managed(managed(
            "rabbitmq:4.0-management",
            resources("100m", "256Mi", "512Mi"),
        )),
        email: None,
        administrator: "admin@shop.example".to_owned(),
        administrator_password: None,
        network_policy: Some(NetworkRules::default()),
        service_monitors: false,
        credentials: 1,
        lock_previous: false,
        rotation_request: None,
        rotate_after: None,
        env_secrets: BTreeMap::new(),
        progress_deadline_s: 300,
        deletion_policy: DeletionPolicy::Retain,
        hibernate: false,
    }
}
