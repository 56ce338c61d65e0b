//! Watches, queues, reconciles: what happens when.

mod back_off;
mod context;
mod kept;
mod measured;
mod next_look;
mod optional;
mod passed;
mod plan;
mod reconcile;
mod turns;
mod watches;
mod written;

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use kube::runtime::applier;
use kube::runtime::controller::{self, ReconcileRequest};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Client, core::DeserializeGuard};
use tokio_util::sync::CancellationToken;

pub use context::Context;
pub use turns::Turns;

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
    let changes = watches::all(&client, &context, &store, writer);
    let turns = Arc::clone(&context.turns).next();
    let turns = turns.map(|platform| ObjectRef::new(&platform.name).within(&platform.namespace));
    let (known, queued) = (store.clone(), Arc::clone(&context));
    let broken = context.broken().clone();
    let queue = stream::select(changes, turns)
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
