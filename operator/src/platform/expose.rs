//! How the gateway is reached.

use std::collections::BTreeMap;

use crate::resource::{GatewayRef, IssuerRef};

/// How the gateway is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expose {
    /// By what.
    pub by: ExposeBy,
    /// Annotations of the Service, Ingress or `HTTPRoute`.
    pub annotations: BTreeMap<String, String>,
}

/// By what the gateway is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExposeBy {
    /// Its Service, within the cluster.
    ClusterIp,
    /// A port of every node.
    NodePort,
    /// The cloud's load balancer.
    LoadBalancer,
    /// An ingress controller.
    Ingress {
        /// The name that the shop is reached by.
        host: String,
        /// The class; none: the cluster's default.
        class_name: Option<String>,
        /// The certificate; none: the shop is reached without TLS.
        certificate: Option<Certificate>,
    },
    /// A Gateway of the Gateway API.
    HttpRoute {
        /// Which.
        gateway: GatewayRef,
        /// The name that the shop is reached by; none: every name of the listener.
        host: Option<String>,
    },
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// A Secret of this name.
    Secret(String),
    /// An issuer of cert-manager, which makes a Secret.
    Issuer(IssuerRef),
}

impl Expose {
    /// The name that the shop is reached by, if it has one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.by {
            ExposeBy::Ingress { host, .. } => Some(host),
            ExposeBy::HttpRoute { host, .. } => host.as_deref(),
            ExposeBy::ClusterIp | ExposeBy::NodePort | ExposeBy::LoadBalancer => None,
        }
    }

    /// Whether requests come through somebody else's proxy, which tells the caller's address.
    #[must_use]
    pub const fn is_behind_a_proxy(&self) -> bool {
        matches!(
            self.by,
            ExposeBy::Ingress { .. } | ExposeBy::HttpRoute { .. }
        )
    }

    /// Where customers find the shop, if it has a name. Whether a Gateway has a certificate is not known here: it should.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let is_plain = matches!(
            self.by,
            ExposeBy::Ingress {
                certificate: None,
                ..
            }
        );
        let scheme = if is_plain { "http" } else { "https" };
        self.host().map(|host| format!("{scheme}://{host}"))
    }
}
