//! Plays CloudNativePG, which is not here.

use std::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use testkit::wait;

/// Every server of this `Cluster` is ready, as soon as it is there.
pub(crate) async fn play(clusters: &Api<DynamicObject>, cluster: &str) {
    let found = wait::until_within(Duration::from_mins(4), "a Cluster", || async {
        Ok(clusters.get_opt(cluster).await?)
    });
    let found = found.await.unwrap();
    let status = serde_json::json!({"status": {"readyInstances": found.data["spec"]["instances"]}});
    clusters
        .patch_status(cluster, &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
}
