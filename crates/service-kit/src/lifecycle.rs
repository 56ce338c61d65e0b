//! The life of a process or of one service in it: tasks that are tracked, and an end in phases.
//!
//! 1. *stopping*: unready at once; requests are still accepted for `delay`, and answered with `Connection: close`, so that
//!    load balancers and clients move away;
//! 2. *draining*: no new work; what was begun is finished;
//! 3. after `grace`: what is still not finished is abandoned, and that is an error.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LifecycleSettings {
    /// Milliseconds between becoming unready and not accepting any more: 0 alone, 5000 behind a load balancer.
    pub delay_ms: u64,
    /// Milliseconds for finishing what was begun.
    pub grace_ms: u64,
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self {
            delay_ms: 0,
            grace_ms: 25_000,
        }
    }
}

/// How long tasks that were abandoned may take to notice it.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Work was still going on when the grace period ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks of {name} did not finish within the grace period and were abandoned")]
pub struct Abandoned {
    /// Whose tasks.
    pub name: &'static str,
    /// How many.
    pub tasks: usize,
}

/// The life of one service. Clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    settings: LifecycleSettings,
    stopping: CancellationToken,
    draining: CancellationToken,
    abandoned: CancellationToken,
    tasks: TaskTracker,
    failed: AtomicBool,
}

impl Lifecycle {
    /// A life that begins now.
    #[must_use]
    pub fn new(name: &'static str, settings: LifecycleSettings) -> Self {
        Self(Arc::new(Inner {
            name,
            settings,
            stopping: CancellationToken::new(),
            draining: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failed: AtomicBool::new(false),
        }))
    }

    /// Whose life it is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Runs a task that the end waits for. One that never ends by itself must watch [`Lifecycle::token`]. A panic is
    /// logged and makes the service unready: half of it is missing.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let life = self.clone();
        self.track(name, work, move || {
            life.0.failed.store(true, Ordering::SeqCst);
        });
    }

    /// Runs a task that does `work` at once and then after every `pause`, until draining begins.
    pub fn repeat<Fut>(
        &self,
        name: &'static str,
        pause: Duration,
        mut work: impl FnMut() -> Fut + Send + 'static,
    ) where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let draining = self.token();
        self.spawn(name, async move {
            while !draining.is_cancelled() {
                work().await;
                tokio::select! {
                    () = draining.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }

    /// Runs a task that serves one client. A panic is logged and ends that client's connection, nothing else: no request
    /// may take a service out of the load balancer.
    pub(crate) fn spawn_for_client(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.track(name, work, || ());
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn track(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        after_panic: impl FnOnce() + Send + 'static,
    ) {
        let (service, abandoned) = (self.0.name, self.0.abandoned.clone());
        let work = async move {
            let finished = AssertUnwindSafe(work).catch_unwind();
            tokio::select! {
                biased;
                result = finished => if result.is_err() {
                    after_panic();
                    tracing::error!(service, task = name, "a task panicked");
                },
                () = abandoned.cancelled() => {}
            }
        };
        tokio::spawn(self.0.tasks.track_future(work));
    }

    /// Whether a task has panicked.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::SeqCst)
    }

    /// Cancelled when no new work is to be begun.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.draining.clone()
    }

    /// Whether no new work is to be begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Cancelled when the end was announced: readiness is off, replies say `Connection: close`.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.0.stopping.clone()
    }

    /// Ends this life in its phases; returns when all tasks have ended.
    pub async fn shut_down(&self) -> Result<(), Abandoned> {
        let life = &self.0;
        life.stopping.cancel();
        tokio::time::sleep(Duration::from_millis(life.settings.delay_ms)).await;
        life.draining.cancel();
        life.tasks.close();
        let grace = Duration::from_millis(life.settings.grace_ms);
        if tokio::time::timeout(grace, life.tasks.wait()).await.is_ok() {
            return Ok(());
        }
        let tasks = life.tasks.len();
        life.abandoned.cancel();
        // A task that blocks its thread cannot be ended; the process ends without it.
        let _ = tokio::time::timeout(LAST_WAIT, life.tasks.wait()).await;
        Err(Abandoned {
            name: life.name,
            tasks,
        })
    }
}

/// Waits for SIGTERM or SIGINT. A second one ends the process at once.
pub async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the task that ends the process must not be waited for by the end of the process"
    )]
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: ending without finishing");
        std::process::exit(130);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(grace_ms: u64) -> Lifecycle {
        Lifecycle::new(
            "test",
            LifecycleSettings {
                delay_ms: 0,
                grace_ms,
            },
        )
    }

    #[tokio::test]
    async fn the_end_waits_for_tasks_that_finish() {
        let life = life(10_000);
        let (done, finished) = tokio::sync::oneshot::channel();
        let token = life.token();
        life.spawn("worker", async move {
            token.cancelled().await;
            let _ = done.send(());
        });
        assert_eq!(life.shut_down().await, Ok(()));
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn what_does_not_finish_within_the_grace_period_is_abandoned_and_counted() {
        let life = life(1);
        life.spawn("stuck", std::future::pending());
        assert_eq!(
            life.shut_down().await,
            Err(Abandoned {
                name: "test",
                tasks: 1
            })
        );
    }

    #[tokio::test]
    async fn a_panicking_task_marks_the_service_as_failed() {
        let life = life(10_000);
        life.spawn("broken", async { panic!("a bug") });
        life.shut_down().await.unwrap();
        assert!(life.has_failed());
    }
}
