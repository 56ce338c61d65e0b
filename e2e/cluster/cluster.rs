//! The cluster, and namespaces in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;
use testkit::wait;

/// How long things take that pull, start or stop pods.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// Whether it takes requests.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A namespace of a test's own.
pub struct Space {
    pub client: Client,
    pub namespace: String,
}

impl Space {
    /// A new one in which only restricted pods may run.
    pub async fn new(prefix: &str) -> Result<Self> {
        let client = Client::try_default()
            .await
            .context("there is no cluster: use `make e2e`, or name one in KUBECONFIG")?;
        let enforce = "pod-security.kubernetes.io/enforce".to_owned();
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                labels: Some(BTreeMap::from([(enforce, "restricted".to_owned())])),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces = Api::<Namespace>::all(client.clone());
        let created = namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        let space = Self {
            namespace: created.name_any(),
            client,
        };
        space.let_tests_in().await?;
        Ok(space)
    }

    /// The checker looks into the stores from outside of all pods: from a node, or from where kind's nodes are.
    async fn let_tests_in(&self) -> Result<()> {
        let policy = serde_json::from_value(json!({
            "metadata": {"name": "e2e"},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [
                    {"ipBlock": {"cidr": "10.80.0.0/24"}},
                    {"ipBlock": {"cidr": "172.16.0.0/12"}},
                ]}],
            },
        }))?;
        let policies = self.all::<NetworkPolicy>();
        policies.create(&PostParams::default(), &policy).await?;
        Ok(())
    }

    pub fn all<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What there is of a kind, by name.
    pub async fn names<K>(&self, labels: &str) -> Result<Vec<String>>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let all = self
            .all::<K>()
            .list(&ListParams::default().labels(labels))
            .await?;
        Ok(all.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// The pods of a component of the platform `demo`: running, not about to go.
    pub async fn pods(&self, component: &str) -> Result<Vec<Pod>> {
        let labels = format!("shopplatform.io/platform=demo,app.kubernetes.io/name={component}");
        let pods = self
            .all::<Pod>()
            .list(&ListParams::default().labels(&labels))
            .await?;
        Ok(pods
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect())
    }

    /// The images that those pods run.
    pub async fn images(&self, component: &str) -> Result<BTreeSet<String>> {
        let pods = self.pods(component).await?;
        let specs = pods.into_iter().filter_map(|pod| pod.spec);
        let containers = specs.flat_map(|spec| spec.containers);
        Ok(containers.filter_map(|container| container.image).collect())
    }

    /// The address that a Service has in the cluster.
    pub async fn address_of(&self, service: &str) -> Result<String> {
        let service = self.all::<Service>().get(service).await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip);
        address.context("the Service has no address")
    }

    /// Takes the namespace away, and waits until nothing of it is left.
    pub async fn remove(self) -> Result<()> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await?;
        wait::until_within(PATIENCE, "the namespace to be gone", || async {
            let found = namespaces.get_opt(&self.namespace).await?;
            Ok(found.is_none().then_some(()))
        })
        .await
    }
}
