//! How the gateway is reached from outside, and who reads metrics. Both ports of its Service are `workloads`' business.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::addresses::GATEWAY;
use super::pod::{ADMIN, HTTP, metadata};
use crate::child::{Child, ChildKey, Kind, Unwritable};
use crate::names::Component;
use crate::platform::{Certificate, ExposeBy, Platform, Workload};
use crate::resource::{GatewayRef, IssuerKind};

/// Ingress or `HTTPRoute`, and a `ServiceMonitor` for each service that has metrics.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let mut children = Vec::new();
    match &platform.expose.by {
        ExposeBy::ClusterIp | ExposeBy::NodePort | ExposeBy::LoadBalancer => {}
        ExposeBy::Ingress {
            host,
            class_name,
            certificate,
        } => {
            let ingress = ingress(platform, host, class_name.as_ref(), certificate.as_ref());
            children.push(Child::applied(Kind::Ingress, &ingress)?);
        }
        ExposeBy::HttpRoute { gateway, host } => {
            children.push(http_route(platform, gateway, host.as_deref()));
        }
    }
    if platform.service_monitors {
        let monitored = platform.workloads.iter();
        let monitored = monitored.filter(|workload| workload.admin_port().is_some());
        children.extend(monitored.map(|workload| service_monitor(platform, workload)));
    }
    Ok(children)
}

/// Name and labels of the gateway's child, with the annotations that people want.
fn exposed(platform: &Platform) -> ObjectMeta {
    let annotations = &platform.expose.annotations;
    let name = platform.owner.child(GATEWAY);
    ObjectMeta {
        annotations: (!annotations.is_empty()).then(|| annotations.clone()),
        ..metadata(&platform.owner, &Component::new(GATEWAY), name)
    }
}

fn ingress(
    platform: &Platform,
    host: &str,
    class_name: Option<&String>,
    certificate: Option<&Certificate>,
) -> Ingress {
    let mut metadata = exposed(platform);
    if let Some(Certificate::Issuer(issuer)) = certificate {
        // Where cert-manager looks.
        let annotation = match issuer.kind {
            IssuerKind::Issuer => "cert-manager.io/issuer",
            IssuerKind::ClusterIssuer => "cert-manager.io/cluster-issuer",
        };
        metadata
            .annotations
            .get_or_insert_with(BTreeMap::new)
            .insert(annotation.to_owned(), issuer.name.clone());
    }
    let secret = certificate.map(|certificate| match certificate {
        Certificate::Secret(name) => name.clone(),
        Certificate::Issuer(_) => platform.owner.child(&format!("{GATEWAY}-tls")),
    });
    let path = HTTPIngressPath {
        path: Some("/".to_owned()),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: platform.owner.child(GATEWAY),
                port: Some(ServiceBackendPort {
                    name: Some(HTTP.to_owned()),
                    number: None,
                }),
            }),
            resource: None,
        },
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: class_name.cloned(),
            rules: Some(vec![IngressRule {
                host: Some(host.to_owned()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: secret.map(|secret| {
                vec![IngressTLS {
                    hosts: Some(vec![host.to_owned()]),
                    secret_name: Some(secret),
                }]
            }),
            default_backend: None,
        }),
        status: None,
    }
}

/// See <https://gateway-api.sigs.k8s.io/reference/spec/#httproute>.
fn http_route(platform: &Platform, gateway: &GatewayRef, host: Option<&str>) -> Child {
    let mut parent = json!({"name": gateway.name});
    for (field, value) in [
        ("namespace", &gateway.namespace),
        ("sectionName", &gateway.section_name),
    ] {
        if let (Some(value), Some(parent)) = (value, parent.as_object_mut()) {
            parent.insert(field.to_owned(), json!(value));
        }
    }
    let port = platform.workload(GATEWAY).map(|gateway| gateway.port);
    let mut spec = json!({
        "parentRefs": [parent],
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": platform.owner.child(GATEWAY), "port": port}],
        }],
    });
    if let (Some(host), Some(spec)) = (host, spec.as_object_mut()) {
        spec.insert("hostnames".to_owned(), json!([host]));
    }
    untyped(Kind::HttpRoute, exposed(platform), &spec)
}

/// See <https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor>. It selects all
/// Services of the component; only one has an admin port.
fn service_monitor(platform: &Platform, workload: &Workload) -> Child {
    let component = &workload.component;
    let name = platform.owner.child(component.as_str());
    let spec = json!({
        "selector": {"matchLabels": platform.owner.selector(component)},
        "namespaceSelector": {"matchNames": [platform.owner.namespace]},
        "endpoints": [{"port": ADMIN, "path": "/metrics"}],
    });
    untyped(
        Kind::ServiceMonitor,
        metadata(&platform.owner, component, name),
        &spec,
    )
}

/// An object of an API that has no Rust types here.
fn untyped(kind: Kind, metadata: ObjectMeta, spec: &Value) -> Child {
    let resource = kind.api_resource();
    let name = metadata.name.clone().unwrap_or_default();
    let object = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": metadata.namespace,
            "labels": metadata.labels,
            "annotations": metadata.annotations.unwrap_or_default(),
        },
        "spec": spec,
    });
    Child::of_value(ChildKey { kind, name }, object)
}
