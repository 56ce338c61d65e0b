//! `/openapi.json`: what all services say about themselves, as one document.

mod answers;
mod fetch;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::Value;
use service_kit::{Lifecycle, error_chain};

use self::merge::{Known, merge};
use super::{Document, docs};
use crate::routes::RouteTable;
use crate::upstream::Upstreams;

/// How soon a service is asked again while nothing is known of it; doubled each time, for one may have no description.
const FIRST: Duration = Duration::from_secs(1);

/// The merged description, as of the last look.
#[derive(Clone)]
pub(crate) struct Description(Arc<RwLock<Document>>);

/// Looks at the services' descriptions again and again.
pub(crate) struct Refresh {
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) upstreams: Upstreams,
    pub(crate) every: Duration,
}

impl Description {
    /// What is known before the first look: the gateway itself.
    pub(crate) fn unknown(routes: &RouteTable) -> Self {
        let missing = names(routes);
        let value = merge(own(), &Known::default(), &missing, routes);
        Self(Arc::new(RwLock::new(document(&value))))
    }

    /// The document.
    pub(crate) fn current(&self) -> Document {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps it up to date until the gateway drains.
    pub(crate) fn keep_fresh(&self, refresh: Refresh, lifecycle: &Lifecycle) {
        let (description, draining) = (self.clone(), lifecycle.token());
        lifecycle.spawn("openapi-refresh", async move {
            let mut known = Known::default();
            let wanted = names(&refresh.routes);
            let mut next = FIRST.min(refresh.every);
            loop {
                let looks = refresh.look(&wanted);
                let Some(failed) = draining
                    .run_until_cancelled(looks)
                    .await
                    .map(|found| known.learn(found))
                else {
                    break;
                };
                let value = merge(own(), &known, &failed, &refresh.routes);
                *description
                    .0
                    .write()
                    .unwrap_or_else(PoisonError::into_inner) = document(&value);
                let all = wanted.iter().all(|name| known.has(name));
                let pause = if all { refresh.every } else { next };
                next = next.saturating_mul(2).min(refresh.every);
                if draining
                    .run_until_cancelled(tokio::time::sleep(pause))
                    .await
                    .is_none()
                {
                    break;
                }
            }
        });
    }
}

impl Refresh {
    /// What each service says now; none of those that say nothing.
    async fn look(&self, names: &BTreeSet<String>) -> BTreeMap<String, Option<Value>> {
        let looks = names.iter().map(|name| async move {
            let Some(upstream) = self.upstreams.get(name) else {
                return (name.clone(), None);
            };
            let said = fetch::description(upstream).await;
            if let Err(error) = &said {
                let error = error_chain(error);
                tracing::debug!(upstream = name, error, "a service does not describe itself");
            }
            (name.clone(), said.ok())
        });
        join_all(looks).await.into_iter().collect()
    }
}

/// The services that routes lead to.
fn names(routes: &RouteTable) -> BTreeSet<String> {
    let names = routes.routes().iter().map(|route| route.upstream.clone());
    names.collect()
}

fn own() -> Value {
    serde_json::to_value(crate::openapi()).unwrap_or_default()
}

fn document(value: &Value) -> Document {
    let bytes = Bytes::from(serde_json::to_vec(value).unwrap_or_default());
    Document {
        tag: docs::tag(&bytes),
        bytes,
        content_type: "application/json",
    }
}
