//! What is measured and logged about requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

use crate::routes::{MethodName, RouteTable};
use crate::settings::AccessLogSettings;

/// The methods of [`MethodName::ALL`], and one place for all others: a client may send any word as a method.
const METHODS: usize = MethodName::ALL.len() + 1;

/// The measures of all routes. Handles are kept, so that a request costs no look-up by labels.
pub(crate) struct Observer {
    routes: Vec<RouteMeasures>,
    own: RouteMeasures,
    none: RouteMeasures,
    log_every: u64,
    seen: AtomicU64,
}

/// Where a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// To the route of this number.
    Route(usize),
    /// Nowhere: the gateway answered.
    Own,
    /// There was no such path.
    Nowhere,
}

struct RouteMeasures {
    label: String,
    by_method: [OnceLock<Measures>; METHODS],
}

struct Measures {
    seconds: Histogram,
    by_status: RwLock<Vec<(StatusCode, Counter)>>,
}

impl Observer {
    pub(crate) fn new(routes: &RouteTable, log: AccessLogSettings) -> Self {
        Self {
            routes: routes
                .routes()
                .iter()
                .map(|route| RouteMeasures::new(&route.pattern))
                .collect(),
            own: RouteMeasures::new("gateway"),
            none: RouteMeasures::new("none"),
            log_every: log.every,
            seen: AtomicU64::new(0),
        }
    }

    /// The label of a route.
    pub(crate) fn label(&self, went: Went) -> &str {
        &self.measures(went).label
    }

    /// Notes an answer.
    pub(crate) fn answered(
        &self,
        went: Went,
        method: Option<MethodName>,
        status: StatusCode,
        elapsed: Duration,
    ) {
        self.measures(went).record(method, status, elapsed);
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        if self.log_every > 0 && seen.is_multiple_of(self.log_every) {
            tracing::info!(
                status = status.as_u16(),
                milliseconds,
                one_in = self.log_every,
                "answered a request"
            );
        }
    }

    fn measures(&self, went: Went) -> &RouteMeasures {
        match went {
            Went::Route(number) => self.routes.get(number).unwrap_or(&self.none),
            Went::Own => &self.own,
            Went::Nowhere => &self.none,
        }
    }
}

impl RouteMeasures {
    fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            by_method: [const { OnceLock::new() }; METHODS],
        }
    }

    fn record(&self, method: Option<MethodName>, status: StatusCode, elapsed: Duration) {
        let index = method.map_or(METHODS - 1, |method| method as usize);
        let name = method.map_or("other", MethodName::as_str);
        let Some(place) = self.by_method.get(index) else {
            return;
        };
        let measures = place.get_or_init(|| Measures {
            seconds: histogram!("shop_http_request_seconds",
                "service" => "gateway", "method" => name, "route" => self.label.clone()),
            by_status: RwLock::default(),
        });
        measures.seconds.record(elapsed.as_secs_f64());
        let known = measures
            .by_status
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|(known, _)| *known == status)
            .map(|(_, counter)| counter.increment(1));
        if known.is_none() {
            self.count_first(measures, name, status);
        }
    }

    fn count_first(&self, measures: &Measures, method: &'static str, status: StatusCode) {
        let counter = counter!("shop_http_requests_total", "service" => "gateway", "method" => method,
            "route" => self.label.clone(), "status" => status.as_str().to_owned());
        counter.increment(1);
        measures
            .by_status
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push((status, counter));
    }
}
