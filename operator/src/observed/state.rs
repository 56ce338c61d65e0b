//! How a child is, as its own status tells.

use serde_json::Value;

use crate::child::Kind;

/// How a child is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there, and has no more to tell.
    Present,
    /// A Deployment or `StatefulSet`.
    Replicas {
        /// Wanted.
        desired: i32,
        /// Ready, of the newest form and of older ones.
        ready: i32,
        /// Of the newest form.
        updated: i32,
        /// Of older forms, still there.
        older: i32,
        /// Whether the numbers are about the newest spec.
        current: bool,
        /// Why replicas cannot be made, or why their rollout is given up.
        problem: Option<Box<Problem>>,
        /// Whether the rollout of the newest spec made no progress for too long.
        given_up: bool,
    },
    /// A Job.
    Job {
        /// It did what it should.
        complete: bool,
        /// It is given up, and why.
        failed: Option<Box<Problem>>,
    },
    /// A disk.
    Volume {
        /// There is one.
        bound: bool,
        /// How large it is to be.
        wanted: Option<Box<str>>,
        /// How large it is.
        capacity: Option<Box<str>>,
        /// Its storage class.
        class: Option<Box<str>>,
        /// Why it does not grow.
        problem: Option<Box<Problem>>,
    },
    /// A Service or Ingress, and where it is reached from outside.
    Address(Option<String>),
}

/// A reason and a sentence, as Kubernetes tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

impl State {
    /// Whether pods of an older form may still be there, or begun anew.
    #[must_use]
    pub const fn is_rolling_out(&self) -> bool {
        matches!(self, Self::Replicas { current, older, .. } if !*current || *older > 0)
    }

    /// Whether there are as many pods of the newest form as there are to be, and no others. They were all ready then, which they
    /// need not be any more.
    #[must_use]
    pub const fn is_rolled_out(&self) -> bool {
        matches!(
            self,
            Self::Replicas { current: true, older: 0, updated, desired, .. } if *updated >= *desired
        )
    }

    /// Whether there is to be any replica.
    #[must_use]
    pub const fn wants_replicas(&self) -> bool {
        matches!(self, Self::Replicas { desired, .. } if *desired > 0)
    }

    /// Whether any replica is ready.
    #[must_use]
    pub const fn has_ready(&self) -> bool {
        matches!(self, Self::Replicas { ready, .. } if *ready > 0)
    }

    /// Whether fewer are ready than there are to be.
    #[must_use]
    pub const fn lacks_replicas(&self) -> bool {
        matches!(self, Self::Replicas { ready, desired, .. } if *ready < *desired)
    }

    /// The state that an object's status tells.
    pub(super) fn of(kind: Kind, generation: Option<i64>, object: &Value) -> Self {
        match kind {
            Kind::Deployment | Kind::StatefulSet => replicas(kind, generation, object),
            Kind::Job => Self::Job {
                complete: condition(object, "Complete").is_some(),
                failed: condition(object, "Failed"),
            },
            Kind::PersistentVolumeClaim => Self::Volume {
                bound: text(object, "/status/phase").as_deref() == Some("Bound"),
                wanted: text(object, "/spec/resources/requests/storage")
                    .map(String::into_boxed_str),
                capacity: text(object, "/status/capacity/storage").map(String::into_boxed_str),
                class: text(object, "/spec/storageClassName")
                    .filter(|class| !class.is_empty())
                    .map(String::into_boxed_str),
                problem: [
                    "ControllerResizeError",
                    "NodeResizeError",
                    "ModifyVolumeError",
                ]
                .into_iter()
                .find_map(|name| condition(object, name)),
            },
            Kind::Service | Kind::Ingress => Self::Address(address(object)),
            Kind::CloudNativePgCluster => Self::Replicas {
                desired: number(object, "/spec/instances"),
                ready: number(object, "/status/readyInstances"),
                updated: number(object, "/status/readyInstances"),
                older: 0,
                current: true,
                problem: None,
                given_up: false,
            },
            _ => Self::Present,
        }
    }
}

