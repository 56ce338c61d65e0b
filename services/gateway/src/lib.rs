//! The gateway: the one entrance of the shop. Routes are configuration; requests are checked against their route and
//! forwarded with their bodies streaming.
//!
//! `routes` decides where a request goes, `gateway` sees it through, `upstream` keeps the connections, `local` is what the
//! gateway answers itself; [`build`] is the only place that wires them.

mod body;
mod cors;
mod gateway;
mod headers;
mod local;
mod observe;
mod problems;
mod rate_limit;
pub mod routes;
pub mod settings;
mod upstream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use access_token::Verifier;
use http::Request;
use hyper::body::Incoming;
use service_kit::http::ProblemBody;
use service_kit::{App, BindError, Health, Runtime};
use utoipa::OpenApi as _;

use crate::cors::Cors;
use crate::gateway::Gateway;
use crate::local::Local;
use crate::local::health::{ServiceHealth, ServicesHealth, ShopHealth};
use crate::local::openapi::{Description, Refresh};
use crate::observe::Observer;
use crate::rate_limit::RateLimits;
pub use crate::settings::Settings;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting makes no sense.
    #[error("the gateway cannot be set up like this")]
    Settings(#[from] settings::InvalidSetting),
    /// The routes make no sense.
    #[error("the gateway cannot use its routes")]
    Routes(#[from] routes::RoutesError),
    /// The keys that verify access tokens cannot be used.
    #[error("the gateway cannot verify access tokens")]
    Verifier(#[from] access_token::VerifierSettingsError),
    /// The client for the services' health cannot be made.
    #[error("the gateway cannot make HTTP requests")]
    Client(#[from] reqwest::Error),
    /// A port cannot be had.
    #[error("the gateway cannot listen")]
    Bind(#[from] BindError),
}

/// Wires the gateway: reads its routes, starts its tasks in the runtime's lifecycle and takes its ports.
pub async fn build(settings: Settings, runtime: Runtime) -> Result<App, BuildError> {
    settings.check()?;
    let lifecycle = &runtime.lifecycle;
    let routes = Arc::new(routes::load(&settings)?);
    let upstreams = upstream::all(&settings, lifecycle)?;
    let rate_limits = RateLimits::new(settings.rate_limit, &routes, lifecycle)?;
    let services_health = ServicesHealth::unknown(&upstreams);
    let description = Description::unknown(&routes);
    let gateway = Arc::new(Gateway {
        upstreams: upstreams.clone(),
        verifier: Verifier::from_settings(&settings.auth, Arc::clone(&runtime.clock))?,
        rate_limits,
        cors: Cors::new(&settings.cors)?,
        local: Local {
            health: services_health.clone(),
            description: description.clone(),
        },
        observer: Observer::new(&routes, settings.access_log),
        trusted_hops: settings.http.trusted_hops,
        draining: lifecycle.token(),
        routes: Arc::clone(&routes),
    });
    let health = Health::new(lifecycle, env!("CARGO_PKG_VERSION"));
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    let app = App::bind_service(&runtime, &settings.http, service, &health).await?;
    services_health.watch(&upstreams, &health, lifecycle)?;
    let refresh = Refresh {
        routes,
        upstreams,
        every: Duration::from_secs(settings.openapi.refresh_s),
    };
    description.keep_fresh(refresh, lifecycle);
    Ok(app)
}

/// The description of what the gateway answers itself; a running gateway merges it with the services'.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Own::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Gateway",
        description = "The one entrance of the shop. To try what needs an account: register, sign in with \
                       `POST /api/v1/auth/login`, press **Authorize** and paste the `access_token`; it lives for minutes. \
                       Every error is `application/problem+json`: decide by its `code`."
    ),
    paths(healthz, description_of_the_api),
    components(schemas(ShopHealth, ServiceHealth, ProblemBody))
)]
struct Own;

/// How the shop is
#[utoipa::path(get, path = "/healthz", tag = "gateway", responses(
    (status = 200, body = ShopHealth, description = "At least one service takes requests"),
    (status = 503, body = ShopHealth, description = "No service takes requests"),
))]
#[expect(
    dead_code,
    reason = "carries the description of a page that is answered without a router"
)]
fn healthz() {}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "gateway", responses((status = 200, description = "An `OpenAPI` 3.1 document", content_type = "application/json")))]
#[expect(
    dead_code,
    reason = "carries the description of a page that is answered without a router"
)]
fn description_of_the_api() {}
