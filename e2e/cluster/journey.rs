//! From nothing to a delivered order.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::cluster::Space;
use crate::platform::{Platform, ask_for, secret, until_ready};

/// With all images present, on two cores.
const BUDGET_SECONDS: f64 = 90.0;

/// Walks through a shop as a customer and an administrator do; then all invariants hold.
pub async fn walk(shop: &Platform) -> Result<()> {
    let data = tempfile::tempdir()?;
    let password = secret(&shop.space, "demo-administrator", "password").await?;
    std::fs::write(data.path().join("admin-password"), password)?;
    let walked = tokio::process::Command::new("../examples/journey.sh")
        .env("SHOP_URL", format!("http://{}", shop.front().address))
        .env("SHOP_DATA", data.path())
        .output()
        .await?;
    let told = String::from_utf8_lossy(&walked.stdout).into_owned();
    ensure!(
        walked.status.success() && told.contains("journey complete"),
        "{told}\n{}",
        String::from_utf8_lossy(&walked.stderr)
    );
    let parked = shop.quiescent().await?.parked();
    ensure!(parked.is_empty(), "parked: {parked:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_spec_becomes_a_shop_where_a_customer_gets_what_was_ordered() {
    let space = Space::new("journey").await.unwrap();
    let begun = Instant::now();
    ask_for(&space, &json!({})).await.unwrap();
    until_ready(&space).await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("from apply to ready: {seconds:.1} s (budget {BUDGET_SECONDS} s)");
    assert!(seconds <= BUDGET_SECONDS, "{seconds} s");
    let shop = Platform::of(space).await.unwrap();
    walk(&shop).await.unwrap();
    shop.space.remove().await.unwrap();
}
