//! Watches, queues, reconciles: what happens when.

mod back_off;
mod context;
mod measured;
mod optional;
mod reconcile;
mod watches;

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use kube::runtime::applier;
use kube::runtime::controller::{self, ReconcileRequest};
use kube::runtime::reflector::{self, Store};
use kube::{Client, core::DeserializeGuard};
use tokio_util::sync::CancellationToken;

pub use context::Context;

use crate::observed::PlatformKey;
use crate::resource::ShopPlatform;

/// The resource as it arrives: one that cannot be read must not keep the others from being served.
pub type Guarded = DeserializeGuard<ShopPlatform>;

/// How many platforms are reconciled at a time.
const CONCURRENT: u16 = 8;

/// The work waits for the platforms, also after its end, and they may never come.
async fn ended_before_it_began(store: &Store<Guarded>, end: &CancellationToken) {
    end.cancelled().await;
    if store.wait_until_ready().now_or_never().is_some() {
        std::future::pending::<()>().await;
    }
}

/// Runs until `end` is cancelled; what was begun is finished. Ends earlier if it may not watch something: see
/// [`Context::missing_right`].
pub async fn run(client: Client, context: Arc<Context>, end: CancellationToken) {
    let (store, writer) = reflector::store();
    let triggers = watches::all(&client, &context, &store, writer);
    let (known, queued) = (store.clone(), Arc::clone(&context));
    let broken = context.broken().clone();
    let queue = triggers
        .map(move |platform| {
            if known.get(&platform).is_some() {
                queued.queue.add(PlatformKey {
                    namespace: platform.namespace.clone().unwrap_or_default(),
                    name: platform.name.clone(),
                });
            }
            Ok::<_, std::convert::Infallible>(ReconcileRequest::from(platform))
        })
        .take_until(end.clone().cancelled_owned());
    let config = controller::Config::default().concurrency(CONCURRENT);
    let results = applier(
        |platform, context| Box::pin(measured::measured(platform, context)),
        back_off::after_error,
        context,
        store.clone(),
        queue,
        config,
    );
    let work = results.for_each(|result| async move {
        if let Err(error) = result {
            tracing::debug!(%error, "a reconciliation did not end well");
        }
    });
    tokio::select! {
        () = work => {}
        () = broken.cancelled() => {}
        () = ended_before_it_began(&store, &end) => {}
    }
}
