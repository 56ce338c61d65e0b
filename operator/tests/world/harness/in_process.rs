//! An operator in this process.

use std::sync::Arc;

use contracts::{Clock, SystemClock};
use kube::Config;
use kube::client::ClientBuilder;
use operator::controller::{self, Context};
use operator::validate::Defaults;
use serde_json::Value;
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

/// What an operator is started with.
struct Installation {
    name: String,
    clock: Arc<dyn Clock>,
    defaults: Defaults,
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            name: "test-operator".to_owned(),
            clock: Arc::new(SystemClock),
            defaults: Defaults::new(None),
        }
    }
}

impl Operator {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(Installation::default(), world, Tap::new())
    }

    /// With the name of an installation.
    pub(crate) fn start_as(name: &str, world: &World, tap: Tap) -> Self {
        let installation = Installation {
            name: name.to_owned(),
            ..Installation::default()
        };
        Self::start_with(installation, world, tap)
    }

    /// With a clock of its own.
    pub(crate) fn start_at(clock: Arc<dyn Clock>, world: &World) -> Self {
        let installation = Installation {
            clock,
            ..Installation::default()
        };
        Self::start_with(installation, world, Tap::new())
    }

    /// One that knows something else.
    pub(crate) fn start_knowing(defaults: Defaults, world: &World) -> Self {
        let installation = Installation {
            defaults,
            ..Installation::default()
        };
        Self::start_with(installation, world, Tap::new())
    }

    fn start_with(installation: Installation, world: &World, tap: Tap) -> Self {
        let (end, killed) = (CancellationToken::new(), CancellationToken::new());
        let (done, ended) = oneshot::channel();
        let (config, namespace) = (world.config.clone(), world.namespace.clone());
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
                    () = live(installation, config, namespace, seen, last) => {}
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

/// A world in which the platform `demo` is at rest with this spec.
pub(crate) async fn at_rest(spec: &Value) -> (World, Operator) {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply("demo", spec).await;
    world.until_at_rest("demo", &operator.tap).await;
    (world, operator)
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.killed.cancel();
    }
}

async fn live(
    installation: Installation,
    config: Config,
    namespace: String,
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
            installation.defaults.clone(),
            installation.name.clone(),
            Arc::clone(&installation.clock),
        );
        let context = Arc::new(context.only_in(Some(namespace.clone())));
        tokio::select! {
            () = controller::run(client.clone(), context, end.clone()) => return,
            () = tap.crashes() => {}
        }
    }
}
