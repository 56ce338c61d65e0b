//! A node that is drained, and one that loses its power. The servers are on another one: their disks are local to it.
//!
//! Needs the cluster of `hack/cluster` with two nodes, of which the second one can be switched off.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use testkit::wait;

use crate::cluster::{PATIENCE, is_ready};
use crate::platform::{Platform, until_ready};
use crate::tools::{kubectl, run};
use crate::traffic::{Traffic, busy};

const SERVICES: [&str; 5] = ["user", "product", "order", "notification", "gateway"];
/// Of each service.
const REPLICAS: usize = 2;
const FIRST: &str = "node-1";
const SECOND: &str = "node-2";
/// Cuts the power of a node, and gives it back.
const SWITCH: &str = "../hack/cluster/node.sh";

fn two_of_each() -> Value {
    let two = json!({"replicas": REPLICAS});
    busy(json!({
        "gateway": two,
        "services": {"user": two, "product": two, "order": two, "notification": two},
    }))
}

/// Both nodes as they were, whatever became of a test.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        let run = |program: &str, arguments: &[&str]| {
            let _ = std::process::Command::new(program).args(arguments).output();
        };
        run(SWITCH, &["on", "2"]);
        run("kubectl", &["uncordon", FIRST, SECOND]);
    }
}

/// Only there pods may begin.
async fn only_on(node: &str) -> Result<()> {
    let other = if node == FIRST { SECOND } else { FIRST };
    kubectl(&["cordon", other]).await?;
    kubectl(&["uncordon", node]).await?;
    Ok(())
}

/// How many pods of each service are ready, by node.
async fn ready_by_node(shop: &Platform) -> Result<BTreeMap<&'static str, [usize; 2]>> {
    let mut found = BTreeMap::new();
    for service in SERVICES {
        let pods = shop.space.pods(service).await?;
        let on = |node: &str| {
            let there = |pod: &&Pod| {
                let spec = pod.spec.as_ref();
                spec.and_then(|spec| spec.node_name.as_deref()) == Some(node)
            };
            pods.iter()
                .filter(there)
                .filter(|pod| is_ready(pod))
                .count()
        };
        found.insert(service, [FIRST, SECOND].map(on));
    }
    Ok(found)
}

async fn until_each_service_has(shop: &Platform, by_node: [usize; 2]) -> Result<()> {
    let what = format!("each service to have {by_node:?} pods on the nodes");
    wait::until_within(PATIENCE, &what, || async {
        let found = ready_by_node(shop).await?;
        Ok(found.values().all(|found| *found == by_node).then_some(()))
    })
    .await
}

/// Replaces so many pods of each service.
async fn replace(shop: &Platform, count: usize) -> Result<()> {
    for service in SERVICES {
        for pod in shop.space.pods(service).await?.iter().take(count) {
            let pods = shop.space.all::<Pod>();
            pods.delete(&pod.name_any(), &DeleteParams::default())
                .await?;
        }
    }
    Ok(())
}

/// Returns of which services a pod had to stay until another one was ready.
async fn drain(shop: &Platform, node: &str) -> Result<Vec<&'static str>> {
    let arguments = [
        "drain",
        node,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--timeout=3m",
    ];
    let told = kubectl(&arguments).await?;
    let ours = |line: &&str| line.contains(&format!("-n \"{}\"", shop.space.namespace));
    let refused: Vec<&str> = told
        .lines()
        .filter(ours)
        .filter(|line| line.contains("would violate the pod's disruption budget"))
        .collect();
    let held = |service: &&str| {
        let of_it = format!("pods/\"demo-{service}-");
        refused.iter().any(|line| line.contains(&of_it))
    };
    Ok(SERVICES
        .into_iter()
        .filter(|service| held(service))
        .collect())
}

async fn until_it_is_back(shop: &Platform) -> Result<()> {
    let nodes = Api::<Node>::all(shop.space.client.clone());
    wait::until_within(PATIENCE, "the node to be back", || async {
        let conditions = nodes.get(SECOND).await?.status.unwrap_or_default();
        let conditions = conditions.conditions.unwrap_or_default();
        let ready = conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let pods = shop.space.all::<Pod>().list(&ListParams::default()).await?;
        let leaving = pods
            .iter()
            .any(|pod| pod.metadata.deletion_timestamp.is_some());
        Ok((ready && !leaving).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_node_fails_no_request_and_one_that_loses_its_power_loses_nothing() {
    let _restored = Restored;
    only_on(FIRST).await.unwrap();
    let shop = Platform::new("nodes", &two_of_each()).await.unwrap();
    // Both replicas of each service are on the node that is drained: without budgets all would go at once.
    only_on(SECOND).await.unwrap();
    replace(&shop, REPLICAS).await.unwrap();
    until_each_service_has(&shop, [0, REPLICAS]).await.unwrap();
    until_ready(&shop.space).await.unwrap();
    shop.until_all_services_answer().await.unwrap();
    let mut traffic = Traffic::at(&shop, "nodes").await.unwrap();
    let mut held = Vec::new();
    let drained = async {
        kubectl(&["uncordon", FIRST]).await?;
        held = drain(&shop, SECOND).await?;
        until_each_service_has(&shop, [REPLICAS, 0]).await
    };
    traffic
        .unaware_of("a drain", Box::pin(drained))
        .await
        .unwrap();
    assert_eq!(held, SERVICES);

    only_on(SECOND).await.unwrap();
    replace(&shop, 1).await.unwrap();
    until_each_service_has(&shop, [1, 1]).await.unwrap();
    kubectl(&["uncordon", FIRST]).await.unwrap();
    let without_power = async {
        let cut = run(SWITCH, &["off", "2"]).await?;
        ensure!(cut.well, "{}", cut.text);
        until_each_service_has(&shop, [REPLICAS, 0]).await
    };
    traffic
        .during("a node without power", Box::pin(without_power))
        .await
        .unwrap();
    // Who had no answer tried again: what counts is that everything that was answered is true.
    let given = run(SWITCH, &["on", "2"]).await.unwrap();
    assert!(given.well, "{}", given.text);
    traffic.exact(&shop).await.unwrap();
    until_it_is_back(&shop).await.unwrap();
    until_ready(&shop.space).await.unwrap();
    shop.space.remove().await.unwrap();
}
