//! What becomes of a child when the platform is deleted: its owner is set or removed, and nothing else.

use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};
use crate::names::{FIELD_MANAGER, Owner};
use crate::observed::{Cluster, Observed, Uid, View};

impl Pass<'_> {
    /// Gives a Secret its owner, or takes it away.
    pub(super) async fn hand(&mut self, child: &Child, outcome: &mut Outcome) {
        let owners = child
            .object
            .pointer("/metadata/ownerReferences")
            .unwrap_or(&Value::Null);
        match self.owned(&child.key, owners).await {
            Ok(()) => outcome.writes += 1,
            Err(failure) => outcome.failures.push((child.key.clone(), failure)),
        }
    }

    async fn owned(&self, key: &ChildKey, owners: &Value) -> Result<(), Failure> {
        set_owners(self.api(key.kind), self.cluster, key, owners).await
    }
}

/// Takes the platform's ownership from all that has data or opens it. This does not wait until a spec that is refused is
/// corrected: who says `Retain` and deletes the platform then keeps the data.
///
/// # Errors
/// The first that still goes with the platform, and why.
pub async fn let_go(
    client: &Client,
    cluster: &Cluster,
    owner: &Owner,
    view: &View,
) -> Result<(), (ChildKey, Failure)> {
    let mut failed = Ok(());
    let kept = view.children.iter();
    for (key, _) in kept.filter(|(key, child)| is_kept(key, child, owner)) {
        let resource = key.kind.api_resource();
        let api = Api::namespaced_with(client.clone(), &owner.namespace, &resource);
        if let Err(failure) = set_owners(api, cluster, key, &Value::Null).await {
            failed = failed.and(Err((key.clone(), failure)));
        }
    }
    failed
}

/// Ours, and deleted with the platform, though `Retain` keeps its kind. Secrets with fields of ours were not drawn, and have
/// nothing that cannot be made again.
fn is_kept(key: &ChildKey, child: &Observed, owner: &Owner) -> bool {
    let is_drawn = key.kind != Kind::Secret || child.fields.is_none();
    key.kind.is_kept()
        && is_drawn
        && !child.deleting
        && child.controller == Some(Uid::of(&owner.uid))
}

async fn set_owners(
    api: Api<DynamicObject>,
    cluster: &Cluster,
    key: &ChildKey,
    owners: &Value,
) -> Result<(), Failure> {
    let patch = json!({"metadata": {"ownerReferences": owners}});
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api
        .patch(&key.name, &parameters, &Patch::Merge(&patch))
        .await
    {
        Ok(object) => cluster.answered(key.kind, &object),
        // It goes, as the watch will tell.
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(error) => return Err(Failure::of(error)),
    }
    Ok(())
}
