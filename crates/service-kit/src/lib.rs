//! What every process of the platform does, and nothing about shops: settings, telemetry, lifecycle, health, HTTP
//! conventions.

mod app;
pub mod cli;
pub mod client;
mod context;
mod crash;
mod error_chain;
mod health;
pub mod http;
mod lifecycle;
mod metrics_page;
mod opening;
mod server;
pub mod settings;
pub mod telemetry;
pub mod trace_context;

pub use app::{Admin, App, Running, Runtime};
pub use context::{Context, Present};
pub use crash::crash_point;
pub use error_chain::error_chain;
pub use health::{Detail, Health};
pub use lifecycle::{Abandoned, Lifecycle, LifecycleSettings, signal};
pub use metrics_page::Metrics;
pub use opening::{depends_on, until_open};
pub use server::{BindError, HttpService, HttpSettings, bind};
