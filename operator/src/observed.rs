//! What the cluster has: every child of every platform and their pods, each reduced to what a reconciliation asks for as soon
//! as a watch brings it. Whole objects are kept nowhere, which is what keeps a thousand platforms in little memory.

mod fingerprint;
mod pods;
mod reduce;
mod state;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use kube::core::DynamicObject;

pub use fingerprint::{Hash, Uid};
pub use pods::{Pod, reduce_pod};
pub use reduce::{Mark, Observed, platform_of, reduce};
pub use state::{Problem, State};

use crate::child::{ChildKey, Kind};

/// Which platform: namespace and name. It may not be there any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What one platform has.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Its children.
    pub children: BTreeMap<ChildKey, Observed>,
    /// Pods of its children, by name.
    pub pods: BTreeMap<String, Pod>,
    /// Names of the releases that are kept.
    pub releases: BTreeSet<String>,
}

impl View {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.pods.is_empty() && self.releases.is_empty()
    }
}

/// What all platforms have.
#[derive(Debug, Default)]
pub struct Cluster(RwLock<Views>);

#[derive(Debug, Default)]
struct Views {
    of: HashMap<PlatformKey, View>,
    /// The newest version of a kind that its watch has brought: what an answer tells of and is not there, though it is not
    /// newer, was deleted since.
    newest: BTreeMap<Kind, u64>,
}

impl Views {
    fn note(&mut self, kind: Kind, version: u64) {
        let newest = self.newest.entry(kind).or_default();
        *newest = version.max(*newest);
    }
}

impl Cluster {
    /// What one platform has, as of now.
    #[must_use]
    pub fn view(&self, platform: &PlatformKey) -> View {
        let views = self.0.read().unwrap_or_else(PoisonError::into_inner);
        views.of.get(platform).cloned().unwrap_or_default()
    }

