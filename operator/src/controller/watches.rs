//! Watches of everything that belongs to platforms. Each brings what is reduced on arrival, and says which platform to look at.

mod releases;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use kube::core::{
    ApiResource, DynamicObject, DynamicResourceScope, GroupVersionKind, PartialObjectMeta,
};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt};

use super::optional::optional;
use super::{Context, Guarded};
use crate::child::Kind;
use crate::dereference::{SecretKey, key_of, secrets_of};
use crate::metrics;
use crate::names::PLATFORM_LABEL;
use crate::observed::{PlatformKey, platform_of};
use crate::resource::ShopPlatform;

type Trigger = ObjectRef<Guarded>;
type Events = BoxStream<'static, watcher::Result<Event<DynamicObject>>>;

/// What a watch says: look at a platform, or that it has brought all there was when it began.
pub(super) enum News {
    Look(Trigger),
    Complete,
    /// A right is missing, in the words of the API server.
    Forbidden(String),
}

/// All watches as one stream of platforms to look at. Nothing comes before every watch has brought all there was: what is
/// only not known yet would be taken for missing.
pub(super) fn all(
    client: &Client,
    context: &Arc<Context>,
    store: &Store<Guarded>,
    writer: Writer<Guarded>,
) -> BoxStream<'static, Trigger> {
    let mut streams = vec![
        platforms(client, context, writer),
        pods(client, context),
        secrets(client, context, store.clone()),
        releases::releases(client, context),
    ];
    for kind in Kind::ALL {
        if !kind.is_built_in() {
            streams.push(optional(client, context, store.clone(), kind));
        } else if kind != Kind::Secret {
            streams.push(children(client, context, kind));
        }
    }
    let mut incomplete = streams.len();
    let context = Arc::clone(context);
    context.readiness.waits_for(incomplete);
    let mut held = HashSet::new();
    stream::select_all(streams)
        .flat_map(move |news| {
            match news {
                News::Look(platform) => {
                    held.insert(platform);
                }
                News::Complete => {
                    incomplete = incomplete.saturating_sub(1);
                    context.readiness.waits_for(incomplete);
                }
                // Without a watch the operator would be blind on one eye and not know it.
                News::Forbidden(right) => context.lacks(right),
            }
            let ready = if incomplete == 0 {
                std::mem::take(&mut held)
            } else {
                HashSet::new()
            };
            stream::iter(ready)
        })
        .boxed()
}

/// What a watch says when it is complete for the first time: later ones only began anew.
fn first(complete: &mut bool) -> Option<News> {
    (!std::mem::replace(complete, true)).then_some(News::Complete)
}

/// Pages of first lists are whole objects until they are reduced: memory for the largest of them all is kept by the allocator.
fn config() -> watcher::Config {
    const PAGE: u32 = 50;
    watcher::Config::default().page_size(PAGE)
}

fn look(platform: &PlatformKey) -> News {
    News::Look(ObjectRef::new(&platform.name).within(&platform.namespace))
}

/// Objects of all namespaces that the operator works in.
fn of_all<K>(client: &Client, context: &Context, resource: &ApiResource) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
{
    match &context.namespace {
        None => Api::all_with(client.clone(), resource),
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
    }
}

/// What is news in an error: a missing right. Everything else is mended by beginning anew.
pub(super) fn forbidden(error: &watcher::Error) -> Option<News> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
            if status.code == 403 =>
        {
            Some(News::Forbidden(status.message.clone()))
        }
        _ => None,
    }
}

fn log(what: &'static str) -> impl Fn(&watcher::Error) {
    move |error| tracing::warn!(what, %error, "a watch was interrupted, and is begun again")
}

