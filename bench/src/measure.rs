//! What is measured, and how.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::process::{RunFile, ShopHarness};
use testkit::wait;

use crate::load;
use crate::report::{Budget, Report};

const ROUNDS: usize = 7;
const ORDERS: u64 = 10_000;
const CONNECTIONS: u64 = 64;

/// A shop on an empty folder, pinned to its own core, with the throttles of a test.
fn harness(binary: &str) -> Result<ShopHarness> {
    let cores = std::env::var("SHOP_CORES").unwrap_or_else(|_| "0".to_owned());
    Ok(ShopHarness::new(binary)?.started_by("taskset", &["-c", &cores]))
}

async fn sign_in_admin(harness: &ShopHarness, run: &RunFile) -> Result<Client> {
    let password = std::fs::read_to_string(harness.data().join("admin-password"))?;
    Client::new(run.address("gateway")?)?
        .log_in("admin@shop.example", password.trim())
        .await
}

/// From the start of the process until everything listens: on an empty folder, and on one that has its keys and
/// nothing else.
pub async fn ready(binary: &str, report: &mut Report) -> Result<()> {
    let (mut empty, mut keyed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let harness = harness(binary)?;
        for samples in [&mut empty, &mut keyed] {
            let started = Instant::now();
            let (process, _) = harness.start().await?;
            samples.push(started.elapsed().as_secs_f64() * 1_000.0);
            process.stop(wait::PATIENCE).await?;
            remove_stores(&harness)?;
        }
    }
    let what = "ready, empty folder, keys are created";
    report.add(what, "ms", &empty, Budget::AtMost(300.0));
    report.add(
        "ready, empty folder, keys are there",
        "ms",
        &keyed,
        Budget::AtMost(150.0),
    );
    Ok(())
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

/// The first page of the product list, at the product service and through the gateway.
pub async fn list(binary: &str, report: &mut Report) -> Result<()> {
    let harness = harness(binary)?.argument("--demo");
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
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let outcome = load::run(address, "", 16, 10_000, StatusCode::OK, list_request).await?;
            rates.push(outcome.rate());
        }
        report.add(what, "req/s", &rates, budget);
    }
    process.stop(wait::PATIENCE).await?;
    Ok(())
}

/// Ten thousand orders, accepted durably through the gateway and drained to `confirmed`; then the memory.
pub async fn orders(binary: &str, report: &mut Report) -> Result<()> {
    let harness = harness(binary)?;
    let (process, run) = harness.start().await?;
    let admin = sign_in_admin(&harness, &run).await?;
    admin.create_product("BENCH", 1_299, 1_000_000).await?;
    let address = run.address("gateway")?;
    let customer = Client::new(address)?.register("bench@example.com").await?;
    let token = customer.token().context("not signed in")?;
    wait::until("the catalog to reach the order service", || async {
        let reply = customer.place_order("probe", "BENCH", 1).await?;
        Ok((reply.status == StatusCode::CREATED).then_some(()))
    })
    .await?;

    let started = Instant::now();
    let accepted = load::run(
        address,
        token,
        CONNECTIONS,
        ORDERS,
        StatusCode::CREATED,
        order_request,
    )
    .await?;
    report.add(
        "orders accepted durably",
        "orders/s",
        &[accepted.rate()],
        Budget::AtLeast(500.0),
    );

    wait::until_within(
        Duration::from_secs(300),
        "all orders to be confirmed",
        || async {
            let stock = admin
                .get("/api/v1/admin/inventory/BENCH")
                .await?
                .expect(200)?;
            Ok((stock.number("/sold")? >= i64::try_from(ORDERS)?).then_some(()))
        },
    )
    .await?;
    let confirmed = load::Outcome {
        answered: ORDERS,
        took: started.elapsed(),
    };
    report.add(
        "orders accepted and confirmed",
        "orders/s",
        &[confirmed.rate()],
        Budget::None,
    );

    let settled = settled_memory(process.pid()).await?;
    report.add(
        "memory settled after 10 000 orders",
        "MB",
        &[settled],
        Budget::AtMost(60.0),
    );
    process.stop(wait::PATIENCE).await?;
    Ok(())
}

/// Resident memory once it has stopped changing, in MB.
async fn settled_memory(pid: u32) -> Result<f64> {
    let mut last = 0.0;
    wait::until("the memory to settle", || {
        let now = resident(pid);
        let settled = now.as_ref().is_ok_and(|now| (now - last).abs() < 0.05);
        last = *now.as_ref().unwrap_or(&0.0);
        async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(settled.then_some(now?))
        }
    })
    .await
}

fn resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .context("no VmRSS")?
        .trim()
        .parse()?;
    Ok(kilobytes / 1_000.0)
}

fn list_request(authority: &str, _token: &str, _n: u64) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    set(&mut request, "/api/v1/products?limit=20", authority);
    request
}

fn order_request(authority: &str, token: &str, n: u64) -> Request<Full<Bytes>> {
    let body: Value = json!({"items": [{"sku": "BENCH", "quantity": 1}]});
    let mut request = Request::new(Full::from(body.to_string()));
    *request.method_mut() = http::Method::POST;
    set(&mut request, "/api/v1/orders", authority);
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("idempotency-key", format!("bench-{n}")),
    ] {
        if let Ok(value) = value.parse() {
            request.headers_mut().insert(name, value);
        }
    }
    request
}

fn set(request: &mut Request<Full<Bytes>>, path: &'static str, authority: &str) {
    *request.uri_mut() = http::Uri::from_static(path);
    if let Ok(host) = authority.parse() {
        request.headers_mut().insert(http::header::HOST, host);
    }
}
