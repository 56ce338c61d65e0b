//! A whole object becomes the little that matters of it.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;

use super::{Hash, PlatformKey, State, Uid};
use crate::child::{Child, Kind, hash_of};
use crate::credentials::given_to;
use crate::names::{BUILT_HASH, FIELD_MANAGER, PLATFORM_LABEL, ROTATE_CREDENTIALS, TEMPLATE_HASH};

/// What matters of a child.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Its uid.
    pub uid: Uid,
    /// Its version as a number: since Kubernetes 1.35 they may be compared, and before that they could.
    pub version: u64,
    /// The uid of its controller.
    pub controller: Option<Uid>,
    /// Whether it has any owner.
    pub has_owner: bool,
    /// The hash of what it was built as.
    pub built_hash: Option<Hash>,
    /// The hash of the pod template that it was built with, if it is a Deployment.
    pub template_hash: Option<Hash>,
    /// Whether the number of replicas is ours, by [`FIELD_MANAGER`].
    pub owns_replicas: bool,
    /// A hash of which fields are ours, if any are: it changes when somebody else takes one over, or removes one.
    pub fields: Option<Hash>,
    /// It is being deleted.
    pub deleting: bool,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// Secrets of generations that its pods are given: of workloads and Jobs.
    pub secrets: BTreeSet<String>,
    /// What people wrote to ask for it: of Secrets.
    pub request: Option<String>,
    /// How it is.
    pub state: State,
}

/// What a child was built as, and which fields were ours then. The latter alone may be the same as before an autoscaler was done
/// without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    built: Option<Hash>,
    fields: Option<Hash>,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for hash in [self.built, self.fields].into_iter().flatten() {
            write!(f, "{hash} ")?;
        }
        Ok(())
    }
}

impl Observed {
    /// Whether it is as it was built now, as far as that is ours to say.
    #[must_use]
    pub fn is_built_as(&self, child: &Child) -> bool {
        self.built_hash.is_some() && self.built_hash == Hash::parse(&child.hash)
    }

    /// Whether its pods are as they are built now.
    #[must_use]
    pub fn has_pods_of(&self, child: &Child) -> bool {
        let template = child.annotation(TEMPLATE_HASH).and_then(Hash::parse);
        self.template_hash.is_some() && self.template_hash == template
    }

    /// How it is marked.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            built: self.built_hash,
            fields: self.fields,
        }
    }

    /// Whether nothing that matters differs.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        Self {
            version: other.version,
            ..self.clone()
        } == *other
    }
}

/// The platform that an object says it belongs to.
#[must_use]
pub fn platform_of(metadata: &ObjectMeta) -> Option<PlatformKey> {
    Some(PlatformKey {
        namespace: metadata.namespace.clone()?,
        name: metadata.labels.as_ref()?.get(PLATFORM_LABEL)?.clone(),
    })
}

/// What matters of an object.
#[must_use]
pub fn reduce(kind: Kind, object: &DynamicObject) -> Observed {
    let metadata = &object.metadata;
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let annotation = |name: &str| metadata.annotations.as_ref()?.get(name);
    let hash = |name: &str| annotation(name).and_then(|digits| Hash::parse(digits));
    let fields = ours(metadata);
    Observed {
        uid: Uid::of(metadata.uid.as_deref().unwrap_or_default()),
        version: metadata
            .resource_version
            .as_deref()
            .and_then(|version| version.parse().ok())
            .unwrap_or(u64::MAX),
        controller: owners
            .iter()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| Uid::of(&owner.uid)),
        has_owner: !owners.is_empty(),
        built_hash: hash(BUILT_HASH),
        template_hash: hash(TEMPLATE_HASH),
        owns_replicas: fields.is_some_and(|fields| fields.pointer("/f:spec/f:replicas").is_some()),
        fields: fields.and_then(|fields| Hash::parse(&hash_of(fields))),
        deleting: metadata.deletion_timestamp.is_some(),
        created: metadata
            .creation_timestamp
            .as_ref()
            .map_or(0, |time| time.0.as_second()),
        secrets: secrets(kind, object),
        request: annotation(ROTATE_CREDENTIALS).cloned(),
        state: State::of(kind, metadata.generation, &object.data),
    }
}

fn secrets(kind: Kind, object: &DynamicObject) -> BTreeSet<String> {
    let pod = object.data.pointer("/spec/template/spec");
    match (kind, pod) {
        (Kind::Deployment | Kind::Job, Some(pod)) => given_to(object.metadata.labels.as_ref(), pod),
        _ => BTreeSet::new(),
    }
}

/// The fields that we own by applying. Nobody's values are in it: a value that somebody else set is not ours any more.
fn ours(metadata: &ObjectMeta) -> Option<&serde_json::Value> {
    let entries = metadata.managed_fields.as_deref().unwrap_or_default();
    let ours = entries.iter().find(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.is_none()
    });
    ours.and_then(|entry| entry.fields_v1.as_ref())
        .map(|fields| &fields.0)
}
