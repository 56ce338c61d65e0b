use std::time::Duration;

use super::*;
use crate::platform::{
    Access, Certificate, CloudNativePg, Email, External, ExtraService, Route, RouteRate,
};
use crate::resource::{
    EnvVar, GatewayRef, HttpMethod, IssuerKind, IssuerRef, Need, Protocol, RateLimitSpec,
    SecretKeyRef,
};

/// As `demo`, but for what `change` changes.
fn with(change: impl FnOnce(&mut Platform)) -> Platform {
    let mut platform = smallest();
    change(&mut platform);
    platform
}

fn key(name: &str, key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: name.to_owned(),
        key: key.to_owned(),
    }
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[test]
fn an_empty_spec_is_one_of_everything() {
    assert_eq!(accept(json!({}), &Found::default()), smallest());
}

#[test]
fn production_is_two_replicas_and_three_members() {
    let production = with(|platform| {
        platform.profile = Profile::Production;
        for workload in &mut platform.workloads {
            workload.replicas = Replicas::Fixed(2);
            workload.resources = resources("250m", "128Mi", "512Mi");
        }
        let server = |image, members, resources| Managed {
            members,
            ..managed(image, resources)
        };
        platform.mongodb =
            MongoDb::Managed(server("mongo:7.0", 3, resources("500m", "1Gi", "2Gi")));
        platform.postgres =
            Postgres::Managed(server("postgres:17", 1, resources("500m", "512Mi", "2Gi")));
        platform.rabbitmq = RabbitMq::Managed(server(
            "rabbitmq:4.0-management",
            3,
            resources("250m", "512Mi", "1Gi"),
        ));
    });
    assert_eq!(
        accept(json!({"profile": "Production"}), &Found::default()),
        production
    );
}

