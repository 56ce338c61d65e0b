//! Kubernetes events: what a person would ask about, once, when it happens. What happened follows from two statuses, and the
//! status is kept, so neither another pass nor another operator tells it again.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::apply::Failure;
use crate::names::FIELD_MANAGER;
use crate::resource::{CredentialsStatus, Phase, ShopPlatformStatus};
use crate::status::Reason;

/// As many bytes as an event's note may have.
const LONGEST_NOTE: usize = 1_024;

/// Something that happened to a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether somebody has to do something.
    pub is_warning: bool,
    /// In a word.
    pub reason: String,
    /// In a sentence.
    pub note: String,
}

/// Who tells.
#[derive(Clone)]
pub struct Teller(Recorder);

impl Teller {
    /// Tells as this operator.
    #[must_use]
    pub fn new(client: Client, identity: &str) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(identity.to_owned()),
        };
        Self(Recorder::new(client, reporter))
    }

    /// Tells what happened between two statuses. An event that cannot be written is lost: the status says it all.
    pub async fn tell(
        &self,
        platform: &ObjectReference,
        before: Option<&ShopPlatformStatus>,
        now: &ShopPlatformStatus,
    ) {
        for told in between(before, now) {
            self.publish(platform, told).await;
        }
    }

    /// Tells that the status could not be written, if that stays so until somebody does something: nothing else would tell.
    pub async fn not_written(&self, platform: &ObjectReference, error: &kube::Error) {
        if let Some(told) = definition_is_older(error) {
            self.publish(platform, told).await;
        }
    }

    async fn publish(&self, platform: &ObjectReference, told: Told) {
        let event = Event {
            type_: if told.is_warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: told.reason,
            note: Some(shortened(told.note)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        match self.0.publish(&event, platform).await.map_err(Failure::of) {
            // Nothing can be told there any more.
            Ok(()) | Err(Failure::NamespaceEnding) => {}
            Err(error) => {
                tracing::warn!(reason = event.reason, %error, "an event could not be written");
            }
        }
    }
}

/// What happened between two statuses.
#[must_use]
pub fn between(before: Option<&ShopPlatformStatus>, now: &ShopPlatformStatus) -> Vec<Told> {
    let mut told = Vec::new();
    let mut tell = |is_warning: bool, reason: &str, note: String| {
        told.push(Told {
            is_warning,
            reason: reason.to_owned(),
            note,
        });
    };
    let condition = |status: Option<&ShopPlatformStatus>, name: &str| {
        let conditions = status?.conditions.iter();
        conditions
            .clone()
            .find(|condition| condition.type_ == name)
            .cloned()
    };
    let holds = |status: Option<&ShopPlatformStatus>, name: &str| {
        condition(status, name).is_some_and(|condition| condition.status == "True")
    };
    let sentence = || now.message.clone().unwrap_or_default();
    let version = now.version.as_deref().unwrap_or("unknown");

    if before.is_none() {
        tell(
            false,
            "Created",
            "the operator makes the platform".to_owned(),
        );
    } else if holds(Some(now), "Progressing") && !holds(before, "Progressing") {
        tell(false, "RolloutStarted", sentence());
    }
    let ready = |status| condition(status, "Ready").map(|condition| condition.reason);
    let waits = Reason::WaitingForJob.as_str();
    if ready(Some(now)).as_deref() == Some(waits) && ready(before).as_deref() != Some(waits) {
        tell(false, waits, sentence());
    }
    if let Some(amiss) = condition(Some(now), "Degraded").filter(|amiss| amiss.status == "True") {
        let known = condition(before, "Degraded").is_some_and(|known| {
            known.status == "True"
                && known.reason == amiss.reason
                // A sentence of the same spec changes with every pod.
                && (known.message == amiss.message || known.observed_generation == amiss.observed_generation)
        });
        if !known {
            tell(true, &amiss.reason, amiss.message);
        }
    }
    if before.map(|before| before.phase) != Some(now.phase) {
        match now.phase {
            Phase::Ready => tell(
                false,
                "Ready",
                format!("everything is as the spec says, in version {version}"),
            ),
            Phase::Hibernated => tell(
                false,
                "Hibernated",
                "everything is scaled to nothing; data stays".to_owned(),
            ),
            Phase::Paused => tell(false, "Paused", sentence()),
            Phase::Pending | Phase::Progressing | Phase::Degraded | Phase::Failed => {}
        }
    }
    let credentials = before.and_then(|before| before.credentials.as_ref());
    if let Some((reason, note)) = of_credentials(credentials, now) {
        tell(false, reason, note);
    }
    told
}

/// The API server refuses a status with fields that the definition does not have: it says so in words only.
fn definition_is_older(error: &kube::Error) -> Option<Told> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    let is_older = status.message.contains("field not declared in schema");
    is_older.then(|| Told {
        is_warning: true,
        reason: "DefinitionOutdated".to_owned(),
        note: format!(
            "the status cannot be written, for the cluster's definition of ShopPlatform is older than the operator: apply what \
             `operator crd` prints ({})",
            status.message
        ),
    })
}

fn of_credentials(
    before: Option<&CredentialsStatus>,
    now: &ShopPlatformStatus,
) -> Option<(&'static str, String)> {
    let (before, now) = (before?, now.credentials.as_ref()?);
    let generation = now.generation;
    if generation > before.generation {
        let note = format!("services are given generation {generation} of passwords and keys");
        Some(("CredentialsRotating", note))
    } else if before.rotating && !now.rotating {
        let note = format!(
            "services have generation {generation} of passwords and keys, and the users before are locked out"
        );
        Some(("CredentialsRotated", note))
    } else {
        None
    }
}

fn shortened(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(LONGEST_NOTE));
    note
}

#[cfg(test)]
mod tests;
