//! What people change while customers are there: nobody notices.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use operator::resource::{Phase, ShopPlatform};
use serde_json::{Value, json};
use testkit::wait;

use crate::cluster::{PATIENCE, is_ready};
use crate::platform::{NAME, Platform, SERVICES, ask_for, status, until, until_ready};
use crate::services_users::ServicesUsers;
use crate::tools::kubectl;
use crate::traffic::{Traffic, busy};

/// The tag of a second version of all images; `make e2e` makes it.
const NEXT: &str = "e2e-next";

fn spec(images: &Value) -> Value {
    busy(json!({"images": images}))
}

/// Asks for so many gateways and order services, and sees that there are so many.
async fn scale_to(shop: &Platform, replicas: usize) -> Result<()> {
    let number = json!({"replicas": replicas});
    let scaled = busy(json!({"gateway": number, "services": {"order": number}}));
    shop.carry_out(&scaled).await?;
    for component in ["gateway", "order"] {
        let what = format!("{replicas} pods of {component}, and all of them to be ready");
        // A platform is ready before the last pod that is too many begins to go.
        wait::until_within(PATIENCE, &what, || async {
            let pods = shop.space.pods(component).await?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            Ok(((pods.len(), ready) == (replicas, replicas)).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Has the pods of all services replaced at the same time, as `kubectl rollout restart` does it.
async fn restart(shop: &Platform) -> Result<()> {
    let before = uids(shop).await?;
    let deployments = shop.space.all::<Deployment>();
    for component in SERVICES {
        deployments.restart(&format!("demo-{component}")).await?;
    }
    for component in SERVICES {
        let deployment = format!("deployment/demo-{component}");
        let (namespace, patience) = (&shop.space.namespace, "--timeout=4m");
        let status = [
            "--namespace",
            namespace,
            "rollout",
            "status",
            &deployment,
            patience,
        ];
        kubectl(&status).await?;
    }
    let after = uids(shop).await?;
    let stayed: Vec<_> = before.intersection(&after).collect();
    ensure!(stayed.is_empty(), "not replaced: {stayed:?}");
    until_ready(&shop.space).await?;
    Ok(())
}

/// The pods of all services.
async fn uids(shop: &Platform) -> Result<BTreeSet<String>> {
    let mut uids = BTreeSet::new();
    for component in SERVICES {
        let pods = shop.space.pods(component).await?;
        uids.extend(pods.iter().filter_map(ResourceExt::uid));
    }
    Ok(uids)
}

/// Has all services go to another version, and sees that each runs it.
async fn upgrade(shop: &Platform) -> Result<()> {
    shop.carry_out(&spec(&json!({"tag": NEXT}))).await?;
    for component in SERVICES {
        let images = shop.space.images(component).await?;
        ensure!(
            images.len() == 1 && images.iter().all(|image| image.ends_with(NEXT)),
            "{component} runs {images:?}"
        );
    }
    Ok(())
}

/// Begins a rotation, and waits until the generation before is gone: nobody signs in with its passwords any more.
async fn rotate(shop: &Platform) -> Result<()> {
    let before = status(&shop.space)
        .await?
        .credentials
        .unwrap_or_default()
        .generation;
    let users = ServicesUsers::of_generation(shop, before).await?;
    users.all_are_let_in().await?;
    let wish = json!({"metadata": {"annotations": {"shopplatform.io/rotate-credentials": "e2e"}}});
    let platforms = shop.space.all::<ShopPlatform>();
    platforms
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&wish))
        .await?;
    until(&shop.space, "rotated", |status| {
        let credentials = status.credentials.clone().unwrap_or_default();
        status.phase == Phase::Ready
            && credentials.generation == before + 1
            && !credentials.rotating
    })
    .await?;
    users.none_is_let_in().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_an_upgrade_a_restart_and_a_rotation_of_all_credentials_fail_no_request() {
    let shop = Platform::new("changes", &spec(&json!({}))).await.unwrap();
    let mut traffic = Traffic::at(&shop, "changes").await.unwrap();
    let scale = async {
        scale_to(&shop, 2).await?;
        scale_to(&shop, 1).await
    };
    traffic
        .unaware_of("scaling", Box::pin(scale))
        .await
        .unwrap();
    traffic
        .unaware_of("an upgrade", Box::pin(upgrade(&shop)))
        .await
        .unwrap();
    traffic
        .unaware_of("a rolling restart", Box::pin(restart(&shop)))
        .await
        .unwrap();
    traffic
        .unaware_of("a rotation", Box::pin(rotate(&shop)))
        .await
        .unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_does_not_exist_is_rolled_back_and_fails_no_request() {
    let shop = Platform::new("bad-image", &spec(&json!({}))).await.unwrap();
    let mut traffic = Traffic::at(&shop, "bad-image").await.unwrap();
    let good = shop.space.images("order").await.unwrap();
    let bad = async {
        ask_for(
            &shop.space,
            &spec(&json!({"overrides": {"order": "shop.invalid/order:none"}})),
        )
        .await?;
        // Told long before it is given up.
        until(&shop.space, "told what is wrong", |status| {
            let message = status.message.clone().unwrap_or_default();
            message.contains("shop.invalid/order:none")
        })
        .await?;
        loop {
            let now = status(&shop.space).await?;
            if now.refused.is_some() && now.phase == Phase::Degraded {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        wait::until_within(PATIENCE, "the image before to be asked for", || async {
            Ok((shop.space.images("order").await? == good).then_some(()))
        })
        .await
    };
    let bad = async {
        // The deadline of a rollout is 90 seconds here.
        tokio::time::timeout(Duration::from_mins(4), bad).await?
    };
    traffic
        .unaware_of("a bad image", Box::pin(bad))
        .await
        .unwrap();
    shop.change(&spec(&json!({}))).await.unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}
