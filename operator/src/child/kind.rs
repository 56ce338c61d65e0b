//! The kinds of objects that a platform consists of.

use kube::core::{ApiResource, GroupVersionKind};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1`
    ServiceAccount,
    /// `v1`
    Secret,
    /// `v1`
    ConfigMap,
    /// `v1`
    PersistentVolumeClaim,
    /// `v1`
    Service,
    /// `networking.k8s.io/v1`
    NetworkPolicy,
    /// `policy/v1`
    PodDisruptionBudget,
    /// `apps/v1`
    StatefulSet,
    /// `batch/v1`
    Job,
    /// `batch/v1`
    CronJob,
    /// `apps/v1`
    Deployment,
    /// `autoscaling/v2`
    HorizontalPodAutoscaler,
    /// `networking.k8s.io/v1`
    Ingress,
    /// `gateway.networking.k8s.io/v1`
    HttpRoute,
    /// `monitoring.coreos.com/v1`
    ServiceMonitor,
    /// `postgresql.cnpg.io/v1`
    CloudNativePgCluster,
}

impl Kind {
    /// All kinds, in the order in which a platform is made.
    pub const ALL: [Self; 16] = [
        Self::ServiceAccount,
        Self::Secret,
        Self::ConfigMap,
        Self::PersistentVolumeClaim,
        Self::Service,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::StatefulSet,
        Self::Job,
        Self::CronJob,
        Self::Deployment,
        Self::HorizontalPodAutoscaler,
        Self::Ingress,
        Self::HttpRoute,
        Self::ServiceMonitor,
        Self::CloudNativePgCluster,
    ];

    /// Whether every cluster has it. The others are looked for, and a missing one that is needed is told in status.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        !matches!(
            self,
            Self::HttpRoute | Self::ServiceMonitor | Self::CloudNativePgCluster
        )
    }

    /// Whether only its metadata is watched: what is in it is nobody's business, or large.
    #[must_use]
    pub const fn is_watched_as_metadata(self) -> bool {
        matches!(self, Self::Secret | Self::ConfigMap)
    }

    /// Whether it may outlive its platform, and is taken back by the next one of that name.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        matches!(
            self,
            Self::Secret | Self::PersistentVolumeClaim | Self::CloudNativePgCluster
        )
    }

    /// Whether pods of the gateway and services are made of it.
    #[must_use]
    pub const fn makes_pods(self) -> bool {
        matches!(
            self,
            Self::ServiceAccount | Self::Secret | Self::ConfigMap | Self::Job | Self::Deployment
        )
    }

    const fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::PersistentVolumeClaim => {
                ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
            }
            Self::Service => ("", "v1", "Service", "services"),
            Self::NetworkPolicy => (
                "networking.k8s.io",
                "v1",
                "NetworkPolicy",
                "networkpolicies",
            ),
            Self::PodDisruptionBudget => (
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
            ),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::CronJob => ("batch", "v1", "CronJob", "cronjobs"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
            Self::Ingress => ("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
            Self::ServiceMonitor => (
                "monitoring.coreos.com",
                "v1",
                "ServiceMonitor",
                "servicemonitors",
            ),
            Self::CloudNativePgCluster => ("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
        }
    }

    /// The name of its definition, if it is a custom resource.
    #[must_use]
    pub fn definition(self) -> String {
        let (group, _, _, plural) = self.names();
        format!("{plural}.{group}")
    }

    /// What the API calls it.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.names().2)
    }
}