/// The platforms themselves, kept whole: there are few.
fn platforms(
    client: &Client,
    context: &Arc<Context>,
    writer: Writer<Guarded>,
) -> BoxStream<'static, News> {
    let api = match &context.namespace {
        None => Api::<Guarded>::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    let context = Arc::clone(context);
    let mut complete = false;
    watch(api, config())
        .default_backoff()
        .inspect_err(log("platforms"))
        // Who set which field of a spec decides nothing here.
        .modify(|platform| platform.meta_mut().managed_fields = None)
        .reflect(writer)
        .filter_map(move |event| {
            let news = match event {
                Ok(Event::Apply(platform) | Event::InitApply(platform)) => {
                    Some(News::Look(ObjectRef::from_obj(&platform)))
                }
                Ok(Event::Delete(platform)) => {
                    let key = PlatformKey {
                        namespace: platform.namespace().unwrap_or_default(),
                        name: platform.name_any(),
                    };
                    let status = platform.0.ok().and_then(|platform| platform.status);
                    metrics::phase(&key, status.map(|status| status.phase), None);
                    context.forget(&key);
                    None
                }
                Ok(Event::InitDone) => first(&mut complete),
                Ok(Event::Init) => None,
                Err(error) => forbidden(&error),
            };
            async move { news }
        })
        .boxed()
}

/// Children of one kind.
pub(super) fn children(
    client: &Client,
    context: &Arc<Context>,
    kind: Kind,
) -> BoxStream<'static, News> {
    let config = config().labels(PLATFORM_LABEL);
    let events = if kind.is_watched_as_metadata() {
        watch_metadata(client, context, &kind.api_resource(), config)
    } else {
        let api: Api<DynamicObject> = of_all(client, context, &kind.api_resource());
        watch(api, config).boxed()
    };
    let (put, moved, remove, retain) = (
        Arc::clone(context),
        Arc::clone(context),
        Arc::clone(context),
        Arc::clone(context),
    );
    reduced(
        events,
        "children",
        move |object| put.cluster.put(kind, object),
        move |object| moved.cluster.relabelled(kind, object),
        move |object| remove.cluster.remove(kind, object),
        move |seen| retain.cluster.retain(kind, seen),
    )
}

fn pods(client: &Client, context: &Arc<Context>) -> BoxStream<'static, News> {
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Pod"), "pods");
    let api: Api<DynamicObject> = of_all(client, context, &resource);
    let events = watch(api, config().labels(PLATFORM_LABEL)).boxed();
    let (put, remove, retain) = (
        Arc::clone(context),
        Arc::clone(context),
        Arc::clone(context),
    );
    reduced(
        events,
        "pods",
        move |object| put.cluster.put_pod(object),
        |_| None,
        move |object| remove.cluster.remove_pod(object),
        move |seen| retain.cluster.retain_pods(seen),
    )
}

/// Secrets: ours, and those that specs point to, which people make without any label. Metadata only.
fn secrets(
    client: &Client,
    context: &Arc<Context>,
    platforms: Store<Guarded>,
) -> BoxStream<'static, News> {
    let events = watch_metadata(client, context, &Kind::Secret.api_resource(), config());
    let context = Arc::clone(context);
    let (mut seen, mut complete) = (HashSet::new(), false);
    let mut asked_for = HashSet::new();
    events
        .default_backoff()
        .inspect_err(log("secrets"))
        .flat_map(move |event| {
            let (mut triggers, mut done) = (Vec::new(), None);
            if let Ok(Event::Apply(object)) = &event {
                triggers.extend(context.cluster.relabelled(Kind::Secret, object));
            }
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => {
                    if let Some(platform) = platform_of(&object.metadata) {
                        seen.insert((platform.clone(), object.name_any()));
                        triggers.extend(context.cluster.put(Kind::Secret, &object));
                    }
                    if context.secrets.knows(&object.metadata) {
                        asked_for.insert(key_of(&object.metadata));
                    }
                    if context.secrets.changed(&object.metadata) {
                        triggers.extend(pointing_to(&platforms, &key_of(&object.metadata)));
                    }
                }
                Ok(Event::Delete(object)) => {
                    triggers.extend(context.cluster.remove(Kind::Secret, &object));
                    context.secrets.gone(&object.metadata);
                    triggers.extend(pointing_to(&platforms, &key_of(&object.metadata)));
                }
                Ok(Event::Init) => {
                    seen.clear();
                    asked_for.clear();
                }
                Ok(Event::InitDone) => {
                    triggers.extend(context.cluster.retain(Kind::Secret, &seen));
                    for gone in context.secrets.only(&asked_for) {
                        triggers.extend(pointing_to(&platforms, &gone));
                    }
                    done = first(&mut complete);
                }
                Err(error) => done = forbidden(&error),
            }
            stream::iter(
                triggers
                    .iter()
                    .map(look)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .chain(done),
            )
        })
        .boxed()
}

