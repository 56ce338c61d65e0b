//! Watches, queues, reconciles: what happens when.

mod back_off;
mod context;
mod reconcile;
mod watches;

use std::sync::Arc;

use futures_util::StreamExt;
use kube::runtime::controller::{self, ReconcileRequest};
use kube::runtime::{applier, reflector};
use kube::{Client, core::DeserializeGuard};
use tokio_util::sync::CancellationToken;

pub use context::Context;

use crate::resource::ShopPlatform;

/// The resource as it arrives: one that cannot be read must not keep the others from being served.
pub type Guarded = DeserializeGuard<ShopPlatform>;

/// How many platforms are reconciled at a time.
const CONCURRENT: u16 = 8;

/// Runs until `end` is cancelled; what was begun is finished.
pub async fn run(client: Client, context: Arc<Context>, end: CancellationToken) {
    let (store, writer) = reflector::store();
    let triggers = watches::all(&client, &context, store.clone(), writer);
    let queue = triggers
        .map(|platform| Ok::<_, std::convert::Infallible>(ReconcileRequest::from(platform)))
        .take_until(end.cancelled_owned());
    let config = controller::Config::default().concurrency(CONCURRENT);
    let results = applier(
        |platform, context| Box::pin(reconcile::reconcile(platform, context)),
        back_off::after_error,
        context,
        store,
        queue,
        config,
    );
    results
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "a reconciliation did not end well");
            }
        })
        .await;
}
