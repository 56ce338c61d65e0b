//! Specs that together have every part of a platform, each in every mode.

use serde_json::{Value, json};

/// A service that people add, which needs everything.
pub fn reviews() -> Value {
    json!({
        "name": "reviews",
        "image": "registry.example/reviews:7",
        "port": 8080,
        "protocol": "http1",
        "needs": ["rabbitmq", "postgres", "mongodb"],
        "tells": ["review"],
        "hears": ["order.delivered.v1"],
        "env": [
            {"name": "STORE_URL", "value": "$(POSTGRES_URL)"},
            {"name": "TOKEN", "secretKeyRef": {"name": "tokens", "key": "token"}},
        ],
        "routes": [
            {"path": "/api/v1/reviews", "methods": ["GET"], "access": "Public"},
            {
                "path": "/api/v1/reviews",
                "methods": ["POST"],
                "roles": ["customer"],
                "timeoutMs": 5000,
                "maxBodyBytes": 65536,
                "rateLimit": {"requests": 10, "windowSeconds": 60},
            },
            {"path": "/api/v1/reviews/live", "methods": ["GET"], "scopes": ["catalog:read"], "streaming": true},
        ],
    })
}

/// Each with a name that is that of its snapshot.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn all() -> Vec<(&'static str, Value)> {
    let external =
        |secret: &str| json!({"mode": "External", "external": {"secretRef": {"name": secret}}});
    vec![
        ("development", json!({})),
        ("production", json!({"profile": "Production"})),
        (
            "external servers, one shared, one with an administrator, one with both",
            json!({"mongodb": external("servers"), "postgres": external("postgres"), "rabbitmq": external("broker")}),
        ),
        (
            "external servers for an extra service",
            json!({
                "mongodb": external("servers"),
                "postgres": external("postgres"),
                "rabbitmq": external("broker"),
                "services": {"extra": [reviews()]},
            }),
        ),
        (
            "CloudNativePG",
            json!({"profile": "Production", "postgres": {"mode": "CloudNativePG"}, "services": {"extra": [reviews()]}}),
        ),
        (
            "an extra service",
            json!({"services": {"extra": [reviews()]}}),
        ),
        (
            "an extra service without needs",
            json!({"services": {"extra": [{"name": "pages", "image": "nginx:1", "port": 80, "replicas": 3}]}}),
        ),
        (
            "Ingress with a certificate",
            json!({"gateway": {
                "expose": {
                    "type": "Ingress",
                    "host": "shop.example",
                    "className": "nginx",
                    "tls": {"issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer"}},
                    "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "2m"},
                },
                "cors": {"allowedOrigins": ["https://www.shop.example"]},
                "rateLimit": {"requestsPerSecond": 20},
                "routes": [{"path": "/api/v2/products", "methods": ["GET"], "access": "Public", "upstream": "product"}],
            }}),
        ),
        (
            "Ingress without one",
            json!({"gateway": {"expose": {"type": "Ingress", "host": "shop.example"}}}),
        ),
        (
            "HTTPRoute",
            json!({"gateway": {"expose": {
                "type": "HTTPRoute",
                "host": "shop.example",
                "gatewayRef": {"name": "public", "namespace": "gateways", "sectionName": "https"},
            }}}),
        ),
        (
            "NodePort",
            json!({"gateway": {"expose": {"type": "NodePort"}}}),
        ),
        (
            "LoadBalancer",
            json!({"gateway": {"expose": {
                "type": "LoadBalancer",
                "annotations": {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"},
            }}}),
        ),
        (
            "autoscaling",
            json!({
                "gateway": {"autoscaling": {"minReplicas": 2, "maxReplicas": 10}},
                "services": {"order": {"autoscaling": {"maxReplicas": 4, "targetCPUUtilizationPercentage": 60}}},
            }),
        ),
        (
            "hibernating",
            json!({"profile": "Production", "hibernate": true, "gateway": {"autoscaling": {"maxReplicas": 10}}}),
        ),
        (
            "mail, own settings and traces",
            json!({
                "notifications": {"email": {
                    "smtpUrlSecretRef": {"name": "smtp", "key": "url"},
                    "from": "Shop <shop@shop.example>",
                }},
                "administrator": {
                    "email": "root@shop.example",
                    "passwordSecretRef": {"name": "admin", "key": "first"},
                },
                "services": {"order": {"env": [
                    {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.tracing:4318"},
                    {"name": "SHOP__OUTBOX__CAP", "value": "500"},
                ]}},
                "images": {"registry": "registry.example/shop", "pullSecrets": [{"name": "registry"}]},
            }),
        ),
        ("everything is deleted", json!({"deletionPolicy": "Delete"})),
        (
            "network policies with peers",
            json!({"networkPolicy": {
                "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
                "egressTo": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
            }}),
        ),
        (
            "no network policies and no monitors",
            json!({"networkPolicy": {"enabled": false}, "monitoring": {"serviceMonitors": "Disabled"}}),
        ),
        (
            "a podTemplate",
            json!({"services": {"order": {"podTemplate": {
                "metadata": {"annotations": {"sidecar.istio.io/inject": "false"}},
                "spec": {
                    "priorityClassName": "important",
                    "terminationGracePeriodSeconds": 60,
                    "nodeSelector": {"disk": "fast"},
                    "topologySpreadConstraints": [],
                    "containers": [
                        {"name": "order", "env": [{"name": "RUST_BACKTRACE", "value": "1"}], "livenessProbe": null},
                        {
                            "name": "proxy",
                            "image": "proxy:1",
                            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                        },
                    ],
                },
            }}}}),
        ),
    ]
}
