//! Jobs: what must be done once before pods of a version start. Each is named after a hash of all that it does, so that another
//! one takes its place when that changes, and none runs twice. They may be run again at any time: what is done stays as it is.

mod migrate;
mod provision;

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::pod::{self, metadata};
use crate::child::{Child, Kind, Unwritable, Writing, hash_of};
use crate::names::{Component, SETTINGS_HASH};
use crate::platform::Platform;

/// How long one try waits for servers that are still starting, in seconds. What keeps it is then seen in the pod's status.
const WAIT_SECONDS: &str = "60";
/// Tries, each later than the one before, up to five minutes: about a day. An outage of a server mends itself, and what went
/// wrong is told from the first try on.
const TRIES: i32 = 300;

/// The Jobs, and what they read. None while the platform sleeps: there is nobody to talk to.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    if platform.hibernate {
        return Ok(Vec::new());
    }
    let mut children = provision::build(platform)?;
    let provision: Vec<_> = children
        .iter()
        .filter(|child| child.key.kind == Kind::Job)
        .map(|child| child.key.clone())
        .collect();
    for workload in &platform.workloads {
        if let Some(job) = migrate::build(platform, workload)? {
            // Before that it would not be let in.
            children.push(if provision.is_empty() {
                job
            } else {
                job.written(Writing::After(provision.clone()))
            });
        }
    }
    Ok(children)
}

/// What a Job runs.
struct Work {
    component: Component,
    /// The account of the workload whose work it is; none: nobody's.
    account: Option<String>,
    container: Container,
    volumes: Vec<Volume>,
    /// What it depends on besides what is in its own spec.
    content: Value,
}

/// A Job, named after all that it does.
fn job(platform: &Platform, work: Work) -> Result<Child, Unwritable> {
    let owner = &platform.owner;
    let content = hash_of(&work.content);
    let spec = JobSpec {
        backoff_limit: Some(TRIES),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(owner.labels(&work.component)),
                annotations: Some(BTreeMap::from([(SETTINGS_HASH.to_owned(), content)])),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                service_account_name: work.account,
                automount_service_account_token: Some(false),
                enable_service_links: Some(false),
                // One pod that tries again, and keeps what it said last.
                restart_policy: Some("OnFailure".to_owned()),
                security_context: Some(pod::security(pod::USER)),
                image_pull_secrets: pod::pull_secrets(platform),
                containers: vec![Container {
                    image_pull_policy: Some(platform.pull_policy.to_owned()),
                    security_context: Some(pod::container_security()),
                    termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
                    ..work.container
                }],
                volumes: (!work.volumes.is_empty()).then_some(work.volumes),
                ..PodSpec::default()
            }),
        },
        ..JobSpec::default()
    };
    let name = owner.child(&format!("{}-{}", work.component, short_hash(&json!(spec))));
    let job = Job {
        metadata: metadata(owner, &work.component, name),
        spec: Some(spec),
        status: None,
    };
    Child::applied(Kind::Job, &job)
}

/// As many digits as fit into a name.
fn short_hash(value: &Value) -> String {
    hash_of(value).chars().take(8).collect()
}
