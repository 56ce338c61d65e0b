//! An autoscaler follows the load.

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use testkit::wait;

use crate::cluster::PATIENCE;
use crate::platform::Platform;
use crate::traffic::{Traffic, busy};

async fn until_ready_replicas(
    shop: &Platform,
    what: &str,
    is_so: impl Fn(i32) -> bool,
) -> Result<()> {
    wait::until_within(PATIENCE, what, || async {
        let gateway = shop.space.all::<Deployment>().get("demo-gateway").await?;
        let ready = gateway.status.and_then(|status| status.ready_replicas);
        Ok(is_so(ready.unwrap_or(0)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autoscaler_adds_gateways_under_load_and_takes_them_away_and_nobody_notices() {
    let spec = busy(json!({"gateway": {
        "autoscaling": {"minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
        // Little enough that customers are a load, and more than an idle gateway takes.
        "resources": {"requests": {"cpu": "30m"}},
    }}));
    let shop = Platform::new("scale", &spec).await.unwrap();
    // A gateway that starts takes more than one at rest, and is given company for that.
    until_ready_replicas(&shop, "one gateway", |ready| ready == 1)
        .await
        .unwrap();
    let mut traffic = Traffic::at(&shop, "scale").await.unwrap();
    let more = until_ready_replicas(&shop, "more gateways", |ready| ready > 1);
    traffic
        .unaware_of("scaling up", Box::pin(more))
        .await
        .unwrap();
    let fewer = until_ready_replicas(&shop, "one gateway", |ready| ready == 1);
    traffic
        .at_leisure("scaling down", Box::pin(fewer))
        .await
        .unwrap();
    traffic.exact(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}
