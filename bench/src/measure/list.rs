//! The product list on one core.

use std::sync::Arc;

use anyhow::{Result, bail};
use http::StatusCode;
use serde_json::Value;
use testkit::client::Client;
use testkit::wait;

use crate::load::Load;
use crate::report::{Budget, Report};
use crate::requests;

const ROUNDS: usize = 7;
const REQUESTS: u64 = 10_000;
const CONNECTIONS: usize = 16;

/// The first page of the demo catalog, at the product service and through the gateway.
pub async fn measure(binary: &str, report: &mut Report) -> Result<()> {
    let harness = super::shop(binary)?.argument("--demo");
    let (process, run) = harness.start().await?;
    for (what, service, budget) in [
        (
            "product list (20 of 50), at the service",
            "product",
            Budget::AtLeast(5_000.0),
        ),
        (
            "product list (20 of 50), through the gateway",
            "gateway",
            Budget::None,
        ),
    ] {
        let address = run.address(service)?;
        let page = Client::new(address)?
            .get("/api/v1/products?limit=20")
            .await?;
        let products = page.expect(200)?.body;
        let shown = products.pointer("/data").and_then(Value::as_array);
        if shown.map(Vec::len) != Some(20) {
            bail!("the page is not full: {products}");
        }
        let load = Load {
            address: address.to_owned(),
            tokens: Arc::default(),
            expected: StatusCode::OK,
            make: requests::list,
        };
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(load.run(CONNECTIONS, 0..REQUESTS).await?.rate());
        }
        report.add(what, "req/s", &rates, budget);
    }
    process.stop(wait::PATIENCE).await?;
    Ok(())
}
