//! Services: the names by which pods find each other. The gateway's own may be reachable from outside and leads to requests
//! only; its admin port has a Service of its own.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::build::addresses::GATEWAY;
use crate::build::pod::{ADMIN, HTTP, metadata};
use crate::child::{Child, Kind, Unwritable};
use crate::platform::{ExposeBy, Platform, Role, Workload};

pub(super) fn build(platform: &Platform, workload: &Workload) -> Result<Vec<Child>, Unwritable> {
    let name = platform.owner.child(workload.component.as_str());
    let http = port(HTTP, workload.port);
    let admin = workload.admin_port().map(|number| port(ADMIN, number));
    if workload.role != Role::Gateway {
        let ports = [Some(http), admin].into_iter().flatten().collect();
        return Ok(vec![child(&service(platform, workload, name, ports))?]);
    }
    let mut entry = service(platform, workload, name, vec![http]);
    expose(platform, &mut entry);
    let name = platform.owner.child(&format!("{GATEWAY}-{ADMIN}"));
    let inner = service(platform, workload, name, admin.into_iter().collect());
    Ok(vec![child(&entry)?, child(&inner)?])
}

/// The gateway's Service as the spec wants it to be reached.
fn expose(platform: &Platform, service: &mut Service) {
    let (type_, policy) = match platform.expose.by {
        ExposeBy::LoadBalancer => {
            // Only nodes with a replica are sent to, so that clients' addresses, by which requests are limited, are seen.
            ("LoadBalancer", Some("Local"))
        }
        ExposeBy::NodePort => ("NodePort", None),
        ExposeBy::ClusterIp | ExposeBy::Ingress { .. } | ExposeBy::HttpRoute { .. } => {
            ("ClusterIP", None)
        }
    };
    if let Some(spec) = &mut service.spec {
        spec.type_ = Some(type_.to_owned());
        spec.external_traffic_policy = policy.map(str::to_owned);
    }
    let by_service = matches!(
        platform.expose.by,
        ExposeBy::ClusterIp | ExposeBy::NodePort | ExposeBy::LoadBalancer
    );
    if by_service && !platform.expose.annotations.is_empty() {
        service.metadata.annotations = Some(platform.expose.annotations.clone());
    }
}

fn service(
    platform: &Platform,
    workload: &Workload,
    name: String,
    ports: Vec<ServicePort>,
) -> Service {
    Service {
        metadata: metadata(&platform.owner, &workload.component, name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(platform.owner.selector(&workload.component)),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}

fn child(service: &Service) -> Result<Child, Unwritable> {
    Child::applied(Kind::Service, service)
}