fn replicas(kind: Kind, generation: Option<i64>, object: &Value) -> State {
    let no_progress = condition_with(object, "Progressing", "False")
        .filter(|problem| problem.reason == "ProgressDeadlineExceeded");
    let no_replicas = condition(object, "ReplicaFailure");
    let current = object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64)
        == generation;
    let all = number(object, "/status/replicas");
    let updated = match kind {
        // A StatefulSet that never rolled counts its replicas as current ones only.
        Kind::StatefulSet
            if object.pointer("/status/currentRevision")
                == object.pointer("/status/updateRevision") =>
        {
            all
        }
        _ => number(object, "/status/updatedReplicas"),
    };
    State::Replicas {
        desired: object
            .pointer("/spec/replicas")
            .and_then(Value::as_i64)
            .and_then(|replicas| i32::try_from(replicas).ok())
            .unwrap_or(1),
        ready: number(object, "/status/readyReplicas"),
        updated,
        older: all.saturating_sub(updated).max(0),
        current,
        // When a Deployment goes to a form that it had before, what was said of the last one stands until the first pod is
        // there.
        given_up: current && no_progress.is_some() && (updated > 0 || no_replicas.is_some()),
        problem: no_replicas.or(no_progress).filter(|_| current),
    }
}

fn condition(object: &Value, name: &str) -> Option<Box<Problem>> {
    condition_with(object, name, "True")
}

fn condition_with(object: &Value, name: &str, status: &str) -> Option<Box<Problem>> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| {
        condition.get("type").and_then(Value::as_str) == Some(name)
            && condition.get("status").and_then(Value::as_str) == Some(status)
    })?;
    Some(Box::new(Problem {
        reason: text(found, "/reason").unwrap_or_default(),
        message: text(found, "/message").unwrap_or_default(),
    }))
}

fn address(object: &Value) -> Option<String> {
    let first = object.pointer("/status/loadBalancer/ingress/0")?;
    text(first, "/hostname").or_else(|| text(first, "/ip"))
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
}

fn number(object: &Value, pointer: &str) -> i32 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_rolls_out_until_its_status_is_about_the_newest_spec_and_old_pods_are_gone() {
        let is_rolling_out = |observed: i64, all: i32, updated: i32| {
            let status = json!({"observedGeneration": observed, "replicas": all, "updatedReplicas": updated});
            State::of(Kind::Deployment, Some(2), &json!({"status": status})).is_rolling_out()
        };
        assert!(
            is_rolling_out(1, 2, 2),
            "the controller has not seen it yet"
        );
        assert!(is_rolling_out(2, 2, 1), "an old pod is there");
        assert!(!is_rolling_out(2, 2, 2));
        assert!(!is_rolling_out(2, 0, 0), "scaled to nothing");
        assert!(!State::Present.is_rolling_out());
    }

    #[test]
    fn a_rollout_is_given_up_when_it_is_about_the_newest_spec_and_there_was_a_try() {
        let given_up = |generation: i64, updated: i32, kind: &str| {
            let status = json!({
                "observedGeneration": 2,
                "replicas": 2,
                "updatedReplicas": updated,
                "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
                    {"type": kind, "status": "True"},
                ],
            });
            let object = json!({"spec": {"replicas": 1}, "status": status});
            match State::of(Kind::Deployment, Some(generation), &object) {
                State::Replicas { given_up, .. } => given_up,
                other => panic!("{other:?}"),
            }
        };
        assert!(given_up(2, 1, "Available"));
        assert!(!given_up(3, 1, "Available"), "about the spec before");
        assert!(!given_up(2, 0, "Available"), "about the form before");
        assert!(given_up(2, 0, "ReplicaFailure"), "no pod can be made");
    }
}
