//! The REST API: a table of endpoints, one file each.

mod get_rating;
mod put_review;

use std::sync::Arc;
use std::time::Duration;

use access_token::{BearerTokens, Verifier, administrators_only};
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use contracts::Clock;
use messaging::{DeferredStore, parked_openapi, parked_router};
use service_kit::error_chain;
use service_kit::http::{Json, Problem, standard_layers};
use store_kit::StoreError;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::NAME;
use crate::store::Store;

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Arc<Store>,
    pub(crate) verifier: Verifier,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

/// All endpoints, also those for messages that nobody could handle, and their description, which the gateway puts into its own.
pub(crate) fn router(api: Api, parked: Arc<dyn DeferredStore>, clock: Arc<dyn Clock>) -> Router {
    let parked = parked_router(parked, clock, NAME)
        .route_layer(from_fn_with_state(api.clone(), administrators_only));
    let (router, document) = described(endpoints().merge(parked)).split_for_parts();
    let router = router
        .route("/openapi.json", get(async move || Json(document)))
        .with_state(api);
    standard_layers(router, NAME)
}

/// The description alone, for `openapi` on the command line.
pub(crate) fn openapi() -> OpenApi {
    let mut document = described(endpoints()).into_openapi();
    document.merge(parked_openapi());
    document
}

fn endpoints() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_rating::get_rating))
        .routes(routes!(put_review::put_review))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Reviews", description = "What customers think of products."),
    modifiers(&BearerTokens)
)]
struct Description;

fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(<Description as utoipa::OpenApi>::openapi()).merge(routes)
}

/// What the store's failures are to clients.
fn failed(error: &StoreError) -> Problem {
    let chain = error_chain(error);
    if error.is_away() {
        tracing::warn!(error = chain, "the store does not answer");
        return Problem::unavailable("unavailable", "Try again shortly", Duration::from_secs(2));
    }
    tracing::error!(error = chain, "the store and this program do not fit");
    Problem::internal()
}
