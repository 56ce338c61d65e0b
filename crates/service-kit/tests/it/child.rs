//! The process that other tests start: this test binary again, running one service through `cli::run`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use axum::Router;
use axum::routing::get;
use clap::Parser as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::cli::{self, Built, Cli, Program, ServiceSettings};
use service_kit::http::standard_layers;
use service_kit::telemetry::LogSettings;
use service_kit::{App, Health, HttpSettings, LifecycleSettings, Runtime, trace_context};

const ROLE: &str = "KIT_TEST_CHILD";

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    http: HttpSettings,
    log: LogSettings,
    shutdown: LifecycleSettings,
    /// Never finish building.
    wait_for_store: bool,
}

impl ServiceSettings for Settings {
    fn log(&self) -> &LogSettings {
        &self.log
    }

    fn shutdown(&self) -> LifecycleSettings {
        self.shutdown
    }

    fn http(&self) -> &HttpSettings {
        &self.http
    }
}

struct ChildProgram;

impl Program for ChildProgram {
    type Settings = Settings;

    const NAME: &'static str = "child";

    fn openapi() -> utoipa::openapi::OpenApi {
        utoipa::openapi::OpenApiBuilder::new().build()
    }

    fn build(settings: Settings, runtime: Runtime) -> impl Future<Output = Built> {
        build(settings, runtime)
    }
}

async fn build(settings: Settings, runtime: Runtime) -> Built {
    if settings.wait_for_store {
        tracing::info!("waiting for the store");
        std::future::pending::<()>().await;
    }
    let health = Health::new(&runtime.lifecycle, "0.0.0");
    let router = Router::new()
        .route(
            "/traceparent",
            get(async || trace_context::current_traceparent().unwrap_or_default()),
        )
        .route(
            "/panic",
            get(async || -> &'static str { panic!("a bug\nin two lines") }),
        )
        .route(
            "/stuck",
            get(async || {
                tracing::info!("stuck");
                std::future::pending::<()>().await;
            }),
        );
    let router = standard_layers(router, "child");
    Ok(App::bind(&runtime, &settings.http, router, &health).await?)
}

/// Not a test: the body of the process. Does nothing unless another test started it.
#[test]
fn the_process_itself() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let cli = Cli::parse_from(["child"]);
    let result = cli::run::<ChildProgram>(&cli);
    std::process::exit(i32::from(
        cli::report(result) != std::process::ExitCode::SUCCESS,
    ));
}

/// A running child, and the lines of its log.
pub struct Running {
    child: Child,
    log: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    /// Starts a child with further variables.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::the_process_itself", "--nocapture"])
            .env(ROLE, "1")
            .env("SHOP__LOG__FORMAT", "json")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Reads the log until an event with this message; every line must be one JSON object.
    pub fn wait_for(&mut self, message: &str) -> Value {
        loop {
            let line = self.log.next().expect("the log goes on").unwrap();
            let event: Value = serde_json::from_str(&line).expect(&line);
            if event["message"] == message {
                return event;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn last_line(&mut self) -> String {
        self.log.by_ref().last().expect("a last word").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
