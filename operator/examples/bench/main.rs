//! What the operator costs: `make bench-operator`. Runs the program on a control plane of its own with ever more platforms, each in
//! a namespace of its own, on nodes that are played, and tells memory, processor time and requests.
//!
//! Arguments: the operator's program, then how many platforms there are to be, ascending.

mod children;
mod metrics;
mod program;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Config, ResourceExt as _};
use operator::resource::{Phase, ShopPlatform};
use serde_json::json;
use testkit::kubernetes::{ControlPlane, ControlPlaneOptions};

use children::Children;
use metrics::Metrics;
use program::Program;

/// How long a platform at rest is looked at.
const REST: Duration = Duration::from_secs(30);
/// How long an operator may wait for the lease of the one before, and longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the platforms are looked at.
const LOOK: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments
        .next()
        .context("usage: bench PROGRAM PLATFORMS…")?;
    let counts: Vec<usize> = arguments
        .map(|count| count.parse().context("how many platforms is a number"))
        .collect::<Result<_>>()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure(&program, &counts))
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn tell(row: &str) {
    println!("{row}");
}

#[expect(clippy::print_stderr, reason = "a thousand platforms take long")]
fn progress(line: &str) {
    eprintln!("{line}");
}

async fn measure(program: &str, counts: &[usize]) -> Result<()> {
    let crds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds");
    let plane = ControlPlane::start_with(&ControlPlaneOptions {
        manifests: vec![crds],
        ..ControlPlaneOptions::default()
    })
    .await?;
    let kubeconfig = &plane.access().kubeconfig;
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    tell(
        "| platforms | all children that need no Job p50 / p99 | until ready p50 / p99 | reconcile p50 / p99 | requests and processor time a platform | memory | at rest, 30 s | a restart | reconcile at the fixpoint p50 / p99 |",
    );
    tell("|---|---|---|---|---|---|---|---|---|");
    let children = Children::watch(&client);
    let mut there = 0;
    for count in counts {
        let mut operator = Program::start(program, kubeconfig).await?;
        if there > 0 {
            at_rest(&operator).await?;
        }
        let (before, cpu_before) = (operator.metrics().await?, operator.cpu()?);
        let (begun, times) = create(&client, there..*count).await?;
        at_rest(&operator).await?;
        let (after, cpu_after) = (operator.metrics().await?, operator.cpu()?);
        let made = u32::try_from(count.saturating_sub(there))?.max(1);
        there = *count;
        let memory = operator.memory_kib()?;

        tokio::time::sleep(REST).await;
        let rested = operator.metrics().await?;
        let cpu_rested = operator.cpu()?;

        operator.end().await?;
        operator = Program::start(program, kubeconfig).await?;
        at_rest(&operator).await?;
        let restarted = operator.metrics().await?;
        tell(&format!(
            "| {count} | {} | {} | {} | {:.0} requests ({:.0} writes), {:.0} ms | {:.1} MB, {:.1} after a restart | {:.0} requests, {:.0} ms of processor | {:.0} requests ({:.0} writes), {:.1} s of processor, at rest after {:.1} s | {} |",
            percentiles(children.times(&begun)),
            percentiles(times),
            after.reconciles_since(&before),
            (after.requests() - before.requests()) / f64::from(made),
            (after.writes() - before.writes()) / f64::from(made),
            cpu_after.saturating_sub(cpu_before).as_secs_f64() * 1000.0 / f64::from(made),
            mb(memory),
            mb(operator.memory_kib()?),
            rested.requests() - after.requests(),
            cpu_rested.saturating_sub(cpu_after).as_secs_f64() * 1000.0,
            restarted.requests(),
            restarted.writes(),
            operator.cpu()?.as_secs_f64(),
            operator.since_start().as_secs_f64() - program::QUIET.as_secs_f64(),
            // All passes of an operator that finds everything as it should be.
            restarted.reconciles_since(&Metrics::default()),
        ));
        operator.end().await?;
    }
    plane.remove().await
}

fn mb(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) * 1024.0 / 1e6
}

/// Until the operator asks nothing any more.
async fn at_rest(operator: &Program) -> Result<()> {
    let begin = Instant::now();
    let mut last = (operator.metrics().await?, Instant::now());
    while last.1.elapsed() < program::QUIET {
        tokio::time::sleep(LOOK).await;
        let now = operator.metrics().await?;
        let is_known = now.requests() > 0.0 || begin.elapsed() < PATIENCE;
        ensure!(is_known, "the operator counts no requests: is it held up?");
        if !(now.is_about_as(&last.0) && now.requests() > 0.0) {
            last = (now, Instant::now());
        }
    }
    Ok(())
}

/// Makes platforms all at once. Returns when each was applied, by namespace, and how long each took from then to be ready.
async fn create(
    client: &Client,
    which: std::ops::Range<usize>,
) -> Result<(BTreeMap<String, Instant>, Vec<Duration>)> {
    let namespaces = Api::<Namespace>::all(client.clone());
    for place in which.clone() {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(format!("shop-{place}")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
    }
    let mut begun = BTreeMap::new();
    for place in which {
        let namespace = format!("shop-{place}");
        let manifest = json!({
            "apiVersion": "shopplatform.io/v1alpha1",
            "kind": "ShopPlatform",
            "metadata": {"name": "demo"},
            "spec": {},
        });
        let platforms = Api::<ShopPlatform>::namespaced(client.clone(), &namespace);
        let parameters = PatchParams::apply("bench");
        platforms
            .patch("demo", &parameters, &Patch::Apply(&manifest))
            .await?;
        begun.insert(namespace, Instant::now());
    }
    let times = until_ready(client, &begun).await?;
    Ok((begun, times))
}

/// How long each took to be ready. By a watch: to ask for all of them again and again would cost the API server more than they do.
async fn until_ready(client: &Client, begun: &BTreeMap<String, Instant>) -> Result<Vec<Duration>> {
    let platforms = Api::<ShopPlatform>::all(client.clone());
    let seen = watcher(platforms, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let mut seen = std::pin::pin!(seen);
    let (mut waiting, mut times) = (begun.clone(), Vec::new());
    while !waiting.is_empty() {
        let platform = seen.next().await.context("the watch ended")?;
        let Ok(platform) = platform else { continue };
        let is_ready = platform
            .status
            .as_ref()
            .is_some_and(|status| status.phase == Phase::Ready);
        if is_ready && let Some(begin) = waiting.remove(&platform.namespace().unwrap_or_default()) {
            times.push(begin.elapsed());
            if waiting.len() % 100 == 0 {
                progress(&format!(
                    "{} are ready, {} wait",
                    times.len(),
                    waiting.len()
                ));
            }
        }
    }
    Ok(times)
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| {
        let place = times
            .len()
            .saturating_mul(percent)
            .div_ceil(100)
            .saturating_sub(1);
        times.get(place).map_or(f64::NAN, Duration::as_secs_f64)
    };
    format!("{:.2} / {:.2} s", at(50), at(99))
}
