//! What users do wrong on the way to a shop: each is told in words that say what to do.
//!
//! Not here, because it is tried elsewhere: a cluster without the definition (by `kubectl apply` in `hack/e2e-cluster.sh`, by
//! `helm install` in `hack/check-chart/install.sh`), operators of one namespace beside others (there, too), and every wrong value of
//! the chart (`hack/check-chart/refused`).

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use testkit::wait;

use crate::cluster::{PATIENCE, Space};
use crate::platform::{ask_for, status};
use crate::tools::helm;

/// Somebody who waits for a shop looks why by then: it is told once the servers that can be there are.
const SOON: Duration = Duration::from_mins(1);
/// What Kubernetes says of a pod whose disk is made by no storage class.
const NO_DISK: &str = "nodes are available: pod has unbound immediate PersistentVolumeClaims";
const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Asks for a platform that cannot be, and waits until its status says why.
async fn expect_message(space: &Space, spec: &Value, is_told: impl Fn(&str) -> bool) -> Result<()> {
    ask_for(space, spec).await?;
    let begun = Instant::now();
    loop {
        let told = status(space).await?.message.unwrap_or_default();
        if is_told(&told) {
            eprintln!("told after {:.1} s: {told}", begun.elapsed().as_secs_f64());
            return Ok(());
        }
        if begun.elapsed() > SOON {
            bail!("after {SOON:?} what is told is: {told}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_are_not_found_are_told() {
    let space = Space::new("no-image").await.unwrap();
    let spec = json!({"images": {"registry": "shop.invalid"}});
    let is_told =
        |message: &str| message.contains("ImagePull") && message.contains("shop.invalid/shopctl:");
    expect_message(&space, &spec, is_told).await.unwrap();
    space.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_class_that_is_not_there_is_told() {
    let space = Space::new("no-class").await.unwrap();
    let spec = json!({"postgres": {"managed": {"storage": {"className": "none"}}}});
    let is_told = |message: &str| {
        message.starts_with("postgres: Unschedulable: ")
            && message.contains(NO_DISK)
            && message
                .contains("the storage class none of PersistentVolumeClaim data-demo-postgres-0")
    };
    expect_message(&space, &spec, is_told).await.unwrap();
    space.remove().await.unwrap();
}

/// The default storage classes, which are the default again when this is gone.
struct NoDefault {
    names: Vec<String>,
}

impl NoDefault {
    async fn new(client: &Client) -> Result<Self> {
        let classes = Api::<StorageClass>::all(client.clone());
        let is_default = |class: &StorageClass| {
            class
                .annotations()
                .get(IS_DEFAULT)
                .is_some_and(|is| is == "true")
        };
        let all = classes.list(&ListParams::default()).await?;
        let names = all
            .iter()
            .filter(|class| is_default(class))
            .map(ResourceExt::name_any);
        let taken = Self {
            names: names.collect(),
        };
        for name in &taken.names {
            let not = json!({"metadata": {"annotations": {IS_DEFAULT: "false"}}});
            classes
                .patch(name, &PatchParams::default(), &Patch::Merge(&not))
                .await?;
        }
        Ok(taken)
    }
}

impl Drop for NoDefault {
    fn drop(&mut self) {
        let again = format!("{IS_DEFAULT}=true");
        for name in &self.names {
            let _ = std::process::Command::new("kubectl")
                .args(["annotate", "--overwrite", "storageclass", name, &again])
                .output();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_a_default_storage_class_is_told_and_disks_come_when_there_is_one() {
    let space = Space::new("no-default").await.unwrap();
    let none = NoDefault::new(&space.client).await.unwrap();
    let is_told = |message: &str| {
        message.contains(": Unschedulable: ")
            && message.contains(NO_DISK)
            && message.contains("the cluster has no default one: make one the default")
    };
    expect_message(&space, &json!({}), is_told).await.unwrap();
    drop(none);
    wait::until_within(PATIENCE, "all disks to be there", || async {
        let disks = space.all::<PersistentVolumeClaim>();
        let disks = disks.list(&ListParams::default()).await?;
        let bound = |disk: &PersistentVolumeClaim| {
            let phase = disk
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref());
            phase == Some("Bound")
        };
        Ok((disks.items.len() == 3 && disks.iter().all(bound)).then_some(()))
    })
    .await
    .unwrap();
    space.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_operator_and_a_wrong_value_of_the_chart_are_refused() {
    let install = |set: &'static str| async move {
        let arguments = [
            "install",
            "second",
            "../charts/shop-operator",
            "--namespace",
            "default",
            "--dry-run=server",
            "--set",
            set,
        ];
        helm(&arguments).await
    };
    let second = install("replicas=2").await.unwrap();
    assert!(!second.well, "{}", second.text);
    assert!(
        second.text.contains("this cluster has an operator for all namespaces already, of the release shop-operator in the namespace shopplatform-operator"),
        "{}",
        second.text
    );
    let wrong = install("replicas=many").await.unwrap();
    assert!(!wrong.well, "{}", wrong.text);
    assert!(
        wrong
            .text
            .contains("values don't meet the specifications of the schema(s)")
            && wrong.text.contains("replicas"),
        "{}",
        wrong.text
    );
}
