//! Kinds that not every cluster has come and go.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch};
use kube::{Api, ResourceExt};
use operator::child::Kind;
use operator::resource::{Phase, ShopPlatformStatus};
use serde_json::{Value, json};
use testkit::wait;

use crate::access::path;
use crate::plane::{Plane, by_a_person};

/// The kinds and the files with their definitions.
const OPTIONAL: [(Kind, &str); 3] = [
    (Kind::ServiceMonitor, "service-monitors.yaml"),
    (Kind::HttpRoute, "http-routes.yaml"),
    (Kind::CloudNativePgCluster, "cloudnative-pg-cluster.yaml"),
];

impl Plane {
    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.client.clone())
    }

    async fn install(&self) {
        for (kind, file) in OPTIONAL {
            let text = std::fs::read_to_string(path("operator/tests/data").join(file)).unwrap();
            let definition: Value = serde_yaml::from_str(&text).unwrap();
            let name = kind.definition();
            self.definitions()
                .patch(&name, &by_a_person(), &Patch::Apply(definition))
                .await
                .unwrap();
        }
        self.until_served(true).await;
    }

    async fn uninstall(&self) {
        for (kind, _) in OPTIONAL {
            let name = kind.definition();
            let deleted = self
                .definitions()
                .delete(&name, &DeleteParams::default())
                .await;
            drop(deleted.unwrap());
        }
        self.until_served(false).await;
    }

    async fn until_served(&self, served: bool) {
        for (kind, _) in OPTIONAL {
            wait::until("an API to come or go", || async {
                let list = self.api(kind).list(&ListParams::default()).await;
                Ok((list.is_ok() == served).then_some(()))
            })
            .await
            .unwrap();
        }
    }

    async fn monitors(&self) -> Vec<String> {
        let list = self
            .api(Kind::ServiceMonitor)
            .list(&ListParams::default())
            .await;
        let mut names: Vec<_> = list
            .unwrap()
            .items
            .iter()
            .map(ResourceExt::name_any)
            .collect();
        names.sort();
        names
    }
}

fn lacks(kind: &'static str) -> impl Fn(&ShopPlatformStatus) -> bool {
    move |status| {
        let mut conditions = status.conditions.iter();
        conditions.any(|condition| {
            condition.type_ == "Reconciled"
                && condition.reason == "ApiMissing"
                && condition.message.contains(kind)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_is_used_while_the_cluster_has_it_and_missed_where_it_is_needed() {
    let plane = Plane::new().await;
    plane.uninstall().await;
    let operator = plane.operator_without(&[]).await;
    plane.apply("plain", &json!({})).await;
    let expose = json!({"type": "HTTPRoute", "gatewayRef": {"name": "gateway"}});
    plane
        .apply("routed", &json!({"gateway": {"expose": expose}}))
        .await;
    plane
        .apply("cluster", &json!({"postgres": {"mode": "CloudNativePG"}}))
        .await;
    let enabled = json!({"monitoring": {"serviceMonitors": "Enabled"}});
    plane.apply("watched", &enabled).await;
    let is_ready = |status: &ShopPlatformStatus| status.phase == Phase::Ready;
    plane
        .until("what needs none to be ready", "plain", is_ready)
        .await;
    let missing = [
        ("routed", "HTTPRoute of gateway.networking.k8s.io/v1"),
        ("cluster", "Cluster of postgresql.cnpg.io/v1"),
        ("watched", "ServiceMonitor of monitoring.coreos.com/v1"),
    ];
    for (name, kind) in missing {
        plane.until(kind, name, lacks(kind)).await;
    }

    plane.install().await;
    plane.play_cloud_native_pg("cluster-postgres").await;
    for (name, _) in missing {
        plane.until(name, name, is_ready).await;
    }
    plane
        .until("what needs none to be ready", "plain", is_ready)
        .await;
    let of = |name: &str| {
        ["gateway", "notification", "order", "product", "user"]
            .map(|service| format!("{name}-{service}"))
    };
    let mut all: Vec<_> = ["cluster", "plain", "routed", "watched"].map(of).concat();
    all.sort();
    wait::until("all monitors", || async {
        Ok((plane.monitors().await == all).then_some(()))
    })
    .await
    .unwrap();
    // They are looked after like everything else.
    let monitors = plane.api(Kind::ServiceMonitor);
    let deleted = monitors
        .delete("plain-order", &DeleteParams::default())
        .await;
    drop(deleted.unwrap());
    wait::until("a deleted monitor to be made again", || async {
        Ok((plane.monitors().await == all).then_some(()))
    })
    .await
    .unwrap();

    plane.uninstall().await;
    for (name, kind) in missing {
        plane.until(kind, name, lacks(kind)).await;
    }
    plane
        .until("what needs none to be ready", "plain", is_ready)
        .await;
    operator.stop().await;
    plane.install().await;
}
