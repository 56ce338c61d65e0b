//! Asks the API server, where the watches do not tell.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, ResourceExt};

use super::{Apis, Found, Secrets, secrets_of};
use crate::credentials::{Standing, Wish};
use crate::names::ROTATE_CREDENTIALS;
use crate::observed::{PlatformKey, View};
use crate::resource::{Phase, ShopPlatform};
use crate::validate::parse_age;

/// What is read from, besides the resource.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Who asks the API server.
    pub client: &'a Client,
    /// What was read of people's Secrets.
    pub secrets: &'a Secrets,
    /// Which kinds the cluster has.
    pub apis: &'a Apis,
    /// What the platform has.
    pub view: &'a View,
    /// The present.
    pub now: Timestamp,
}

/// Reads what the spec points to, and how the credentials stand. Secrets that were read and did not change since are not read again.
pub async fn dereference(
    resource: &ShopPlatform,
    key: &PlatformKey,
    sources: Sources<'_>,
) -> Result<Found, kube::Error> {
    let annotations = resource.annotations();
    let request = annotations.get(ROTATE_CREDENTIALS).cloned();
    let mut standing = Standing::of(sources.view);
    standing.lost = really_lost(standing.lost, key, sources.client).await?;
    let status = resource.status.as_ref();
    let plan = standing.plan(&Wish {
        rotate_after: resource
            .spec
            .credentials
            .rotate_after
            .as_deref()
            .and_then(parse_age),
        request: request.as_deref(),
        is_ready: status.is_some_and(|status| {
            let begun = status.credentials.as_ref().map(|begun| begun.generation);
            // One that was begun and whose Secrets could not be made is gone on with: to and fro nothing would ever back off.
            status.phase == Phase::Ready || begun > Some(standing.newest)
        }),
        now: sources.now.as_second(),
    });
    let mut found = Found {
        credentials: plan.generation,
        lock_previous: plan.lock_previous,
        request,
        apis: sources.apis.present(),
        ..Found::default()
    };
    for name in secrets_of(&resource.spec) {
        let content = sources
            .secrets
            .get(sources.client, &key.namespace, &name)
            .await?;
        found.secrets.insert(name, content);
    }
    Ok(found)
}

/// A watch that begins anew may not know yet what was made a moment ago: nobody is given new passwords for that.
async fn really_lost(
    seen: BTreeSet<String>,
    key: &PlatformKey,
    client: &Client,
) -> Result<BTreeSet<String>, kube::Error> {
    let secrets = Api::<Secret>::namespaced(client.clone(), &key.namespace);
    let mut lost = BTreeSet::new();
    for name in seen {
        if secrets.get_metadata_opt(&name).await?.is_none() {
            lost.insert(name);
        }
    }
    Ok(lost)
}
