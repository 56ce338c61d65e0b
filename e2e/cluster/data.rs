//! Data stay: while a platform sleeps, and when it is deleted and made again.

use std::collections::BTreeSet;

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use operator::resource::Phase;
use serde_json::json;
use testkit::wait;

use crate::cluster::{PATIENCE, Space};
use crate::platform::{Platform, ask_for, until, until_ready};
use crate::traffic::{Traffic, busy};

const OURS: &str = "shopplatform.io/platform=demo";

/// Everything in the namespace that belongs to the platform, but disks and Secrets.
async fn others(space: &Space) -> Result<Vec<String>> {
    Ok([
        space.names::<Pod>(OURS).await?,
        space.names::<Deployment>(OURS).await?,
        space.names::<StatefulSet>(OURS).await?,
        space.names::<Job>(OURS).await?,
        space.names::<Service>(OURS).await?,
        space.names::<ServiceAccount>(OURS).await?,
        space.names::<ConfigMap>(OURS).await?,
        space.names::<NetworkPolicy>(OURS).await?,
        space.names::<HorizontalPodAutoscaler>(OURS).await?,
    ]
    .concat())
}

/// The names of its disks and of its Secrets.
async fn kept(space: &Space) -> Result<[Vec<String>; 2]> {
    let disks = space.names::<PersistentVolumeClaim>(OURS).await?;
    let secrets = space.names::<Secret>(OURS).await?;
    Ok([disks, secrets])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_sleeps_wakes_with_its_data() {
    let spec = busy(json!({}));
    let shop = Platform::new("sleep", &spec).await.unwrap();
    let traffic = Traffic::at(&shop, "sleep").await.unwrap();
    traffic.exact(&shop).await.unwrap();
    ask_for(&shop.space, &busy(json!({"hibernate": true})))
        .await
        .unwrap();
    until(&shop.space, "asleep", |status| {
        status.phase == Phase::Hibernated
    })
    .await
    .unwrap();
    wait::until_within(PATIENCE, "all pods to be gone", || async {
        let mut running = Vec::new();
        for pod in shop
            .space
            .all::<Pod>()
            .list(&ListParams::default().labels(OURS))
            .await?
        {
            let phase = pod.status.and_then(|status| status.phase);
            if phase.as_deref() != Some("Succeeded") {
                running.push(pod.metadata.name);
            }
        }
        Ok(running.is_empty().then_some(()))
    })
    .await
    .unwrap();
    shop.change(&spec).await.unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_platform_leaves_disks_and_secrets_and_made_again_finds_its_orders() {
    let spec = busy(json!({}));
    let shop = Platform::new("again", &spec).await.unwrap();
    let traffic = Traffic::at(&shop, "again").await.unwrap();
    traffic.exact(&shop).await.unwrap();
    let before = kept(&shop.space).await.unwrap();
    shop.delete().await.unwrap();
    wait::until_within(PATIENCE, "nothing else to be left", || async {
        Ok(others(&shop.space).await?.is_empty().then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(kept(&shop.space).await.unwrap(), before);

    ask_for(&shop.space, &spec).await.unwrap();
    until_ready(&shop.space).await.unwrap();
    // Services have other addresses now.
    let shop = Platform::of(shop.space).await.unwrap();
    traffic.at_again(&shop).exact(&shop).await.unwrap();

    ask_for(&shop.space, &busy(json!({"deletionPolicy": "Delete"})))
        .await
        .unwrap();
    until_ready(&shop.space).await.unwrap();
    shop.delete().await.unwrap();
    wait::until_within(PATIENCE, "nothing at all to be left", || async {
        let [disks, secrets] = kept(&shop.space).await?;
        let others = others(&shop.space).await?;
        Ok([disks, secrets, others].concat().is_empty().then_some(()))
    })
    .await
    .unwrap();
    shop.space.remove().await.unwrap();
}

/// How large each disk is.
async fn capacities(space: &Space) -> Result<BTreeSet<String>> {
    let disks = space.all::<PersistentVolumeClaim>();
    let disks = disks.list(&ListParams::default().labels(OURS)).await?;
    let capacity =
        |disk: PersistentVolumeClaim| Some(disk.status?.capacity?.get("storage")?.0.clone());
    Ok(disks.into_iter().filter_map(capacity).collect())
}

/// Needs a storage class whose disks grow while they are used; `GROWING_CLASS` names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disks_grow_while_customers_order_and_nobody_notices() {
    let class = std::env::var("GROWING_CLASS").expect("GROWING_CLASS names a class that grows");
    let spec = |size: &str| {
        let managed = json!({"managed": {"storage": {"size": size, "className": class}}});
        busy(json!({"mongodb": managed, "postgres": managed, "rabbitmq": managed}))
    };
    let shop = Platform::new("grow", &spec("500Mi")).await.unwrap();
    let before = BTreeSet::from(["500Mi".to_owned()]);
    assert_eq!(capacities(&shop.space).await.unwrap(), before);
    let mut traffic = Traffic::at(&shop, "grow").await.unwrap();
    let grow = async {
        shop.change(&spec("900Mi")).await?;
        let after = BTreeSet::from(["900Mi".to_owned()]);
        wait::until_within(PATIENCE, "all disks to be larger", || async {
            Ok((capacities(&shop.space).await? == after).then_some(()))
        })
        .await
    };
    traffic.unaware_of("growth", Box::pin(grow)).await.unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}
