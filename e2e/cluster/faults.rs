//! Pods that are killed, of services and of servers: nothing is lost.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use testkit::wait;

use crate::cluster::{PATIENCE, is_ready};
use crate::platform::{Platform, until_ready};
use crate::traffic::{Traffic, busy};

/// As a node does that is out of memory: without a word.
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
    killing_each_of(
        &["user", "product", "order", "notification", "gateway"],
        "services",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_pod_of_each_server_loses_nothing() {
    killing_each_of(&["rabbitmq", "postgres", "mongodb"], "servers").await;
}
