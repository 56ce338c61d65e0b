//! What becomes Deployments.

use serde_json::Value;

use super::images::Images;
use super::{Parsing, extra, profile, replicas, resources, secrets};
use crate::names::Component;
use crate::platform::{CoreService, Image, Role, Workload};
use crate::resource::{Autoscaling, EnvVar, Resources, ServicesSpec};

/// Where the gateway listens.
const GATEWAY_PORT: i32 = 3000;

/// What specs of all workloads have in common.
struct Common<'a> {
    field: String,
    replicas: Option<i32>,
    autoscaling: Option<&'a Autoscaling>,
    resources: Option<&'a Resources>,
    env: &'a [EnvVar],
    pod_template: Option<&'a Value>,
}

/// Gateway, the four services, and extra ones.
pub(super) fn of(parsing: &mut Parsing<'_>, images: &Images<'_>) -> Vec<Workload> {
    let mut workloads = vec![gateway(parsing, images.of_component("gateway"))];
    for service in CoreService::ALL {
        workloads.push(core(parsing, service, images.of_component(service.name())));
    }
    for spec in &parsing.spec.services.extra {
        let common = Common {
            field: format!("services.extra[{}]", spec.name),
            replicas: spec.replicas,
            autoscaling: spec.autoscaling.as_ref(),
            resources: spec.resources.as_ref(),
            env: &spec.env,
            pod_template: None,
        };
        let image = Image(spec.image.clone());
        workloads.push(workload(
            parsing,
            &spec.name,
            extra::role(spec),
            image,
            spec.port,
            &common,
        ));
    }
    extra::check_families(parsing);
    workloads
}

fn gateway(parsing: &mut Parsing<'_>, image: Image) -> Workload {
    let spec = &parsing.spec.gateway;
    let common = Common {
        field: "gateway".to_owned(),
        replicas: spec.replicas,
        autoscaling: spec.autoscaling.as_ref(),
        resources: spec.resources.as_ref(),
        env: &spec.env,
        pod_template: spec.pod_template.as_ref(),
    };
    workload(
        parsing,
        "gateway",
        Role::Gateway,
        image,
        GATEWAY_PORT,
        &common,
    )
}

fn core(parsing: &mut Parsing<'_>, service: CoreService, image: Image) -> Workload {
    let ServicesSpec {
        user,
        product,
        order,
        notification,
        extra: _,
    } = &parsing.spec.services;
    let spec = match service {
        CoreService::User => user,
        CoreService::Product => product,
        CoreService::Order => order,
        CoreService::Notification => notification,
    };
    let common = Common {
        field: format!("services.{}", service.name()),
        replicas: spec.replicas,
        autoscaling: spec.autoscaling.as_ref(),
        resources: spec.resources.as_ref(),
        env: &spec.env,
        pod_template: spec.pod_template.as_ref(),
    };
    workload(
        parsing,
        service.name(),
        Role::Core(service),
        image,
        service.port(),
        &common,
    )
}

fn workload(
    parsing: &mut Parsing<'_>,
    name: &str,
    role: Role,
    image: Image,
    port: i32,
    common: &Common<'_>,
) -> Workload {
    let usual = profile::service(parsing.spec.profile);
    let field = &common.field;
    secrets::check_variables(parsing, field, common.env);
    Workload {
        component: Component::new(name),
        role,
        image,
        port,
        replicas: replicas::of(parsing, field, common.replicas, common.autoscaling),
        resources: resources::of(
            parsing,
            &format!("{field}.resources"),
            common.resources,
            usual,
        ),
        env: common.env.to_vec(),
        pod_template: common.pod_template.cloned(),
    }
}
