//! Logs, and traces if somebody collects them.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The client of RabbitMQ logs whole messages that reached no queue. Messages hold personal data and one-time tokens.
const NEVER_LOGGED: &str = "lapin::returned_messages=off";

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Human,
    /// A JSON object a line, for collectors.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for collectors.
    pub format: LogFormat,
    /// Which events, in the syntax of `tracing_subscriber::EnvFilter`, such as `info,order=debug`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            filter: "info".to_owned(),
        }
    }
}

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is malformed.
    #[error("log.filter `{filter}` is not a filter such as `info,order=debug`: {reason}")]
    Filter {
        /// What was set.
        filter: String,
        /// What is wrong with it; not a source, because it says its own source in its text.
        reason: tracing_subscriber::filter::ParseError,
    },
    /// The exporter of traces is set up wrongly.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT or a setting beside it cannot be used")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Sends what is left of the traces when dropped.
pub struct TelemetryGuard(Option<SdkTracerProvider>);

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Sets logging up for the process, once; and the export of traces over OTLP if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Must
/// be called inside the async runtime.
pub fn init(
    settings: &LogSettings,
    service: &'static str,
) -> Result<TelemetryGuard, TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter)
        .and_then(|filter| Ok(filter.add_directive(NEVER_LOGGED.parse()?)))
        .map_err(|reason| TelemetryError::Filter {
            filter: settings.filter.clone(),
            reason,
        })?;
    // Colours are for a terminal; in a file they are noise.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match settings.format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider = provider(service)?;
    // Finer spans are those of libraries, among them of the client that sends the traces.
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_filter(LevelFilter::INFO)
    });
    let registry = tracing_subscriber::registry()
        .with(traces)
        .with(lines.with_filter(filter));
    if registry.try_init().is_err() {
        tracing::debug!("logging was set up before");
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(TelemetryGuard(provider))
}

/// A panic is a line of the log like any other, also where lines are JSON.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(panic = message, place, "panicked");
}

fn provider(service: &'static str) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if std::env::var_os(ENDPOINT).is_none_or(|endpoint| endpoint.is_empty()) {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .build()
        .map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name(service).build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}
