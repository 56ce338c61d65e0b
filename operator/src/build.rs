//! Makes every child object of a platform: pure, deterministic, without a client.

mod access;
mod addresses;
mod back_ends;
mod credentials;
mod exposure;
mod jobs;
mod network;
mod pod;
mod secrets;
mod settings;
mod workloads;

use crate::child::{Child, Kind, Unwritable, Writing};
use crate::platform::Platform;
use crate::resource::DeletionPolicy;

/// A platform could not be built: a fault of the operator, or of a `podTemplate` that cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An object could not be put into JSON.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// The escape hatch does not fit.
    #[error("podTemplate of {component} cannot be merged: {reason}")]
    PodTemplate {
        /// Whose.
        component: String,
        /// Why, and what to do.
        reason: String,
    },
}

/// Every child of the platform, in the order in which they are to be written; each key once.
pub fn build(platform: &Platform) -> Result<Vec<Child>, BuildError> {
    let mut children = secrets::build(platform)?;
    children.extend(back_ends::build(platform)?);
    let jobs = jobs::build(platform)?;
    children.extend(workloads::build(platform, &jobs)?);
    children.extend(jobs);
    children.extend(exposure::build(platform)?);
    children.extend(network::build(platform)?);
    let mut children: Vec<_> = children
        .into_iter()
        .map(|child| owned(platform, child))
        .collect();
    children.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(children)
}

/// Everything is deleted with the platform, but what has data or opens it: that only if the spec says so.
fn owned(platform: &Platform, child: Child) -> Child {
    let is_data = match child.key.kind {
        // CloudNativePG deletes its disks with its `Cluster`.
        Kind::PersistentVolumeClaim | Kind::CloudNativePgCluster => true,
        Kind::Secret => matches!(child.writing, Writing::CreateOnce(_)),
        _ => false,
    };
    if is_data && platform.deletion_policy == DeletionPolicy::Retain {
        child
    } else {
        child.owned_by(&platform.owner)
    }
}
