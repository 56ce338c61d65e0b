//! Releases that were good, as `ControllerRevision`s.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::Release;
use crate::names::{FIELD_MANAGER, Owner, PLATFORM_LABEL, RELEASE_LABEL};
use crate::resource::{GROUP, VERSION};

/// How many are kept, with the newest.
const KEPT: usize = 3;

/// A release that was kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The API server did not give it.
    #[error("the API server did not give it")]
    NotGiven(#[source] kube::Error),
    /// It is not as this operator writes it.
    #[error("it is not as this operator writes it")]
    NotUnderstood(#[source] serde_json::Error),
}

/// Keeps a release that was good, as the newest one, and deletes the oldest ones.
pub async fn keep(client: &Client, owner: &Owner, release: &Release) -> Result<(), kube::Error> {
    let api = Api::<ControllerRevision>::namespaced(client.clone(), &owner.namespace);
    let selector = format!("{PLATFORM_LABEL}={},{RELEASE_LABEL}", owner.name);
    let mut known = api
        .list(&ListParams::default().labels(&selector))
        .await?
        .items;
    known.retain(|revision| {
        let owners = revision.metadata.owner_references.as_deref();
        let mut owners = owners.unwrap_or_default().iter();
        owners.any(|found| found.uid == owner.uid)
    });
    let name = release.name(owner);
    let newest = known.iter().max_by_key(|revision| revision.revision);
    let is_newest = newest.is_some_and(|newest| newest.name_any() == name);
    let newest = newest.map(|newest| newest.revision);
    if is_newest {
        prune(&api, known, &name).await;
        return Ok(());
    }
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {
                PLATFORM_LABEL: owner.name,
                RELEASE_LABEL: release.hash(),
                "app.kubernetes.io/instance": owner.name,
                "app.kubernetes.io/part-of": "shop-platform",
                "app.kubernetes.io/managed-by": FIELD_MANAGER,
            },
            "ownerReferences": [{
                "apiVersion": format!("{GROUP}/{VERSION}"),
                "kind": "ShopPlatform",
                "name": owner.name,
                "uid": owner.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "revision": newest.unwrap_or(0).saturating_add(1),
        "data": release.data(),
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &parameters, &Patch::Apply(&object))
        .await?;
    prune(&api, known, &name).await;
    Ok(())
}

/// Deletes all but the newest ones, of which `name` is one. What stays for now goes the next time.
async fn prune(api: &Api<ControllerRevision>, mut known: Vec<ControllerRevision>, name: &str) {
    known.retain(|revision| revision.name_any() != name);
    known.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    for oldest in known.iter().skip(KEPT.saturating_sub(1)) {
        let oldest = oldest.name_any();
        match api.delete(&oldest, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => tracing::warn!(name = oldest, %error, "an old release stays for now"),
            Ok(_) => {}
        }
    }
}

/// The release of that name; none if somebody deleted it.
pub async fn read(
    client: &Client,
    owner: &Owner,
    name: &str,
) -> Result<Option<Release>, Unreadable> {
    let api = Api::<ControllerRevision>::namespaced(client.clone(), &owner.namespace);
    let revision = api.get_opt(name).await.map_err(Unreadable::NotGiven)?;
    let Some(data) = revision.and_then(|revision| revision.data) else {
        return Ok(None);
    };
    serde_json::from_value(data.0)
        .map(Some)
        .map_err(Unreadable::NotUnderstood)
}
