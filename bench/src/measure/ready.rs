//! From the start of the process until everything listens.

use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::process::{RunFile, ShopHarness};
use testkit::wait;

use crate::report::{Budget, Report};

const ROUNDS: usize = 7;

/// On an empty folder, where keys and the administrator's password are made; and on one that has those and nothing else.
pub async fn measure(binary: &str, report: &mut Report) -> Result<()> {
    let (mut empty, mut keyed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let harness = super::shop(binary)?;
        for samples in [&mut empty, &mut keyed] {
            let started = Instant::now();
            let mut process = harness.spawn()?;
            let listens = tokio::time::timeout(wait::PATIENCE, announced(&harness, process.pid()));
            let took = listens.await.map(|()| started.elapsed());
            // If it never listened, this says why.
            process.ready().await?;
            samples.push(took?.as_secs_f64() * 1_000.0);
            process.stop(wait::PATIENCE).await?;
            remove_stores(&harness)?;
        }
    }
    for (what, samples, budget) in [
        ("ready, empty folder, keys are created", empty, 300.0),
        ("ready, empty folder, keys are there", keyed, 150.0),
    ] {
        report.add(what, "ms", &samples, Budget::AtMost(budget));
    }
    Ok(())
}

/// Waits for `run.json`. The harness looks too seldom for a figure of this size.
async fn announced(harness: &ShopHarness, pid: u32) {
    let file = harness.data().join("run.json");
    let names =
        |bytes: Vec<u8>| serde_json::from_slice::<RunFile>(&bytes).is_ok_and(|run| run.pid == pid);
    while !std::fs::read(&file).is_ok_and(names) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn remove_stores(harness: &ShopHarness) -> Result<()> {
    for entry in std::fs::read_dir(harness.data())? {
        let path = entry?.path();
        if path.to_string_lossy().contains(".db") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
