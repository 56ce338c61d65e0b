//! The last good release is kept, so that there is something to go back to.

use super::Context;
use super::context::Memory;
use crate::apply::Failure;
use crate::names::Owner;
use crate::observed::{PlatformKey, View};
use crate::release::{self, Release};
use crate::resource::{LastGood, ShopPlatformStatus};

/// Keeps a release that was proved good, unless it is known to be the last one, as `told` by status, and still there.
///
/// # Errors
/// The name of what keeps it and why that could not be written.
pub(super) async fn kept(
    release: &Release,
    told: Option<&LastGood>,
    owner: &Owner,
    view: &View,
    context: &Context,
    memory: &mut Memory,
) -> Result<LastGood, (String, Failure)> {
    let name = release.name(owner);
    // What status said before may come late: a process that kept one knows better.
    let last = match &memory.last_good {
        Some((known, _)) => Some(known),
        None => told.map(|told| &told.revision),
    };
    if last != Some(&name) || !view.releases.contains(&name) {
        if let Err(error) = release::keep(&context.client, owner, release).await {
            return Err((name, Failure::of(error)));
        }
        let platform = PlatformKey {
            namespace: owner.namespace.clone(),
            name: owner.name.clone(),
        };
        context.cluster.put_release(platform, name.clone());
        memory.last_good = Some((name.clone(), release.clone()));
    }
    Ok(LastGood { revision: name })
}

/// The last good release that this process knows, if somebody deleted what keeps it.
pub(super) fn gone(memory: &Memory, view: &View) -> Option<Release> {
    let (name, release) = memory.last_good.as_ref()?;
    (!view.releases.contains(name)).then(|| release.clone())
}

/// What status said before may come late: the last good release is the one that this process kept last.
pub(super) fn bring_up_to_date(status: Option<&mut ShopPlatformStatus>, memory: &Memory) {
    if let (Some(status), Some((name, _))) = (status, &memory.last_good) {
        status.last_good = Some(LastGood {
            revision: name.clone(),
        });
    }
}
