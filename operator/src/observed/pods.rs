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
    /// Since when it is not ready, if it is known to be not.
    pub unready: Option<Timestamp>,
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
        unready: unready(&object.data),
        problem: problem(object).map(Box::new),
    }
}

/// One that has ended, or is about to, is not to become ready.
fn problem(object: &DynamicObject) -> Option<Problem> {
    if object.metadata.deletion_timestamp.is_some() || has_ended(&object.data) {
        return None;
    }
    unschedulable(&object.data).or_else(|| waiting(&object.data))
}

fn has_ended(object: &Value) -> bool {
    matches!(text(object, "/status/phase"), "Succeeded" | "Failed")
}

fn unready(object: &Value) -> Option<Timestamp> {
    let ready = condition(object, "Ready").or_else(|| condition(object, "PodScheduled"))?;
    let since = time(ready, "/lastTransitionTime");
    since.filter(|_| text(ready, "/status") == "False")
}

/// A pod of a Job, or one that was evicted, stays after it has ended, and uses nothing any more.
fn credentials(object: &DynamicObject) -> Option<u32> {
    let labels = object.metadata.labels.as_ref()?;
    if labels.contains_key(JOB_NAME) || has_ended(&object.data) {
        return None;
    }
    let given = given_to(Some(labels), object.data.pointer("/spec")?);
    given.iter().filter_map(|name| generation_of(name)).max()
}

fn unschedulable(object: &Value) -> Option<Problem> {
    let condition = condition(object, "PodScheduled")?;
    (text(condition, "/status") == "False").then(|| Problem {
        reason: text(condition, "/reason").to_owned(),
        message: text(condition, "/message").to_owned(),
    })
}

/// A container that waits for something other than its turn. After it ended, what it last said is its message.
fn waiting(object: &Value) -> Option<Problem> {
    let unready = unready(object);
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|pointer| object.pointer(pointer)?.as_array())
        .flatten();
    for status in statuses {
        let name = text(status, "/name");
        let said = text(status, "/lastState/terminated/message");
        let reason = text(status, "/state/waiting/reason");
        // It ran, ended, and runs again, in vain so far: between two such tries it waits, and is as wrong then.
        let ended = text(status, "/lastState/terminated/reason");
        let again = time(status, "/state/running/startedAt");
        let runs_in_vain = status.pointer("/ready") == Some(&Value::Bool(false))
            && unready.is_some_and(|since| again > Some(since));
        if runs_in_vain && !ended.is_empty() {
            return Some(Problem {
                reason: ended.to_owned(),
                message: format!("container {name} was started again: {said}"),
            });
        }
        if reason.is_empty() || reason == "ContainerCreating" || reason == "PodInitializing" {
            continue;
        }
        let message = text(status, "/state/waiting/message");
        return Some(Problem {
            reason: reason.to_owned(),
            message: format!(
                "container {name}: {}",
                if said.is_empty() { message } else { said }
            ),
        });
    }
    None
}

fn condition<'o>(object: &'o Value, name: &str) -> Option<&'o Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let mut conditions = conditions.iter();
    conditions.find(|condition| text(condition, "/type") == name)
}

fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
