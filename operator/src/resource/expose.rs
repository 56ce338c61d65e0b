//! How the gateway is reached.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{self, rule};

/// How the gateway is reached.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.type != 'Ingress' || has(self.host)", "type Ingress needs host: the name that the shop is reached by"),
    rule("self.type != 'HTTPRoute' || has(self.gatewayRef)", "type HTTPRoute needs gatewayRef: the Gateway that it is attached to"),
    rule(
        "self.type in ['Ingress', 'HTTPRoute'] || !has(self.host)",
        "host is for types Ingress and HTTPRoute only: set the type, or remove host",
    ),
    rule(
        "self.type == 'Ingress' || !(has(self.className) || has(self.tls))",
        "className and tls are for type Ingress only: set the type, or remove them (the certificate of an HTTPRoute is its Gateway's)",
    ),
    rule(
        "self.type == 'HTTPRoute' || !has(self.gatewayRef)",
        "gatewayRef is for type HTTPRoute only: set the type, or remove gatewayRef",
    ),
]))]
pub struct ExposeSpec {
    /// By what. `ClusterIP`: within the cluster only. `NodePort`: at a port of every node. `LoadBalancer`: by the cloud's. Ingress: by an
    /// ingress controller; needs `host`. `HTTPRoute`: by a Gateway of the Gateway API; needs `gatewayRef`.
    #[serde(rename = "type")]
    pub type_: ExposeType,
    /// The host name, for Ingress and `HTTPRoute`.
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [rule(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "host is a name such as shop.example.com: small letters, digits, dashes and dots",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The class of the Ingress. Absent: the cluster's default.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// The Gateway that an `HTTPRoute` is attached to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<GatewayRef>,
    /// The certificate of the Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ExposeTls>,
    /// Annotations of the Service, Ingress or `HTTPRoute`.
    #[schemars(schema_with = "schema::annotations")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// By what the gateway is reached.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExposeType {
    /// Within the cluster only.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// At a port of every node.
    NodePort,
    /// By the cloud's load balancer.
    LoadBalancer,
    /// By an ingress controller; needs `host`.
    Ingress,
    /// By a Gateway of the Gateway API; needs `gatewayRef`.
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
}

/// A Gateway of the Gateway API.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace. Absent: the platform's.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The listener. Absent: all that match.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// Where the certificate comes from: one of the two.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "has(self.secretName) != has(self.issuerRef)",
    "tls needs either secretName (a certificate that is there) or issuerRef (cert-manager makes one), not both",
)]))]
pub struct ExposeTls {
    /// A Secret of type `kubernetes.io/tls`.
    #[schemars(length(min = 1, max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// An issuer of cert-manager, which makes that Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_ref: Option<IssuerRef>,
}

/// An issuer of cert-manager.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether it is one of the namespace or of the cluster.
    #[serde(default)]
    pub kind: IssuerKind,
}

/// A kind of issuer.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IssuerKind {
    /// Of the platform's namespace.
    #[default]
    Issuer,
    /// Of the cluster.
    ClusterIssuer,
}