/// One that has gone back to an older release points to what that names, which only a pass knows.
fn points_to(platform: &ShopPlatform, secret: &str) -> bool {
    let status = platform.status.as_ref();
    status.is_some_and(|status| status.refused.is_some())
        || secrets_of(&platform.spec).contains(secret)
}

/// Platforms whose spec names this Secret.
fn pointing_to(platforms: &Store<Guarded>, (namespace, name): &SecretKey) -> Vec<PlatformKey> {
    let pointing = platforms.state_filter(|platform| {
        platform.namespace().as_ref() == Some(namespace)
            && platform
                .0
                .as_ref()
                .is_ok_and(|platform| points_to(platform, name))
    });
    pointing
        .iter()
        .map(|platform| PlatformKey {
            namespace: platform.namespace().unwrap_or_default(),
            name: platform.name_any(),
        })
        .collect()
}

/// A watch that asks for metadata only.
fn watch_metadata(
    client: &Client,
    context: &Context,
    resource: &ApiResource,
    config: watcher::Config,
) -> Events {
    let api: Api<PartialObjectMeta<DynamicObject>> = of_all(client, context, resource);
    watch(api, config).map(|event| event.map(whole)).boxed()
}

fn whole(event: Event<PartialObjectMeta<DynamicObject>>) -> Event<DynamicObject> {
    let whole = |partial: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: partial.types,
        metadata: partial.metadata,
        data: serde_json::Value::Null,
    };
    match event {
        Event::Apply(object) => Event::Apply(whole(object)),
        Event::InitApply(object) => Event::InitApply(whole(object)),
        Event::Delete(object) => Event::Delete(whole(object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

/// A watch whose objects are reduced as they come.
fn reduced(
    events: Events,
    what: &'static str,
    put: impl Fn(&DynamicObject) -> Option<PlatformKey> + Send + 'static,
    moved: impl Fn(&DynamicObject) -> Option<PlatformKey> + Send + 'static,
    remove: impl Fn(&DynamicObject) -> Option<PlatformKey> + Send + 'static,
    retain: impl Fn(&HashSet<(PlatformKey, String)>) -> Vec<PlatformKey> + Send + 'static,
) -> BoxStream<'static, News> {
    let (mut seen, mut complete) = (HashSet::new(), false);
    events
        .default_backoff()
        .inspect_err(log(what))
        .flat_map(move |event| {
            let mut done = None;
            let changed = match event {
                Ok(Event::Apply(object)) => {
                    moved(&object).into_iter().chain(put(&object)).collect()
                }
                Ok(Event::InitApply(object)) => {
                    if let Some(platform) = platform_of(&object.metadata) {
                        seen.insert((platform, object.name_any()));
                    }
                    put(&object).into_iter().collect()
                }
                Ok(Event::Delete(object)) => remove(&object).into_iter().collect(),
                Ok(Event::Init) => {
                    seen.clear();
                    Vec::new()
                }
                Ok(Event::InitDone) => {
                    done = first(&mut complete);
                    retain(&seen)
                }
                Err(error) => {
                    done = forbidden(&error);
                    Vec::new()
                }
            };
            stream::iter(
                changed
                    .iter()
                    .map(look)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .chain(done),
            )
        })
        .boxed()
}
