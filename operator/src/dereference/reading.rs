//! Asks the API server, where the watches do not tell.

use kube::Client;

use super::{Found, Secrets, secrets_of};
use crate::child::Kind;
use crate::observed::{PlatformKey, View};
use crate::resource::ShopPlatform;

/// Reads what the spec points to. Secrets that were read and did not change since are not read again.
pub async fn dereference(
    resource: &ShopPlatform,
    key: &PlatformKey,
    client: &Client,
    secrets: &Secrets,
    view: &View,
) -> Result<Found, kube::Error> {
    let mut found = Found {
        credentials: credentials_of(view),
        ..Found::default()
    };
    for name in secrets_of(&resource.spec) {
        let content = secrets.get(client, &key.namespace, &name).await?;
        found.secrets.insert(name, content);
    }
    Ok(found)
}

/// The generation of passwords in use: that of the newest Secrets, whose names end with it.
fn credentials_of(view: &View) -> u32 {
    view.children
        .keys()
        .filter(|key| key.kind == Kind::Secret)
        .filter_map(|key| key.name.rsplit_once("-credentials-")?.1.parse().ok())
        .max()
        .unwrap_or(1)
}
