//! An operator in this process.

use std::sync::Arc;

use contracts::{Clock, SystemClock};
use kube::Config;
use kube::client::ClientBuilder;
use operator::controller::{self, Context};
use operator::validate::Defaults;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Tap, World};

/// One that works in one namespace, on a thread of its own. Whenever its tap says so it dies, and another one starts in its place.
/// Dropped, it dies at once.
pub(crate) struct Operator {
    pub(crate) tap: Tap,
    end: CancellationToken,
    killed: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Operator {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_as("test-operator", world, Tap::new())
    }

    /// With the name of an installation.
    pub(crate) fn start_as(name: &str, world: &World, tap: Tap) -> Self {
        Self::start_with(name, world, tap, Arc::new(SystemClock))
    }

    /// With a clock of its own.
    pub(crate) fn start_at(clock: Arc<dyn Clock>, world: &World) -> Self {
        Self::start_with("test-operator", world, Tap::new(), clock)
    }

    fn start_with(name: &str, world: &World, tap: Tap, clock: Arc<dyn Clock>) -> Self {
        let (end, killed) = (CancellationToken::new(), CancellationToken::new());
        let (done, ended) = oneshot::channel();
        let (name, config, namespace) = (
            name.to_owned(),
            world.config.clone(),
            world.namespace.clone(),
        );
        let (seen, last) = (tap.clone(), end.clone());
        let kill = killed.clone();
        let thread = std::thread::Builder::new().name(world.namespace.clone());
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = live(name, config, namespace, clock, seen, last) => {}
                    () = kill.cancelled() => {}
                }
            });
            // Nobody waits for one that was killed.
            let _ = done.send(());
        };
        thread.spawn(run).unwrap();
        Self {
            tap,
            end,
            killed,
            ended,
        }
    }

    /// Ends it in order. Panics if it panicked.
    pub(crate) async fn stop(mut self) {
        self.end.cancel();
        (&mut self.ended).await.unwrap();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.killed.cancel();
    }
}

async fn live(
    name: String,
    config: Config,
    namespace: String,
    clock: Arc<dyn Clock>,
    tap: Tap,
    end: CancellationToken,
) {
    let client = ClientBuilder::try_from(config)
        .unwrap()
        .with_layer(&tap)
        .build();
    loop {
        let context = Context::new(
            client.clone(),
            Defaults::new(None),
            name.clone(),
            Arc::clone(&clock),
        );
        let context = Arc::new(context.only_in(Some(namespace.clone())));
        tokio::select! {
            () = controller::run(client.clone(), context, end.clone()) => return,
            () = tap.crashes() => {}
        }
    }
}
