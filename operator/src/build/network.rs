//! Who may talk to whom: nobody, but for the flows of [`flows`]. From each flow both ends are made, so they cannot differ.

mod flows;

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use self::flows::{Flow, Party, Pods};
use super::pod::metadata;
use crate::child::{Child, Kind, Unwritable};
use crate::names::{Component, PLATFORM_LABEL};
use crate::platform::{NetworkRules, Platform};

/// The component of the policy that holds for all pods.
const DEFAULT: &str = "default";
/// Where names are looked up: rules see the port of the pod behind the Service, which is 1053 or 5353 in some clusters.
const DNS_PORTS: [i32; 3] = [53, 1053, 5353];

/// The policies of a platform; none if they are off.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let Some(rules) = &platform.network_policy else {
        return Ok(Vec::new());
    };
    let flows = flows::of(platform, rules);
    let mut policies = vec![default(platform, rules)?];
    for pods in flows::pods(platform) {
        policies.push(policy(platform, &pods, &flows)?);
    }
    Ok(policies)
}

/// All pods may look names up, and talk to those that people name; nobody may talk to them.
fn default(platform: &Platform, rules: &NetworkRules) -> Result<Child, Unwritable> {
    let component = Component::new(DEFAULT);
    let names = DNS_PORTS
        .into_iter()
        .flat_map(|number| [port(number, "UDP"), port(number, "TCP")])
        .collect();
    // Anywhere: a node's own cache is no pod.
    let mut egress = vec![NetworkPolicyEgressRule {
        ports: Some(names),
        to: None,
    }];
    if !rules.egress_to.is_empty() {
        egress.push(NetworkPolicyEgressRule {
            ports: None,
            to: Some(rules.egress_to.clone()),
        });
    }
    let all = BTreeMap::from([(PLATFORM_LABEL.to_owned(), platform.owner.name.clone())]);
    let policy = NetworkPolicy {
        metadata: metadata(&platform.owner, &component, platform.owner.child(DEFAULT)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labelled(all)),
            policy_types: Some(both()),
            ingress: None,
            egress: Some(egress),
        }),
    };
    Child::applied(Kind::NetworkPolicy, &policy)
}

/// What some pods may do besides.
fn policy(platform: &Platform, pods: &Pods, flows: &[Flow]) -> Result<Child, Unwritable> {
    let to_them = flows.iter().filter(|flow| flow.to.is(pods));
    let ingress: Vec<_> = by_ports(to_them.map(|flow| (&flow.ports, &flow.from)))
        .map(|(ports, from)| NetworkPolicyIngressRule { ports, from })
        .collect();
    let from_them = flows.iter().filter(|flow| flow.from.is(pods));
    let egress: Vec<_> = by_ports(from_them.map(|flow| (&flow.ports, &flow.to)))
        .map(|(ports, to)| NetworkPolicyEgressRule { ports, to })
        .collect();
    let types = if pods.are_ours {
        both()
    } else {
        vec!["Ingress".to_owned()]
    };
    let name = platform.owner.child(pods.component.as_str());
    let policy = NetworkPolicy {
        metadata: metadata(&platform.owner, &pods.component, name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labelled(pods.labels.clone())),
            policy_types: Some(types),
            ingress: (!ingress.is_empty()).then_some(ingress),
            egress: (!egress.is_empty()).then_some(egress),
        }),
    };
    Child::applied(Kind::NetworkPolicy, &policy)
}

type Rule = (
    Option<Vec<NetworkPolicyPort>>,
    Option<Vec<NetworkPolicyPeer>>,
);

/// One rule for each set of ports, with all parties that may use it; without a list of parties: everybody.
fn by_ports<'f>(
    parties: impl Iterator<Item = (&'f Vec<i32>, &'f Party)>,
) -> impl Iterator<Item = Rule> {
    let mut rules: BTreeMap<&Vec<i32>, Option<Vec<NetworkPolicyPeer>>> = BTreeMap::new();
    for (ports, party) in parties {
        let known = rules.entry(ports).or_insert_with(|| Some(Vec::new()));
        match (known.as_mut(), peers(party)) {
            (Some(known), Some(peers)) => known.extend(peers),
            _ => *known = None,
        }
    }
    rules.into_iter().map(|(ports, peers)| {
        let ports = ports.iter().map(|number| port(*number, "TCP")).collect();
        (Some(ports), peers)
    })
}

/// Nothing for everybody.
fn peers(party: &Party) -> Option<Vec<NetworkPolicyPeer>> {
    match party {
        Party::Anybody => None,
        Party::Peers(peers) => Some(peers.clone()),
        Party::Pods(pods) => Some(vec![NetworkPolicyPeer {
            pod_selector: Some(labelled(pods.labels.clone())),
            ..NetworkPolicyPeer::default()
        }]),
        Party::Cluster => Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector::default()),
            ..NetworkPolicyPeer::default()
        }]),
    }
}

fn labelled(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        match_expressions: None,
    }
}

fn both() -> Vec<String> {
    vec!["Ingress".to_owned(), "Egress".to_owned()]
}

fn port(number: i32, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}
