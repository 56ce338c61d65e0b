//! Kinds that not every cluster has: objects of one are watched as long as its definition is there. Nothing is asked for again
//! and again: a watch of the definition tells when it comes and goes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::Value;

use super::watches::{News, children, forbidden};
use super::{Context, Guarded};
use crate::child::Kind;

/// The watch of one such kind.
struct Optional {
    client: Client,
    context: Arc<Context>,
    platforms: Store<Guarded>,
    kind: Kind,
    definition: BoxStream<'static, Result<bool, News>>,
    children: Option<BoxStream<'static, News>>,
    is_complete: bool,
    next: VecDeque<News>,
}

/// Children of a kind while the cluster has it. When it comes or goes, all platforms are looked at: one may need it.
pub(super) fn optional(
    client: &Client,
    context: &Arc<Context>,
    platforms: Store<Guarded>,
    kind: Kind,
) -> BoxStream<'static, News> {
    let optional = Optional {
        client: client.clone(),
        context: Arc::clone(context),
        platforms,
        kind,
        definition: definition(client, kind, context.namespace.is_none()),
        children: None,
        is_complete: false,
        next: VecDeque::new(),
    };
    stream::unfold(optional, |mut optional| async move {
        let news = optional.next().await?;
        Some((news, optional))
    })
    .boxed()
}

impl Optional {
    async fn next(&mut self) -> Option<News> {
        loop {
            if let Some(news) = self.next.pop_front() {
                return Some(news);
            }
            tokio::select! {
                definition = self.definition.next() => match definition? {
                    Ok(is_served) => self.turn(is_served),
                    Err(news) => return Some(news),
                },
                news = next_of(&mut self.children) => self.take(news?),
            }
        }
    }

    /// The definition came or went, or is as it was.
    fn turn(&mut self, is_served: bool) {
        if is_served && self.children.is_none() {
            self.children = Some(children(&self.client, &self.context, self.kind));
        }
        if !is_served {
            self.children = None;
            self.context.cluster.retain(self.kind, &HashSet::new());
            self.is_there(false);
            self.complete();
        }
    }

    /// Platforms may use the kind when all that is there of it is known.
    fn take(&mut self, news: News) {
        match news {
            News::Complete => {
                self.is_there(true);
                self.complete();
            }
            other => self.next.push_back(other),
        }
    }

    fn is_there(&mut self, there: bool) {
        if self.context.apis.set(self.kind, there) {
            let kind = self.kind.api_resource();
            tracing::info!(
                kind = kind.kind,
                api = kind.api_version,
                there,
                "an API came or went"
            );
            let platforms = self.platforms.state();
            let all = platforms
                .iter()
                .map(|platform| News::Look(ObjectRef::from_obj(&**platform)));
            self.next.extend(all);
        }
    }

    fn complete(&mut self) {
        if !std::mem::replace(&mut self.is_complete, true) {
            self.next.push_back(News::Complete);
        }
    }
}

async fn next_of(children: &mut Option<BoxStream<'static, News>>) -> Option<News> {
    match children {
        Some(children) => children.next().await,
        None => std::future::pending().await,
    }
}

/// Whether the kind is served, at the beginning and whenever its definition changes. Who works in one namespace only need not have a
/// right to definitions, which are in none: then it is not served.
fn definition(
    client: &Client,
    kind: Kind,
    is_required: bool,
) -> BoxStream<'static, Result<bool, News>> {
    let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let resource = ApiResource::from_gvk(&gvk);
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let name = kind.definition();
    let version = kind.api_resource().version;
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut found = false;
    watch(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let news = match event {
                Ok(Event::Init) => {
                    found = false;
                    None
                }
                Ok(Event::InitApply(definition)) => {
                    found = is_served(&definition.data, &version);
                    None
                }
                Ok(Event::InitDone) => Some(Ok(found)),
                Ok(Event::Apply(definition)) => Some(Ok(is_served(&definition.data, &version))),
                Ok(Event::Delete(_)) => Some(Ok(false)),
                Err(error) => {
                    tracing::warn!(definition = name, %error, "a watch was interrupted, and is begun again");
                    match forbidden(&error) {
                        Some(_) if !is_required => Some(Ok(false)),
                        other => other.map(Err),
                    }
                }
            };
            async move { news }
        })
        .boxed()
}

fn is_served(definition: &Value, version: &str) -> bool {
    let list = |pointer: &str| definition.pointer(pointer).and_then(Value::as_array);
    let is_established = list("/status/conditions")
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
    let has_version = list("/spec/versions")
        .into_iter()
        .flatten()
        .any(|served| served["name"] == version && served["served"] == true);
    is_established && has_version
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_served_in_a_version_once_its_definition_is_established() {
        let definition = |established: &str, version: &str, served: bool| {
            json!({
                "spec": {"versions": [{"name": "v1beta1", "served": true}, {"name": version, "served": served}]},
                "status": {"conditions": [{"type": "Established", "status": established}]},
            })
        };
        assert!(is_served(&definition("True", "v1", true), "v1"));
        assert!(!is_served(&definition("False", "v1", true), "v1"));
        assert!(!is_served(&definition("True", "v1", false), "v1"));
        assert!(!is_served(&definition("True", "v2", true), "v1"));
        assert!(!is_served(&json!({}), "v1"));
    }
}
