//! Who may talk to whom, as the policies of all pods together allow it.

use std::collections::{BTreeMap, BTreeSet};

use operator::child::{Child, Kind};
use serde_json::{Value, json};

use crate::platforms::{children, pod_template};
use crate::specs;

/// A connection that both ends' policies allow: from whom, to whom, at which port. Somebody else is `*`.
type Flow = (String, String, i64);

/// The name of the pods that a peer means.
fn parties(peers: &Value) -> Vec<String> {
    let Some(peers) = peers.as_array() else {
        return vec!["*".to_owned()];
    };
    peers
        .iter()
        .map(|peer| match name(&peer["podSelector"]) {
            Some(name) => name,
            None => format!("*{}", peer.to_string().replace('"', "")),
        })
        .collect()
}

fn name(selector: &Value) -> Option<String> {
    let labels = &selector["matchLabels"];
    let name = labels["app.kubernetes.io/name"].as_str();
    let cluster = labels["cnpg.io/cluster"].as_str();
    name.or(cluster).map(str::to_owned)
}

/// The rules of all policies for single pods, in one direction.
fn rules(children: &[Child], direction: &str, peers: &str) -> BTreeSet<Flow> {
    let mut flows = BTreeSet::new();
    for child in children
        .iter()
        .filter(|child| child.key.kind == Kind::NetworkPolicy)
    {
        let spec = &child.object["spec"];
        let Some(own) = name(&spec["podSelector"]) else {
            continue;
        };
        for rule in spec[direction].as_array().into_iter().flatten() {
            for port in rule["ports"].as_array().unwrap() {
                let port = port["port"].as_i64().unwrap();
                for party in parties(&rule[peers]) {
                    flows.insert(match direction {
                        "ingress" => (party, own.clone(), port),
                        _ => (own.clone(), party, port),
                    });
                }
            }
        }
    }
    flows
}

/// What is allowed at both ends, and what goes to or comes from outside.
fn allowed(children: &[Child]) -> Vec<String> {
    let (into, out) = (
        rules(children, "ingress", "from"),
        rules(children, "egress", "to"),
    );
    let inside = |party: &String| !party.starts_with('*');
    let both: BTreeSet<_> = into.intersection(&out).collect();
    let outside = into
        .iter()
        .chain(&out)
        .filter(|(from, to, _)| !inside(from) || !inside(to));
    // What one end allows and the other does not is a mistake.
    for flow in into.symmetric_difference(&out) {
        let is_outside = !inside(&flow.0) || !inside(&flow.1);
        let is_of_others = flow.0.contains("demo-postgres") || flow.1.contains("demo-postgres");
        assert!(is_outside || is_of_others, "only one end allows {flow:?}");
    }
    let mut ports: BTreeMap<(&String, &String), Vec<i64>> = BTreeMap::new();
    for (from, to, port) in both.into_iter().chain(outside) {
        ports.entry((from, to)).or_default().push(*port);
    }
    ports
        .into_iter()
        .map(|((from, to), ports)| format!("{from} -> {to} {ports:?}"))
        .collect()
}

#[test]
fn the_flows_of_the_architecture_are_allowed_and_no_others() {
    assert_eq!(
        allowed(&children(
            json!({"monitoring": {"serviceMonitors": "Disabled"}})
        )),
        [
            "* -> gateway [3000]",
            "gateway -> notification [3004, 9004]",
            "gateway -> order [3003, 9003]",
            "gateway -> product [3002, 9002]",
            "gateway -> user [3001, 9001]",
            "mongodb -> mongodb [27017]",
            "notification -> postgres [5432]",
            "notification -> rabbitmq [5672]",
            "notification -> user [3001]",
            "notification-migrate -> postgres [5432]",
            "order -> postgres [5432]",
            "order -> rabbitmq [5672]",
            "order -> user [3001]",
            "order-migrate -> postgres [5432]",
            "product -> mongodb [27017]",
            "product -> rabbitmq [5672]",
            "product -> user [3001]",
            "product-migrate -> mongodb [27017]",
            "provision -> mongodb [27017]",
            "provision -> postgres [5432]",
            "provision -> rabbitmq [5672, 15672]",
            "rabbitmq -> rabbitmq [4369, 25672]",
            "user -> mongodb [27017]",
            "user -> rabbitmq [5672]",
            "user-migrate -> mongodb [27017]",
        ]
    );
}

#[test]
fn external_servers_mails_and_traces_are_reached_at_their_ports() {
    let external =
        |secret: &str| json!({"mode": "External", "external": {"secretRef": {"name": secret}}});
    let flows = allowed(&children(json!({
        "mongodb": external("servers"),
        "postgres": external("postgres"),
        "rabbitmq": external("broker"),
        "monitoring": {"serviceMonitors": "Disabled"},
        "notifications": {"email": {
            "smtpUrlSecretRef": {"name": "smtp", "key": "url"},
            "from": "Shop <shop@shop.example>",
        }},
        "services": {"product": {"env": [
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "https://traces.example/v1"},
        ]}},
    })));
    let outside: Vec<_> = flows.iter().filter(|flow| flow.contains('*')).collect();
    assert_eq!(
        outside,
        [
            "* -> gateway [3000]",
            "notification -> * [465, 5432, 5671, 6432, 15671]",
            "notification-migrate -> * [5432, 6432]",
            "order -> * [5432, 5671, 6432, 15671]",
            "order-migrate -> * [5432, 6432]",
            "product -> * [443, 5671, 15671, 27017]",
            "product-migrate -> * [27017]",
            "provision -> * [5432, 5671, 6432, 15671]",
            "user -> * [5671, 15671, 27017]",
            "user-migrate -> * [27017]",
        ]
    );
}

#[test]
fn an_extra_service_gets_at_what_it_needs_and_the_gateway_at_it() {
    let spec = json!({"services": {"extra": [
        {"name": "reviews", "image": "reviews:7", "port": 8080, "needs": ["postgres"]},
    ]}});
    let with = allowed(&children(spec));
    let without = allowed(&children(json!({})));
    let new: Vec<_> = with.iter().filter(|flow| !without.contains(flow)).collect();
    assert_eq!(
        new,
        [
            "gateway -> reviews [8080]",
            "reviews -> postgres [5432]",
            "reviews -> user [3001]",
            "reviews-migrate -> postgres [5432]",
        ]
    );
}

#[test]
fn every_pod_is_under_the_policy_that_denies_everything_and_under_one_of_its_own() {
    for (name, spec) in specs::all() {
        if spec.pointer("/networkPolicy/enabled") == Some(&json!(false)) {
            continue;
        }
        let children = children(spec);
        let selectors: Vec<_> = children
            .iter()
            .filter(|child| child.key.kind == Kind::NetworkPolicy)
            .map(|child| &child.object["spec"]["podSelector"]["matchLabels"])
            .collect();
        for child in &children {
            let Some(template) = pod_template(child) else {
                continue;
            };
            let labels = &template["metadata"]["labels"];
            let selecting = selectors.iter().filter(|selector| {
                let mut wanted = selector.as_object().unwrap().iter();
                wanted.all(|(key, value)| labels[key] == *value)
            });
            assert_eq!(selecting.count(), 2, "{name}: {}", child.key);
        }
    }
}
