//! What the cluster has: every child of every platform and their pods, each reduced to what a reconciliation asks for as soon
//! as a watch brings it. Whole objects are kept nowhere, which is what keeps a thousand platforms in little memory.

mod pods;
mod reduce;
mod state;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use kube::core::DynamicObject;

pub use pods::{Pod, reduce_pod};
pub use reduce::{Observed, platform_of, reduce};
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
}

/// What all platforms have.
#[derive(Debug, Default)]
pub struct Cluster {
    views: RwLock<HashMap<PlatformKey, View>>,
}

impl Cluster {
    /// What one platform has, as of now.
    #[must_use]
    pub fn view(&self, platform: &PlatformKey) -> View {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        views.get(platform).cloned().unwrap_or_default()
    }

    /// Takes in a child as a watch or a write brought it. Returns its platform if something that matters changed.
    ///
    /// An older version than the one that is known changes nothing: a watch may lag behind our own writes.
    pub fn put(&self, kind: Kind, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.clone()?,
        );
        let observed = reduce(kind, object);
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let children = &mut views.entry(platform.clone()).or_default().children;
        match children.entry(ChildKey { kind, name }) {
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if entry.get().uid == observed.uid && observed.version() < entry.get().version() {
                    return None;
                }
                let before = entry.insert(observed);
                (!before.is_like(entry.get())).then_some(platform)
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(observed);
                Some(platform)
            }
        }
    }

    /// A child is gone. Returns its platform if it was known: a watch may tell the end of an older one of the same name late.
    pub fn remove(&self, kind: Kind, object: &DynamicObject) -> Option<PlatformKey> {
        let (platform, name) = (
            platform_of(&object.metadata)?,
            object.metadata.name.clone()?,
        );
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let view = views.get_mut(&platform)?;
        let key = ChildKey { kind, name };
        if view.children.get(&key)?.uid != object.metadata.uid.clone().unwrap_or_default() {
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
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let before = views
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
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let gone = views.get_mut(&platform)?.pods.remove(name).is_some();
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

    fn retain_where(
        &self,
        mut changes: impl FnMut(&PlatformKey, &mut View) -> bool,
    ) -> Vec<PlatformKey> {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (platform, view) in views.iter_mut() {
            if changes(platform, view) {
                found.push(platform.clone());
            }
        }
        views.retain(|_, view| !view.children.is_empty() || !view.pods.is_empty());
        found
    }
}

fn forget_if_empty(views: &mut HashMap<PlatformKey, View>, platform: &PlatformKey) {
    if views
        .get(platform)
        .is_some_and(|view| view.children.is_empty() && view.pods.is_empty())
    {
        views.remove(platform);
    }
}
