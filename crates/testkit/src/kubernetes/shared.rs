//! One control plane for all tests of a process.

use anyhow::{Context, Result};
use tokio::sync::{OnceCell, oneshot};

use super::{Access, ControlPlane, ControlPlaneOptions};

static SHARED: OnceCell<Access> = OnceCell::const_new();

/// The control plane of this process: started, with these options, for the first test that asks, and there until the process
/// ends. Tests keep out of each other's way by namespaces of their own.
pub async fn shared(options: &ControlPlaneOptions) -> Result<&'static Access> {
    SHARED.get_or_try_init(|| start(options.clone())).await
}

/// On a thread and a runtime of its own: the runtime of the test that happens to come first ends with that test.
async fn start(options: ControlPlaneOptions) -> Result<Access> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (told, access) = oneshot::channel();
    std::thread::Builder::new()
        .name("control-plane".to_owned())
        .spawn(move || runtime.block_on(keep(&options, told)))?;
    access.await.context("the control plane was not started")?
}

async fn keep(options: &ControlPlaneOptions, told: oneshot::Sender<Result<Access>>) {
    match ControlPlane::start_with(options).await {
        Ok(plane) => {
            // If the test that asked has failed meanwhile, the next one that asks gets another.
            if told.send(Ok(plane.access().clone())).is_ok() {
                std::future::pending::<()>().await;
            }
        }
        Err(error) => drop(told.send(Err(error))),
    }
}
