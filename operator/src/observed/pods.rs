//! Pods are not children: they are only asked why a child is not ready.

use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

use super::Problem;
use crate::credentials::{generation_of, given_to};

/// Whose label names the Job of a pod.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// What matters of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The component that it belongs to.
    pub component: String,
    /// The generation of passwords and keys that it is given; none if it is given none, or belongs to a Job.
    pub credentials: Option<u32>,
    /// The Job that it belongs to.
    pub job: Option<Box<str>>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What keeps it from running, if something does.
    pub problem: Option<Box<Problem>>,
}

/// What matters of a pod.
#[must_use]
pub fn reduce_pod(object: &DynamicObject) -> Pod {
    let labels = object.metadata.labels.as_ref();
    Pod {
        component: labels
            .and_then(|labels| labels.get("app.kubernetes.io/name").cloned())
            .unwrap_or_default(),
        credentials: credentials(object),
        job: labels
            .and_then(|labels| labels.get(JOB_NAME))
            .map(|job| job.as_str().into()),
        created: (object.metadata.creation_timestamp.as_ref()).map(|created| created.0),
        problem: unschedulable(&object.data)
            .or_else(|| waiting(&object.data))
            .map(Box::new),
    }
}

/// A pod of a Job, or one that was evicted, stays after it has ended, and uses nothing any more.
fn credentials(object: &DynamicObject) -> Option<u32> {
    let labels = object.metadata.labels.as_ref()?;
    let has_ended = matches!(text(&object.data, "/status/phase"), "Succeeded" | "Failed");
    if labels.contains_key(JOB_NAME) || has_ended {
        return None;
    }
    let given = given_to(Some(labels), object.data.pointer("/spec")?);
    given.iter().filter_map(|name| generation_of(name)).max()
}

fn unschedulable(object: &Value) -> Option<Problem> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| {
        text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False"
    })?;
    Some(Problem {
        reason: text(condition, "/reason").to_owned(),
        message: text(condition, "/message").to_owned(),
    })
}

/// A container that waits for something other than its turn. After it ended, what it last said is its message.
fn waiting(object: &Value) -> Option<Problem> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|pointer| object.pointer(pointer)?.as_array())
        .flatten();
    for status in statuses {
        let reason = text(status, "/state/waiting/reason");
        if reason.is_empty() || reason == "ContainerCreating" || reason == "PodInitializing" {
            continue;
        }
        let message = text(status, "/state/waiting/message");
        let ended = text(status, "/lastState/terminated/message");
        return Some(Problem {
            reason: reason.to_owned(),
            message: format!(
                "container {}: {}",
                text(status, "/name"),
                if ended.is_empty() { message } else { ended }
            ),
        });
    }
    None
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
