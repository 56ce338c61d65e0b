//! What people think of.

use serde_json::{Value, json};

use super::mutation::Mutation;

/// Texts that make sense for fields of this name.
pub(super) fn texts(name: &str) -> &'static [&'static str] {
    match name {
        "size" => &["10Gi", "11Gi", "12G", "1.5Gi", "256Mi", "1e10", "1"],
        "cpu" => &["100m", "0.2", "1e-1", "2", "0", "lots"],
        "memory" => &["64Mi", "128M", "1e8", "0.5Gi", "12m", "lots"],
        "version" => &["0.1.0", "0.1.1", "9.0.0", "latest"],
        "tag" => &["0.1.0-7", "latest"],
        "image" | "overrides" => &[
            "registry.example/thing:7",
            "registry.example:5000/thing@sha256:0123",
        ],
        "registry" => &["registry.example/shop", "registry.example:5000"],
        "host" => &["shop.example", "Shop.example", "*.example"],
        "email" => &["root@shop.example"],
        "from" => &["Shop <shop@shop.example>", "shop@shop.example"],
        "rotateAfter" => &["90d", "12h", "1w"],
        "cidr" => &["192.0.2.0/24", "2001:db8::/32", "192.0.2.0/33"],
        "allowedOrigins" => &["https://www.example.com", "*"],
        "path" => &["/api/v1/things/{id}", "/{*rest}", "things", "/docs"],
        "schedule" => &["0 3 * * *"],
        "upstream" => &["order", "nobody"],
        "roles" => &["customer", "nobody"],
        "className" => &["nginx", "standard"],
        "annotations" => &["2m"],
        _ => &["nowhere", "order"],
    }
}

fn good(patch: Value) -> Mutation {
    Mutation {
        patch,
        mistake: None,
    }
}

/// Without pods nobody would see it: there is one of each, if the mistake is not about that.
fn mistake(named: &'static str, mut patch: Value) -> Mutation {
    for service in ["order", "user"] {
        let service = &mut patch["services"][service];
        if service.get("replicas").is_none() {
            service["replicas"] = json!(1);
            service["autoscaling"] = Value::Null;
        }
    }
    Mutation {
        patch,
        mistake: Some(named),
    }
}

/// Ordinary changes that take several fields, and mistakes whose message has to name what is wrong.
pub(super) fn all() -> Vec<Mutation> {
    let order = |of: Value| json!({"services": {"order": of}});
    let pods = |spec: Value| order(json!({"podTemplate": {"spec": spec}}));
    vec![
        good(order(json!({"replicas": 2}))),
        good(order(json!({"replicas": 0}))),
        good(order(
            json!({"replicas": null, "autoscaling": {"minReplicas": 2, "maxReplicas": 4}}),
        )),
        good(order(json!({"replicas": 1, "autoscaling": null}))),
        good(json!({"gateway": {"replicas": null, "autoscaling": {"maxReplicas": 3}}})),
        good(json!({"gateway": {"expose": {"type": "Ingress", "host": "shop.example"}}})),
        good(json!({"gateway": {"expose": {"type": "NodePort", "host": null}}})),
        good(json!({"gateway": {"expose": {"type": "ClusterIP", "host": null}}})),
        good(json!({"images": {"tag": "0.1.0-7"}})),
        good(json!({"images": {"tag": null, "overrides": {"order": "registry.example/order:7"}}})),
        good(json!({"services": {"extra": [{"name": "pages", "image": "pages:1", "port": 80}]}})),
        good(json!({"services": {"extra": [
            {"name": "reviews", "image": "reviews:7", "port": 8080, "needs": ["postgres", "rabbitmq"]},
        ]}})),
        good(json!({"services": {"extra": []}})),
        good(json!({"postgres": {"managed": {"storage": {"size": "20Gi"}}}})),
        good(json!({"mongodb": {"managed": {"members": 3}}})),
        good(json!({"networkPolicy": {"enabled": false}})),
        good(json!({"networkPolicy": {"enabled": true}})),
        good(json!({"deletionPolicy": "Delete"})),
        good(json!({"deletionPolicy": "Retain"})),
        good(json!({"hibernate": true})),
        good(json!({"paused": true})),
        good(pods(
            json!({"nodeSelector": null, "tolerations": [{"key": "spot", "operator": "Exists"}]}),
        )),
        mistake(
            "missing",
            json!({"images": {"overrides": {"order": "registry.example/order:missing"}}}),
        ),
        mistake("missing", json!({"images": {"tag": "missing"}})),
        mistake(
            "order",
            json!({"images": {"overrides": {"order": "registry.example/order:unready"}}}),
        ),
        mistake(
            "CrashLoopBackOff",
            json!({"images": {"overrides": {"user": "registry.example/user:crashing"}}}),
        ),
        mistake(
            "missing",
            json!({"mongodb": {"managed": {"image": "registry.example/mongo:missing"}}}),
        ),
        mistake(
            "quota",
            order(json!({"replicas": 1000, "autoscaling": null})),
        ),
        mistake(
            "nodes",
            order(json!({"resources": {"requests": {"cpu": "5k"}}})),
        ),
        mistake("nodes", pods(json!({"nodeSelector": {"disk": "nowhere"}}))),
        mistake(
            "nodes",
            pods(json!({"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["nowhere"]}]},
                ]},
            }}})),
        ),
        mistake("nowhere", pods(json!({"priorityClassName": "nowhere"}))),
        mistake("Nonsense", pods(json!({"dnsPolicy": "Nonsense"}))),
        mistake(
            "nowhere",
            order(json!({"env": [{"name": "A", "secretKeyRef": {"name": "nowhere", "key": "a"}}]})),
        ),
        mistake(
            "nowhere",
            json!({"administrator": {"passwordSecretRef": {"name": "nowhere", "key": "a"}}}),
        ),
        mistake(
            "nowhere",
            json!({"notifications": {"email": {
                "smtpUrlSecretRef": {"name": "nowhere", "key": "url"},
                "from": "shop@shop.example",
            }}}),
        ),
        mistake("9.0.0", json!({"version": "9.0.0"})),
    ]
}