#[test]
fn what_is_said_of_a_service_is_as_said() {
    let spec = json!({
        "version": "0.2.0",
        "images": {
            "registry": "registry.example.com/shop",
            "tag": "test",
            "pullPolicy": "Always",
            "pullSecrets": [{"name": "registry"}],
            "overrides": {"user": "users:7", "shopctl": "ctl:7"},
        },
        "gateway": {"replicas": 0, "resources": {"limits": {"cpu": "1"}}},
        "services": {
            "user": {"autoscaling": {"maxReplicas": 9}},
            "product": {"autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 60}},
            "order": {
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
                "env": [
                    {"name": "PLAIN", "value": "1"},
                    {"name": "HIDDEN", "secretKeyRef": {"name": "own", "key": "word"}},
                ],
                "podTemplate": {"metadata": {"labels": {"team": "orders"}}},
            },
        },
        "administrator": {"email": "boss@shop.example", "passwordSecretRef": {"name": "own", "key": "word"}},
        "credentials": {"rotateAfter": "90d"},
        "networkPolicy": {"enabled": false},
        "monitoring": {"serviceMonitors": "Enabled"},
        "deletionPolicy": "Delete",
        "hibernate": true,
    });
    let found = Found {
        credentials: 4,
        lock_previous: true,
        ..found([("own", &[("word", "secret")])])
    };
    let expected = with(|platform| {
        platform.version = "0.2.0".to_owned();
        platform.pull_policy = "Always";
        platform.pull_secrets = strings(["registry"]);
        platform.shopctl_image = Image("ctl:7".to_owned());
        for workload in &mut platform.workloads {
            workload.image = Image(format!(
                "registry.example.com/shop/{}:test",
                workload.component
            ));
        }
        let [gateway, user, product, order, _] = platform.workloads.as_mut_slice() else {
            panic!("not five workloads");
        };
        gateway.replicas = Replicas::Fixed(0);
        gateway.resources = serde_json::from_value(json!({
            "requests": {"cpu": "1", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        }))
        .unwrap();
        user.image = Image("users:7".to_owned());
        user.replicas = Replicas::Auto {
            min: 1,
            max: 9,
            cpu_percent: 80,
        };
        product.replicas = Replicas::Auto {
            min: 2,
            max: 5,
            cpu_percent: 60,
        };
        order.resources = resources("100m", "64Mi", "64Mi");
        order.env = vec![
            EnvVar {
                name: "PLAIN".to_owned(),
                value: Some("1".to_owned()),
                secret_key_ref: None,
            },
            EnvVar {
                name: "HIDDEN".to_owned(),
                value: None,
                secret_key_ref: Some(key("own", "word")),
            },
        ];
        order.pod_template = Some(json!({"metadata": {"labels": {"team": "orders"}}}));
        platform.administrator = "boss@shop.example".to_owned();
        platform.administrator_password = Some(key("own", "word"));
        platform.rotate_after = Some(Duration::from_hours(90 * 24));
        platform.network_policy = None;
        platform.service_monitors = true;
        platform.deletion_policy = DeletionPolicy::Delete;
        platform.hibernate = true;
        platform.credentials = 4;
        platform.lock_previous = true;
        let hash = found.secrets["own"].as_ref().unwrap().hash.clone();
        platform.env_secrets = BTreeMap::from([("own".to_owned(), hash)]);
    });
    assert_eq!(accept(spec, &found), expected);
}

#[expect(clippy::too_many_lines, reason = "whole values are compared")]
#[test]
fn a_gateway_is_exposed_with_its_routes_and_those_of_extra_services() {
    let spec = json!({
        "gateway": {
            "expose": {
                "type": "Ingress",
                "host": "shop.example",
                "className": "nginx",
                "tls": {"issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}},
                "annotations": {"a": "b"},
            },
            "rateLimit": {"requestsPerSecond": 5},
            "cors": {"allowedOrigins": ["https://shop.example"]},
            "routes": [{"path": "/api/v1/top", "methods": ["POST", "GET"], "roles": ["catalog"], "upstream": "product"}],
        },
        "services": {"extra": [{
            "name": "reviews",
            "image": "reviews:1",
            "port": 8080,
            "protocol": "http1",
            "needs": ["rabbitmq", "postgres"],
            "tells": ["review"],
            "hears": ["order.delivered.v1"],
            "replicas": 3,
            "routes": [{
                "path": "/api/v1/reviews/{id}",
                "methods": ["GET"],
                "access": "Public",
                "timeoutMs": 100,
                "maxBodyBytes": 10,
                "rateLimit": {"requests": 1, "windowSeconds": 2, "burst": 3},
                "streaming": true,
            }],
        }]},
    });
    let platform = accept(spec, &Found::default());
    let expected = with(|platform| {
        platform.expose = Expose {
            by: ExposeBy::Ingress {
                host: "shop.example".to_owned(),
                class_name: Some("nginx".to_owned()),
                certificate: Some(Certificate::Issuer(IssuerRef {
                    name: "letsencrypt".to_owned(),
                    kind: IssuerKind::ClusterIssuer,
                })),
            },
            annotations: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        platform.rate_limit = Some(RateLimitSpec {
            requests_per_second: 5,
            burst: None,
        });
        platform.allowed_origins = strings(["https://shop.example"]);
        platform.workloads.push(Workload {
            image: Image("reviews:1".to_owned()),
            replicas: Replicas::Fixed(3),
            ..workload(
                "reviews",
                Role::Extra(ExtraService {
                    protocol: Protocol::Http1,
                    needs: vec![Need::Postgres, Need::Rabbitmq],
                    tells: strings(["review"]),
                    hears: strings(["order.delivered.v1"]),
                }),
                8080,
            )
        });
        platform.routes = vec![
            Route {
                path: "/api/v1/top".to_owned(),
                methods: vec![HttpMethod::Get, HttpMethod::Post],
                upstream: "product".to_owned(),
                access: Access::Roles(strings(["catalog"])),
                timeout_ms: None,
                max_body_bytes: None,
                rate_limit: None,
                streaming: false,
            },
            Route {
                path: "/api/v1/reviews/{id}".to_owned(),
                methods: vec![HttpMethod::Get],
                upstream: "reviews".to_owned(),
                access: Access::Public,
                timeout_ms: Some(100),
                max_body_bytes: Some(10),
                rate_limit: Some(RouteRate {
                    requests: 1,
                    window_s: 2,
                    burst: Some(3),
                }),
                streaming: true,
            },
        ];
    });
    assert_eq!(platform, expected);
    // As the gateway reads it.
    assert_eq!(
        serde_json::to_value(&platform.routes).unwrap(),
        json!([
            {
                "path": "/api/v1/top",
                "methods": ["GET", "POST"],
                "upstream": "product",
                "access": {"roles": ["catalog"]},
            },
            {
                "path": "/api/v1/reviews/{id}",
                "methods": ["GET"],
                "upstream": "reviews",
                "access": "public",
                "timeout_ms": 100,
                "max_body_bytes": 10,
                "rate_limit": {"requests": 1, "window_s": 2, "burst": 3},
                "streaming": true,
            },
        ])
    );
}

#[test]
fn a_gateway_is_attached_to_a_gateway_of_the_cluster() {
    let spec = json!({"gateway": {"expose": {"type": "HTTPRoute", "gatewayRef": {"name": "public", "namespace": "infra"}}}});
    let expected = with(|platform| {
        platform.expose.by = ExposeBy::HttpRoute {
            gateway: GatewayRef {
                name: "public".to_owned(),
                namespace: Some("infra".to_owned()),
                section_name: None,
            },
            host: None,
        };
        platform.service_monitors = true;
    });
    assert_eq!(accept(spec, &found([])), expected);
}

#[test]
fn servers_of_others_are_found_by_their_secrets() {
    let spec = json!({
        "mongodb": {"mode": "External", "external": {"secretRef": {"name": "mongodb"}}},
        "postgres": {"mode": "External", "external": {"secretRef": {"name": "postgres"}}},
        "rabbitmq": {"mode": "External", "external": {"secretRef": {"name": "rabbitmq"}}},
        "notifications": {"email": {"smtpUrlSecretRef": {"name": "mail", "key": "url"}, "from": "Shop <a@b.example>"}},
    });
    let found = Found {
        apis: BTreeSet::new(),
        ..found([
            (
                "mongodb",
                &[
                    ("uri", "mongodb://u:p@a,b:1/?replicaSet=rs0"),
                    ("ca.crt", "PEM"),
                ],
            ),
            (
                "postgres",
                &[
                    ("order.uri", "postgres://o:p@db:6432/orders"),
                    ("notification.uri", "postgresql://n:p@db/notes"),
                    ("uri", "not looked at: every service has its own"),
                ],
            ),
            (
                "rabbitmq",
                &[
                    ("uri", "amqps://u:p@mq/shop"),
                    ("adminUri", "amqps://root:p@mq/shop"),
                    ("managementUri", "https://mq:15671"),
                ],
            ),
            ("mail", &[("url", "smtps://u:p@mail.example")]),
        ])
    };
    let hash = |name: &str| found.secrets[name].as_ref().unwrap().hash.clone();
    let external = |name: &str, keys: &[&str], ports: &[i32]| External {
        secret: name.to_owned(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ports: ports.iter().copied().collect(),
        content_hash: hash(name),
    };
    let expected = with(|platform| {
        platform.mongodb = MongoDb::External(external("mongodb", &["uri", "ca.crt"], &[1, 27017]));
        platform.postgres = Postgres::External(external(
            "postgres",
            &["order.uri", "notification.uri", "uri"],
            &[5432, 6432],
        ));
        platform.rabbitmq = RabbitMq::External(external(
            "rabbitmq",
            &["uri", "adminUri", "managementUri"],
            &[5671, 15671],
        ));
        platform.email = Some(Email {
            url: key("mail", "url"),
            port: 465,
            content_hash: hash("mail"),
            from: "Shop <a@b.example>".to_owned(),
        });
    });
    assert_eq!(accept(spec, &found), expected);
}

#[test]
fn postgres_of_cloud_native_pg_has_instances_by_profile() {
    for (spec, instances) in [
        (json!({"postgres": {"mode": "CloudNativePG"}}), 1),
        (
            json!({"postgres": {"mode": "CloudNativePG", "cloudNativePG": {"instances": 2}}}),
            2,
        ),
        (
            json!({"postgres": {"mode": "CloudNativePG"}, "profile": "Production"}),
            3,
        ),
    ] {
        let expected = Postgres::CloudNativePg(CloudNativePg {
            instances,
            storage: Storage {
                size: "10Gi".to_owned(),
                class_name: None,
            },
        });
        assert_eq!(accept(spec, &found([])).postgres, expected);
    }
}
