//! Pods that are killed, of services and of servers: nothing is lost.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use testkit::wait;

use crate::cluster::{PATIENCE, is_ready};
use crate::platform::{Platform, SERVICES, ask_for, until_ready};
use crate::tools::run;
use crate::traffic::{Traffic, busy};

/// Takes the operator away that works, in the middle of what it does; another one goes on.
async fn kill_the_operator(client: &Client) -> Result<()> {
    let namespace = "shopplatform-operator";
    let lease = Api::<Lease>::namespaced(client.clone(), namespace)
        .get("shopplatform-operator")
        .await?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity);
    let holder = holder.context("nobody holds the operators' lease")?;
    Api::<Pod>::namespaced(client.clone(), namespace)
        .delete(&holder, &DeleteParams::default().grace_period(0))
        .await?;
    Ok(())
}

/// Kills the processes of a component's pod, as a machine does that is out of memory, by the program that `KILL_POD` names:
/// without one nothing happens. The kubelet starts them again.
async fn kill_processes(shop: &Platform, component: &str) -> Result<()> {
    let Ok(program) = std::env::var("KILL_POD") else {
        return Ok(());
    };
    let pods = shop.space.pods(component).await?;
    let pod = pods.first().context("there is no pod")?;
    let (uid, before) = (pod.uid().context("no UID")?, restarts(pod));
    let killed = run(&program, &[&uid]).await?;
    ensure!(killed.well, "{component}: {}", killed.text);
    wait::until_within(PATIENCE, &format!("{component} to be back"), || async {
        let pods = shop.space.pods(component).await?;
        let mut same = pods.iter().filter(|pod| pod.uid().as_ref() == Some(&uid));
        Ok(same
            .any(|pod| restarts(pod) > before && is_ready(pod))
            .then_some(()))
    })
    .await
}

/// How often its containers were started again.
fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let restarts = statuses.into_iter().flatten();
    restarts.map(|container| container.restart_count).sum()
}

/// Takes a component's pod away in no more time than the kubelet needs: it has two seconds to end.
async fn kill(shop: &Platform, component: &str) -> Result<()> {
    let pods = shop.space.pods(component).await?;
    let pod = pods
        .first()
        .with_context(|| format!("{component} has no pod"))?;
    let killed = pod.uid().unwrap_or_default();
    let at_once = DeleteParams::default().grace_period(0);
    shop.space
        .all::<Pod>()
        .delete(&pod.name_any(), &at_once)
        .await?;
    wait::until_within(PATIENCE, &format!("another pod of {component}"), || async {
        let pods = shop.space.pods(component).await?;
        let is_back = pods
            .iter()
            .any(|pod| pod.uid() != Some(killed.clone()) && is_ready(pod));
        Ok(is_back.then_some(()))
    })
    .await
}

async fn killing_each_of(components: &[&str], name: &str) {
    let shop = Platform::new(name, &busy(json!({}))).await.unwrap();
    let mut traffic = Traffic::at(&shop, name).await.unwrap();
    traffic
        .during(name, async {
            for component in components {
                kill_processes(&shop, component).await?;
                kill(&shop, component).await?;
            }
            until_ready(&shop.space).await?;
            Ok(())
        })
        .await
        .unwrap();
    // Who had no answer tried again: what counts is that everything that was answered is true.
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_a_pod_of_each_service_loses_nothing() {
    killing_each_of(&SERVICES, "services").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_pod_of_each_server_loses_nothing() {
    killing_each_of(&["rabbitmq", "postgres", "mongodb"], "servers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_operator_during_a_change_is_noticed_by_nobody_and_the_change_is_finished() {
    let shop = Platform::new("operator", &busy(json!({}))).await.unwrap();
    let mut traffic = Traffic::at(&shop, "operator").await.unwrap();
    let level = json!([{"name": "SHOP__LOG__FILTER", "value": "debug"}]);
    let changed = busy(json!({
        "gateway": {"env": level},
        "services": {"order": {"env": level}, "product": {"env": level}},
    }));
    let change = async {
        ask_for(&shop.space, &changed).await?;
        kill_the_operator(&shop.space.client).await?;
        until_ready(&shop.space).await?;
        for component in ["gateway", "order", "product"] {
            let pods = shop.space.pods(component).await?;
            let pods = serde_json::to_string(&pods)?;
            ensure!(
                pods.contains("SHOP__LOG__FILTER"),
                "{component} has not changed: {pods}"
            );
        }
        Ok(())
    };
    traffic
        .unaware_of("the end of an operator", Box::pin(change))
        .await
        .unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}