    /// Takes in a child as a watch brought it. Returns its platform if something that matters changed.
    ///
    /// An older version than the one that is known changes nothing: a watch may lag behind our own writes.
    pub fn put(&self, kind: Kind, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.clone()?,
        );
        let observed = reduce(kind, object);
        let mut views = self.write();
        views.note(kind, observed.version);
        insert(&mut views, platform, ChildKey { kind, name }, observed)
    }

    /// Takes in a child as the answer to a write brought it. The answer may come after the watch told that the child was deleted:
    /// then it is not put back, for no watch would ever remove it again.
    pub fn answered(&self, kind: Kind, object: &DynamicObject) {
        let (Some(platform), Some(name)) =
            (platform_of(&object.metadata), object.metadata.name.clone())
        else {
            return;
        };
        let observed = reduce(kind, object);
        let key = ChildKey { kind, name };
        let mut views = self.write();
        let is_known = views
            .of
            .get(&platform)
            .is_some_and(|view| view.children.contains_key(&key));
        let newest = views.newest.get(&kind).copied().unwrap_or(0);
        if is_known || observed.version > newest {
            insert(&mut views, platform, key, observed);
        }
    }

    /// A watch brings a change of an object: if it was a platform's child whose label names another platform now, or none, it is
    /// removed there. Returns that platform.
    pub fn relabelled(&self, kind: Kind, object: &DynamicObject) -> Option<PlatformKey> {
        let (namespace, name) = (
            object.metadata.namespace.as_ref()?,
            object.metadata.name.clone()?,
        );
        let key = ChildKey { kind, name };
        let named = platform_of(&object.metadata);
        let mut views = self.write();
        let is_known = |view: &View| view.children.contains_key(&key);
        if named
            .as_ref()
            .and_then(|named| views.of.get(named))
            .is_some_and(is_known)
        {
            return None;
        }
        let before = views
            .of
            .iter_mut()
            .filter(|(platform, _)| platform.namespace == *namespace)
            .find(|(_, view)| {
                let known = view.children.get(&key).map(|child| child.uid);
                known.is_some() && known == object.metadata.uid.as_deref().map(Uid::of)
            });
        let (platform, view) = before?;
        view.children.remove(&key);
        let platform = platform.clone();
        forget_if_empty(&mut views, &platform);
        Some(platform)
    }

    /// A child is gone. Returns its platform if it was known: a watch may tell the end of an older one of the same name late.
    pub fn remove(&self, kind: Kind, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.clone()?,
        );
        let gone = reduce(kind, object);
        let mut views = self.write();
        views.note(kind, gone.version);
        let view = views.of.get_mut(&platform)?;
        let key = ChildKey { kind, name };
        if view.children.get(&key)?.uid != gone.uid {
            return None;
        }
        view.children.remove(&key);
        forget_if_empty(&mut views, &platform);
        Some(platform)
    }

    /// After a watch began anew: children of a kind that it did not bring are gone. Returns their platforms.
    pub fn retain(&self, kind: Kind, seen: &HashSet<(PlatformKey, String)>) -> Vec<PlatformKey> {
        self.retain_where(|platform, view| {
            let before = view.children.len();
            view.children.retain(|key, _| {
                key.kind != kind || seen.contains(&(platform.clone(), key.name.clone()))
            });
            view.children.len() != before
        })
    }

    /// Takes in a pod. Returns its platform if something that matters changed.
    pub fn put_pod(&self, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.clone()?,
        );
        let pod = reduce_pod(object);
        let mut views = self.write();
        let before = views
            .of
            .entry(platform.clone())
            .or_default()
            .pods
            .insert(name, pod.clone());
        (before.as_ref() != Some(&pod)).then_some(platform)
    }

    /// A pod is gone.
    pub fn remove_pod(&self, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.as_ref()?,
        );
        let mut views = self.write();
        let gone = views.of.get_mut(&platform)?.pods.remove(name).is_some();
        forget_if_empty(&mut views, &platform);
        gone.then_some(platform)
    }

    /// After the watch of pods began anew: those that it did not bring are gone.
    pub fn retain_pods(&self, seen: &HashSet<(PlatformKey, String)>) -> Vec<PlatformKey> {
        self.retain_where(|platform, view| {
            let before = view.pods.len();
            view.pods
                .retain(|name, _| seen.contains(&(platform.clone(), name.clone())));
            view.pods.len() != before
        })
    }

    /// A release of that name is kept.
    pub fn put_release(&self, platform: PlatformKey, name: String) {
        let mut views = self.write();
        views.of.entry(platform).or_default().releases.insert(name);
    }

    /// A release is not kept any more. Returns its platform if it was known.
    pub fn remove_release(&self, platform: &PlatformKey, name: &str) -> Option<PlatformKey> {
        let mut views = self.write();
        let gone = views.of.get_mut(platform)?.releases.remove(name);
        forget_if_empty(&mut views, platform);
        gone.then(|| platform.clone())
    }

    /// After the watch of releases began anew: those that it did not bring are gone. Returns their platforms.
    pub fn retain_releases(&self, seen: &HashSet<(PlatformKey, String)>) -> Vec<PlatformKey> {
        self.retain_where(|platform, view| {
            let before = view.releases.len();
            view.releases
                .retain(|name| seen.contains(&(platform.clone(), name.clone())));
            view.releases.len() != before
        })
    }

    fn retain_where(
        &self,
        mut changes: impl FnMut(&PlatformKey, &mut View) -> bool,
    ) -> Vec<PlatformKey> {
        let mut views = self.write();
        let mut found = Vec::new();
        for (platform, view) in &mut views.of {
            if changes(platform, view) {
                found.push(platform.clone());
            }
        }
        views.of.retain(|_, view| !view.is_empty());
        found
    }

    fn write(&self) -> RwLockWriteGuard<'_, Views> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the platform if something that matters changed.
fn insert(
    views: &mut Views,
    platform: PlatformKey,
    key: ChildKey,
    observed: Observed,
) -> Option<PlatformKey> {
    let children = &mut views.of.entry(platform.clone()).or_default().children;
    match children.entry(key) {
        Entry::Occupied(mut entry) => {
            if observed.version < entry.get().version {
                return None;
            }
            let before = entry.insert(observed);
            (!before.is_like(entry.get())).then_some(platform)
        }
        Entry::Vacant(entry) => {
            entry.insert(observed);
            Some(platform)
        }
    }
}

fn forget_if_empty(views: &mut Views, platform: &PlatformKey) {
    if views.of.get(platform).is_some_and(View::is_empty) {
        views.of.remove(platform);
    }
}

#[cfg(test)]
mod tests;
