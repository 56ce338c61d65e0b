//! Deployments.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    ConfigMapEnvSource, ConfigMapVolumeSource, Container, ContainerPort, EnvFromSource, PodSpec,
    PodTemplateSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::{Told, pod_template};
use crate::build::BuildError;
use crate::build::pod::{self, ADMIN, GRACE_SECONDS, HTTP, Patience};
use crate::build::settings::{self, Environment, MAIL_FOLDER, ROUTES_FOLDER};
use crate::child::{Child, Kind, hash_of};
use crate::names::{SETTINGS_HASH, TEMPLATE_HASH};
use crate::platform::{Platform, Replicas, Role, Workload};

/// How many earlier versions are kept.
const HISTORY: i32 = 3;

/// A start may take two minutes: a service waits for its store by itself, so this is only for a process that hangs.
const STARTUP: Patience = Patience {
    period: 2,
    timeout: 2,
    failures: 60,
};
/// Half a minute without an answer.
const LIVENESS: Patience = Patience {
    period: 10,
    timeout: 5,
    failures: 3,
};
/// Noticed while the process still accepts what comes.
const READINESS: Patience = Patience {
    period: 2,
    timeout: 2,
    failures: 2,
};

pub(super) fn build(
    platform: &Platform,
    workload: &Workload,
    environment: &Environment,
    told: &Told,
) -> Result<Child, BuildError> {
    let component = &workload.component;
    let template = pod_template(platform, workload, environment, told);
    let template = pod_template::merge(platform, workload, template)?;
    let replicas = match workload.replicas {
        _ if platform.hibernate => Some(0),
        Replicas::Fixed(replicas) => Some(replicas),
        // The HorizontalPodAutoscaler's.
        Replicas::Auto { .. } => None,
    };
    let mut metadata = pod::metadata(
        &platform.owner,
        component,
        platform.owner.child(component.as_str()),
    );
    let template_hash = hash_of(&json!(template));
    metadata.annotations = Some(BTreeMap::from([(TEMPLATE_HASH.to_owned(), template_hash)]));
    let deployment = Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas,
            selector: pod::selector(&platform.owner, component),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            progress_deadline_seconds: Some(platform.progress_deadline_s),
            revision_history_limit: Some(HISTORY),
            template,
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    Ok(Child::applied(Kind::Deployment, &deployment)?)
}

fn pod_template(
    platform: &Platform,
    workload: &Workload,
    environment: &Environment,
    told: &Told,
) -> PodTemplateSpec {
    let owner = &platform.owner;
    let component = &workload.component;
    let (volumes, mounts) = volumes(platform, workload, environment, told);
    let hash = settings::hash(platform, workload, environment);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(owner.labels(component)),
            annotations: Some(BTreeMap::from([(SETTINGS_HASH.to_owned(), hash)])),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(owner.child(component.as_str())),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            security_context: Some(pod::security(pod::USER)),
            image_pull_secrets: pod::pull_secrets(platform),
            topology_spread_constraints: Some(pod::spread(owner, component)),
            containers: vec![container(platform, workload, environment, told, mounts)],
            volumes: (!volumes.is_empty()).then_some(volumes),
            ..PodSpec::default()
        }),
    }
}

fn container(
    platform: &Platform,
    workload: &Workload,
    environment: &Environment,
    told: &Told,
    mounts: Vec<VolumeMount>,
) -> Container {
    let http = container_port(HTTP, workload.port);
    let admin = workload
        .admin_port()
        .map(|port| container_port(ADMIN, port));
    let is_ours = admin.is_some();
    let settings = told.settings.as_ref().map(|settings| {
        vec![EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource {
                name: settings.key.name.clone(),
                optional: None,
            }),
            ..EnvFromSource::default()
        }]
    });
    let variables = environment.variables();
    Container {
        name: workload.component.as_str().to_owned(),
        image: Some(workload.image.0.clone()),
        image_pull_policy: Some(platform.pull_policy.to_owned()),
        ports: Some([Some(http), admin].into_iter().flatten().collect()),
        env_from: settings,
        env: (!variables.is_empty()).then_some(variables),
        resources: Some(pod::resources(&workload.resources)),
        security_context: Some(pod::container_security()),
        volume_mounts: (!mounts.is_empty()).then_some(mounts),
        // Of a service that others wrote nothing is known but its port. It is not killed for not accepting: it may be busy.
        startup_probe: Some(if is_ours {
            STARTUP.http("/livez", ADMIN)
        } else {
            STARTUP.tcp(HTTP)
        }),
        liveness_probe: is_ours.then(|| LIVENESS.http("/livez", ADMIN)),
        readiness_probe: Some(if is_ours {
            READINESS.http("/readyz", ADMIN)
        } else {
            READINESS.tcp(HTTP)
        }),
        ..Container::default()
    }
}

fn container_port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// What is secret, the routes, and folders that may be written to.
fn volumes(
    platform: &Platform,
    workload: &Workload,
    environment: &Environment,
    told: &Told,
) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut all: Vec<(Volume, VolumeMount)> = Vec::new();
    all.extend(environment.volume().zip(environment.mount()));
    all.extend(told.routes.as_ref().map(routes));
    if settings::keeps_mails(platform, workload) {
        all.push(pod::scratch("mail", MAIL_FOLDER));
    }
    if matches!(workload.role, Role::Extra(_)) {
        all.push(pod::scratch("tmp", "/tmp"));
    }
    all.into_iter().unzip()
}

fn routes(routes: &Child) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: "routes".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: routes.key.name.clone(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: "routes".to_owned(),
        mount_path: ROUTES_FOLDER.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    (volume, mount)
}
