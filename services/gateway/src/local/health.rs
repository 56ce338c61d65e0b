//! `/healthz`: one look at what is up, from memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use service_kit::{Detail, Health, Lifecycle, client};
use utoipa::ToSchema;

use super::set;
use crate::body::Download;
use crate::upstream::Upstreams;

/// How often the admin ports are asked.
const PERIOD: Duration = Duration::from_secs(2);
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;

/// How the shop is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShopHealth {
    /// `ok`, or `degraded` if anything is not.
    pub status: &'static str,
    /// Each service that is watched.
    pub services: BTreeMap<String, ServiceHealth>,
}

/// How one service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceHealth {
    /// `ok`, `degraded` (it answers, but something it works with does not), `unready`, `down`, or `unknown` before the
    /// first look.
    pub status: String,
    /// Which back-ends it runs on.
    #[serde(default)]
    pub back_ends: BTreeMap<String, String>,
}

/// The services' health, as seen last.
#[derive(Clone)]
pub(crate) struct ServicesHealth(Arc<RwLock<ShopHealth>>);

impl ServicesHealth {
    /// Nothing is known yet.
    pub(crate) fn unknown(upstreams: &Upstreams) -> Self {
        let watched = upstreams
            .iter()
            .filter(|(_, upstream)| !upstream.admin_url.is_empty());
        let services = watched.map(|(name, _)| (name.clone(), ServiceHealth::named("unknown")));
        Self(Arc::new(RwLock::new(ShopHealth::of(services.collect()))))
    }

    /// Keeps it up to date until the gateway drains.
    pub(crate) fn watch(
        &self,
        upstreams: &Upstreams,
        health: &Health,
        lifecycle: &Lifecycle,
    ) -> Result<(), reqwest::Error> {
        // The settings take no other addresses.
        let http = client::http_client("http://", DEADLINE)?;
        let watched: Vec<(String, String)> = upstreams
            .iter()
            .filter(|(_, upstream)| !upstream.admin_url.is_empty())
            .map(|(name, upstream)| (name.clone(), format!("{}/readyz", upstream.admin_url)))
            .collect();
        let (seen, health, draining) = (self.clone(), health.clone(), lifecycle.token());
        lifecycle.spawn("services-health", async move {
            let mut ticks = tokio::time::interval(PERIOD);
            while draining.run_until_cancelled(ticks.tick()).await.is_some() {
                let looks = watched
                    .iter()
                    .map(|(name, url)| async { (name.clone(), look(&http, url).await) });
                let Some(services) = draining.run_until_cancelled(join_all(looks)).await else {
                    break;
                };
                seen.update(ShopHealth::of(services.into_iter().collect()), &health);
            }
        });
        Ok(())
    }

    fn update(&self, now: ShopHealth, health: &Health) {
        health.set_detail("services", now.detail());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// The page: 503 if no service takes requests, so that there is nothing to come here for.
    pub(crate) fn reply(&self) -> Response<Download> {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let body = serde_json::to_vec(&*seen).unwrap_or_default();
        let mut response = Response::new(Download::own(body));
        if !seen.serves() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        set(&mut response, CONTENT_TYPE, "application/json");
        set(&mut response, CACHE_CONTROL, "no-store");
        response
    }
}

impl ShopHealth {
    fn of(services: BTreeMap<String, ServiceHealth>) -> Self {
        let ok = services.values().all(|service| service.status == "ok");
        Self {
            status: if ok { "ok" } else { "degraded" },
            services,
        }
    }

    fn serves(&self) -> bool {
        self.services.is_empty() || self.services.values().any(ServiceHealth::serves)
    }

    fn detail(&self) -> Detail {
        let not_ok = self
            .services
            .iter()
            .filter(|(_, service)| service.status != "ok");
        let reasons: Vec<_> = not_ok
            .map(|(name, service)| format!("{name} is {}", service.status))
            .collect();
        if reasons.is_empty() {
            Detail::Ok
        } else {
            Detail::Degraded {
                reason: reasons.join(", "),
            }
        }
    }
}

impl ServiceHealth {
    fn named(status: &str) -> Self {
        Self {
            status: status.to_owned(),
            back_ends: BTreeMap::new(),
        }
    }

    fn serves(&self) -> bool {
        matches!(self.status.as_str(), "ok" | "degraded")
    }
}

/// What a service says about itself.
async fn look(http: &reqwest::Client, url: &str) -> ServiceHealth {
    let answer = async {
        let mut response = http.get(url).send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok::<_, reqwest::Error>(body)
    };
    match answer
        .await
        .map(|body| serde_json::from_slice::<ServiceHealth>(&body))
    {
        Ok(Ok(health)) if matches!(health.status.as_str(), "ok" | "degraded" | "unready") => health,
        // It answers, but not as a service of ours does.
        Ok(_) => ServiceHealth::named("unready"),
        Err(_) => ServiceHealth::named("down"),
    }
}
