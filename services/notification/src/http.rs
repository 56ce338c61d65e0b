//! The REST API and the live stream: a table of endpoints, one file each.

mod admin_list_deliveries;
mod count_unread;
mod list_notifications;
mod live_stream;
mod mark_all_read;
mod mark_read;
mod problems;

use std::sync::Arc;
use std::time::Duration;

use access_token::{BearerTokens, Verifier, administrators_only};
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use contracts::Clock;
use messaging::{DeferredStore, parked_openapi, parked_router};
use service_kit::Present;
use service_kit::http::{Json, standard_layers};
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::store::NotificationStore;
use crate::streams::Streams;

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct Api {
    /// Where notifications are kept.
    pub(crate) store: Arc<dyn NotificationStore>,
    /// Checks access tokens.
    pub(crate) verifier: Verifier,
    /// The open live streams.
    pub(crate) streams: Streams,
    /// The silence after which a live stream says that it is still there.
    pub(crate) heartbeat: Duration,
    /// Tells the time.
    pub(crate) present: Present,
    /// Cancelled when the process shuts down: live streams end.
    pub(crate) draining: CancellationToken,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

/// All endpoints, and their description at `/openapi.json`.
pub(crate) fn router(api: Api, parked: Arc<dyn DeferredStore>, clock: Arc<dyn Clock>) -> Router {
    let parked = parked_router(parked, clock, "notification")
        .route_layer(from_fn_with_state(api.clone(), administrators_only));
    let (router, document) = described(routes().merge(parked)).split_for_parts();
    let router = router
        .route("/openapi.json", get(async move || Json(document)))
        .with_state(api);
    standard_layers(router, "notification")
}

/// The description of this service's API.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = described(routes()).into_openapi();
    document.merge(parked_openapi());
    document
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(live_stream::live_stream))
        .routes(routes!(list_notifications::list_notifications))
        .routes(routes!(count_unread::count_unread))
        .routes(routes!(mark_all_read::mark_all_read))
        .routes(routes!(mark_read::mark_read))
        .routes(routes!(admin_list_deliveries::admin_list_deliveries))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Notifications",
        description = "What happened, as a list, as a live stream, and the log of what was sent."
    ),
    modifiers(&BearerTokens)
)]
struct Description;

fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(<Description as utoipa::OpenApi>::openapi()).merge(routes)
}
