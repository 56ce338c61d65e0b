//! When what a platform consists of is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt as _, reflector::ObjectRef};
use kube::{Api, Client};
use operator::child::Kind;
use operator::names::PLATFORM_LABEL;
use tokio::task::JoinSet;

/// What is made without waiting for a Job.
const AT_ONCE: [Kind; 8] = [
    Kind::ServiceAccount,
    Kind::Secret,
    Kind::ConfigMap,
    Kind::PersistentVolumeClaim,
    Kind::Service,
    Kind::NetworkPolicy,
    Kind::PodDisruptionBudget,
    Kind::StatefulSet,
];

type Seen = HashMap<ObjectRef<PartialObjectMeta<DynamicObject>>, Instant>;

/// Watches all of them, until it is dropped.
pub(super) struct Children {
    seen: Arc<Mutex<Seen>>,
    _watches: JoinSet<()>,
}

impl Children {
    pub(super) fn watch(client: &Client) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let mut watches = JoinSet::new();
        for kind in AT_ONCE {
            let resource = kind.api_resource();
            let api: Api<PartialObjectMeta<DynamicObject>> =
                Api::all_with(client.clone(), &resource);
            let config = watcher::Config::default().labels(PLATFORM_LABEL);
            let seen = Arc::clone(&seen);
            watches.spawn(async move {
                let mut events = std::pin::pin!(watcher(api, config).default_backoff());
                while let Some(event) = events.next().await {
                    if let Ok(Event::Apply(child) | Event::InitApply(child)) = event {
                        let child = ObjectRef::from_obj_with(&child, resource.clone());
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.entry(child).or_insert_with(Instant::now);
                    }
                }
            });
        }
        Self {
            seen,
            _watches: watches,
        }
    }

    /// How long after it was applied the last of a platform's was there, of those in these namespaces.
    pub(super) fn times(&self, begun: &BTreeMap<String, Instant>) -> Vec<Duration> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last: BTreeMap<&str, Duration> = BTreeMap::new();
        for (child, at) in seen.iter() {
            let namespace = child.namespace.as_deref().unwrap_or_default();
            if let Some(begin) = begun.get(namespace) {
                let took = at.saturating_duration_since(*begin);
                let last = last.entry(namespace).or_default();
                *last = took.max(*last);
            }
        }
        last.into_values().collect()
    }
}
