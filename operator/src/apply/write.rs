//! One write to the API server, and what its refusal means.

use futures_util::stream::{self, StreamExt};
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;

use super::{Outcome, Pass};
use crate::child::{Child, Kind};
use crate::names::FIELD_MANAGER;

/// How many writes of one platform are under way at a time.
const CONCURRENT: usize = 8;

/// Why a child could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is an object of that name which is not ours.
    #[error(
        "there is one that belongs to {owner}: remove or rename it, or give the platform another name"
    )]
    Conflict {
        /// Whose it is.
        owner: String,
    },
    /// A Secret that alone opens a disk is gone.
    #[error(
        "it is gone, and nothing else opens {disks}: put it back as docs/operator.md says under `Lost credentials`; until then nothing is made in its place"
    )]
    CredentialsLost {
        /// The disks' names.
        disks: String,
    },
    /// It is still being deleted.
    #[error("the one before is still being deleted: something holds it, see its finalizers")]
    Deleting,
    /// Its namespace is being deleted.
    #[error("the namespace is being deleted, and takes in nothing new")]
    NamespaceEnding,
    /// The API server does not have its kind.
    #[error(
        "the cluster does not have its API: install it, or choose a mode that does not need it"
    )]
    NoApi,
    /// The API server refuses it as it is.
    #[error("the API server refuses it: {0}")]
    Refused(String),
    /// A quota is used up.
    #[error("a quota does not allow it: {0}")]
    Quota(String),
    /// A disk is to grow, and its class does not let it.
    #[error(
        "it stays at {size}, for {}: have the class allow it (allowVolumeExpansion: true) if its driver can; if not, make a new \
         platform with another class and move the data",
        .class.as_ref().map_or_else(
            || "it has no storage class".to_owned(),
            |class| format!("its storage class {class} does not let disks grow"),
        )
    )]
    StorageNotExpandable {
        /// How large it is.
        size: String,
        /// Its storage class, if it has one.
        class: Option<String>,
    },
    /// A disk is to grow, and a quota does not let it.
    #[error("it stays as it is, for a quota does not let it grow: {0}; have the quota allow it")]
    GrowthOverQuota(String),
    /// The operator may not.
    #[error("the operator is not allowed to: {0}")]
    Forbidden(String),
    /// The API server could not be asked, or is busy; tried again.
    #[error("the API server could not carry it out: {0}")]
    Unavailable(String),
}

impl Failure {
    /// What an error of the client means.
    pub(crate) fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let message = status.message.clone();
                match status.code {
                    404 => Self::NoApi,
                    403 if is_of_quota(&message) => Self::Quota(message),
                    // A quota that is new: how much of it is used is being counted.
                    403 if message.contains("status unknown for quota") => {
                        Self::Unavailable(message)
                    }
                    403 if is_of_ending_namespace(&status) => Self::NamespaceEnding,
                    403 => Self::Forbidden(message),
                    400 | 422 => Self::Refused(message),
                    _ => Self::Unavailable(message),
                }
            }
            other => Self::Unavailable(other.to_string()),
        }
    }

    /// Whether the platform works without it: a Secret is lost that pods need only to start anew, or a disk stays as it is.
    pub(crate) const fn is_worked_without(&self) -> bool {
        matches!(
            self,
            Self::CredentialsLost { .. }
                | Self::StorageNotExpandable { .. }
                | Self::GrowthOverQuota(_)
        )
    }

    /// Whether all else is as if it had not failed: a disk that stays as it is holds nothing up.
    pub(crate) const fn holds_nothing_up(&self) -> bool {
        matches!(
            self,
            Self::StorageNotExpandable { .. } | Self::GrowthOverQuota(_)
        )
    }

    /// Whether another try may succeed without anybody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Deleting | Self::NamespaceEnding | Self::Unavailable(_)
        )
    }
}

/// Whether a quota does not allow something: it is used up, or wants to be told how much is used (`failed quota`, of pods without
/// requests or limits). The API server has no other mark for it than the words of its admission plugin `ResourceQuota`.
pub(crate) fn is_of_quota(message: &str) -> bool {
    ["exceeded quota", "failed quota"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether the API server refuses something for its namespace is being deleted: it says so in a cause.
fn is_of_ending_namespace(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .into_iter()
        .any(|cause| cause.reason == "NamespaceTerminating")
}

impl Pass<'_> {
    pub(super) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(
            self.client.clone(),
            &self.owner.namespace,
            &kind.api_resource(),
        )
    }

    /// Applies each, several at a time; those that others are made of come first, for keys are sorted by kind. Each answer is
    /// taken in at once: what happens to a child before the others are written is not to be overlooked.
    pub(super) async fn apply_all(&mut self, children: &[&Child], outcome: &mut Outcome) {
        let cluster = self.cluster;
        let results: Vec<_> = stream::iter(children)
            .map(|child| {
                let api = self.api(child.key.kind);
                async move {
                    let parameters = PatchParams::apply(FIELD_MANAGER).force();
                    let result = api
                        .patch(&child.key.name, &parameters, &Patch::Apply(&child.object))
                        .await;
                    if let Ok(object) = &result {
                        cluster.answered(child.key.kind, object);
                    }
                    (*child, result)
                }
            })
            .buffered(CONCURRENT)
            .collect()
            .await;
        for (child, result) in results {
            match result {
                Ok(object) => {
                    outcome.writes += 1;
                    let observed = crate::observed::reduce(child.key.kind, &object);
                    self.applied.insert(child.key.clone(), observed.mark());
                }
                Err(error) => {
                    let failure = match Failure::of(error) {
                        Failure::Quota(message) if self.has_disk(child) => {
                            Failure::GrowthOverQuota(message)
                        }
                        failure => failure,
                    };
                    outcome.failures.push((child.key.clone(), failure));
                }
            }
        }
    }

    /// Whether it is a disk that is there: whoever has it works on.
    fn has_disk(&self, child: &Child) -> bool {
        child.key.kind == Kind::PersistentVolumeClaim && self.view.children.contains_key(&child.key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_quota_is_not_taken_for_a_missing_right() {
        let failure = |why: &str| {
            let message = format!("secrets \"demo\" is forbidden: {why}");
            let status = json!({"status": "Failure", "code": 403, "reason": "Forbidden", "message": message});
            let error = kube::Error::Api(serde_json::from_value(status).unwrap());
            (Failure::of(error), message)
        };
        let (failure_of_full, message) = failure(
            "exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1",
        );
        assert_eq!(failure_of_full, Failure::Quota(message));
        let (failure_of_limits, message) =
            failure("failed quota: small: must specify limits.cpu for: order");
        assert_eq!(failure_of_limits, Failure::Quota(message));
        let (failure_of_new, message) =
            failure("status unknown for quota: small, resources: secrets");
        assert_eq!(failure_of_new, Failure::Unavailable(message));
    }

    #[test]
    fn a_namespace_that_is_being_deleted_is_not_taken_for_a_missing_right() {
        let failure = |causes: Value| {
            let status = json!({
                "status": "Failure",
                "code": 403,
                "reason": "Forbidden",
                "message": "secrets \"demo\" is forbidden",
                "details": {"causes": causes},
            });
            Failure::of(kube::Error::Api(serde_json::from_value(status).unwrap()))
        };
        let ending = json!([{"reason": "NamespaceTerminating", "message": "it ends", "field": ""}]);
        assert_eq!(failure(ending), Failure::NamespaceEnding);
        assert_eq!(
            failure(json!([])),
            Failure::Forbidden("secrets \"demo\" is forbidden".to_owned())
        );
    }
}
