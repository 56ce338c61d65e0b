//! The process's metrics, in the text format of Prometheus.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Buckets in seconds: from a cached token to a slow upstream.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often samples are moved from the recorder's buffers, which grow without bound, into the buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics of this process. All services of a process share them; the label `service` tells them apart.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder, once a process.
    #[must_use]
    pub fn install() -> Self {
        static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            let builder = PrometheusBuilder::new();
            let recorder = match builder.set_buckets_for_metric(seconds, &SECONDS) {
                Ok(builder) => builder.build_recorder(),
                Err(_) => PrometheusBuilder::new().build_recorder(),
            };
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!(
                    "another metrics recorder was installed before; /metrics stays empty"
                );
            }
            handle
        });
        Self(handle.clone())
    }

    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Keeps the memory of samples bounded where nobody asks for the page; ends when draining begins.
    pub(crate) async fn keep_up(self, draining: CancellationToken) {
        let mut ticks = tokio::time::interval(UPKEEP);
        while draining.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}
