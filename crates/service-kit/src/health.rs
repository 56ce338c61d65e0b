//! Liveness, readiness, and what else there is to know about a service at a glance.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::StatusCode;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::http::Json;
use crate::lifecycle::Lifecycle;
use crate::metrics_page::Metrics;

/// How often the checks run.
const PERIOD: Duration = Duration::from_secs(2);
/// How long one check may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// Failures in a row that turn readiness off: one slow answer must not take a service out of the load balancer.
const FAILURES: u32 = 3;

/// Something the service works with that does not decide about its readiness, such as the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Detail {
    /// It works.
    Ok,
    /// It does not, and this is why. The service still answers.
    Degraded {
        /// What is wrong.
        reason: String,
    },
}

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The health of one service. Clones share it.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    lifecycle: Lifecycle,
    version: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    back_ends: BTreeMap<&'static str, &'static str>,
    checks: BTreeMap<&'static str, CheckState>,
    details: BTreeMap<&'static str, Detail>,
    building: bool,
}

#[derive(Clone, Default)]
struct CheckState {
    passed_once: bool,
    failures: u32,
    reason: Option<String>,
}

impl CheckState {
    fn holds(&self) -> bool {
        self.passed_once && self.failures < FAILURES
    }
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    service: &'static str,
    version: &'static str,
    back_ends: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    details: BTreeMap<&'static str, Detail>,
}

impl Health {
    /// The health of the service that lives this life.
    #[must_use]
    pub fn new(lifecycle: &Lifecycle, version: &'static str) -> Self {
        let health = Self(Arc::new(Inner {
            lifecycle: lifecycle.clone(),
            version,
            state: Mutex::default(),
        }));
        metrics::gauge!("shop_build_info", "service" => lifecycle.name(), "version" => version)
            .set(1.0);
        health
    }

    /// Says which back-end is live: `store` is `sqlite`, `broker` is `embedded`.
    pub fn back_end(&self, role: &'static str, kind: &'static str) {
        self.with(|state| state.back_ends.insert(role, kind));
        metrics::gauge!("shop_back_end_info", "service" => self.0.lifecycle.name(), "role" => role, "kind" => kind)
            .set(1.0);
    }

    /// Says how something stands that does not decide about readiness.
    pub fn set_detail(&self, name: &'static str, detail: Detail) {
        self.with(|state| state.details.insert(name, detail));
    }

    /// Makes the service unready until a check of this name is added and holds: it is still being built, and waits.
    pub fn waits_for(&self, name: &'static str, reason: String) {
        let waiting = CheckState {
            reason: Some(reason),
            ..CheckState::default()
        };
        self.with(|state| state.checks.insert(name, waiting));
    }

    /// Says whether the service is still being built: its store may answer before it does itself.
    pub(crate) fn set_building(&self, building: bool) {
        self.with(|state| state.building = building);
    }

    /// Adds a check that readiness depends on: ready needs one success, and three failures in a row turn it off.
    pub fn check<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.with(|state| state.checks.insert(name, CheckState::default()));
        let check: Check = Box::new(move || Box::pin(check()));
        let (health, draining) = (self.clone(), self.0.lifecycle.token());
        self.0.lifecycle.spawn("health-check", async move {
            while !draining.is_cancelled() {
                let result = tokio::time::timeout(DEADLINE, check())
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")));
                health.record(name, result);
                tokio::select! {
                    () = draining.cancelled() => {}
                    () = tokio::time::sleep(PERIOD) => {}
                }
            }
        });
    }

    /// Whether requests should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.not_ready_because().is_none()
    }

    /// The admin port: `/livez`, `/readyz`, `/metrics`.
    pub fn admin_router(&self, metrics: Metrics) -> Router {
        let health = self.clone();
        Router::new()
            .route("/livez", get(async || "ok"))
            .route("/readyz", get(async move || health.report()))
            .route("/metrics", get(async move || metrics.render()))
    }

    fn report(&self) -> Response {
        let reason = self.not_ready_because();
        let (back_ends, details) =
            self.with(|state| (state.back_ends.clone(), state.details.clone()));
        let degraded = details.values().any(|detail| *detail != Detail::Ok);
        let (code, status) = match (&reason, degraded) {
            (Some(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
            (None, true) => (StatusCode::OK, "degraded"),
            (None, false) => (StatusCode::OK, "ok"),
        };
        let report = Report {
            status,
            service: self.0.lifecycle.name(),
            version: self.0.version,
            back_ends,
            reason,
            details,
        };
        (code, Json(report)).into_response()
    }

    pub(crate) fn not_ready_because(&self) -> Option<String> {
        if self.0.lifecycle.stopping().is_cancelled() {
            return Some("shutting down".to_owned());
        }
        if self.0.lifecycle.has_failed() {
            return Some("a background task failed; see the log and restart".to_owned());
        }
        self.with(|state| {
            let mut checks = state.checks.iter();
            let failed = checks.find(|(_, check)| !check.holds());
            failed
                .map(|(name, check)| {
                    let reason = check.reason.as_deref().unwrap_or("not checked yet");
                    format!("{name}: {reason}")
                })
                .or_else(|| {
                    let building = || "the service is still being built".to_owned();
                    state.building.then(building)
                })
        })
    }

    fn record(&self, name: &'static str, result: Result<(), String>) {
        self.with(|state| {
            let check = state.checks.entry(name).or_default();
            match result {
                Ok(()) => {
                    *check = CheckState {
                        passed_once: true,
                        failures: 0,
                        reason: None,
                    };
                }
                Err(reason) => {
                    check.failures = check.failures.saturating_add(1);
                    check.reason = Some(reason);
                }
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self
            .0
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&mut state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::LifecycleSettings;

    fn health() -> Health {
        let lifecycle = Lifecycle::new("test", LifecycleSettings::default());
        Health::new(&lifecycle, "0.1.0")
    }

    #[tokio::test]
    async fn readiness_needs_one_success_and_ends_after_three_failures_in_a_row() {
        let health = health();
        health.with(|state| state.checks.insert("store", CheckState::default()));
        assert_eq!(
            health.not_ready_because().as_deref(),
            Some("store: not checked yet")
        );
        health.record("store", Ok(()));
        for _ in 0..2 {
            health.record("store", Err("gone".to_owned()));
            assert!(health.is_ready());
        }
        health.record("store", Err("gone".to_owned()));
        assert_eq!(health.not_ready_because().as_deref(), Some("store: gone"));
        health.record("store", Ok(()));
        assert!(health.is_ready());
    }

    #[tokio::test]
    async fn the_end_turns_readiness_off_at_once() {
        let health = health();
        assert!(health.is_ready());
        health.0.lifecycle.shut_down().await.unwrap();
        assert_eq!(health.not_ready_because().as_deref(), Some("shutting down"));
    }

    #[tokio::test]
    async fn a_degraded_detail_does_not_make_the_service_unready() {
        let health = health();
        health.set_detail(
            "broker",
            Detail::Degraded {
                reason: "away".to_owned(),
            },
        );
        assert!(health.is_ready());
        assert_eq!(health.report().status(), StatusCode::OK);
    }
}
