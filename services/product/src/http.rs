//! The REST API: a table of endpoints, one file each.

mod adjust_inventory;
mod archive_product;
mod attribute_filter;
mod create_product;
mod get_admin_product;
mod get_inventory;
mod get_product;
mod list_adjustments;
mod list_admin_products;
mod list_categories;
mod list_products;
mod patch_product;
mod problems;
mod reply;
mod representation;

use std::sync::Arc;

use access_token::{BearerTokens, Verifier, administrators_only};
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use contracts::Clock;
use messaging::{DeferredStore, Poke, parked_openapi, parked_router};
use service_kit::Present;
use service_kit::http::{Json, standard_layers};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::store::ProductStore;

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Arc<dyn ProductStore>,
    pub(crate) verifier: Verifier,
    pub(crate) poke: Poke,
    pub(crate) present: Present,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

/// All endpoints, and their description at `/openapi.json`.
pub(crate) fn router(api: Api, parked: Arc<dyn DeferredStore>, clock: Arc<dyn Clock>) -> Router {
    let parked = parked_router(parked, clock, "product")
        .route_layer(from_fn_with_state(api.clone(), administrators_only));
    let (router, document) = described(routes().merge(parked)).split_for_parts();
    let router = router
        .route("/openapi.json", get(async move || Json(document)))
        .with_state(api);
    standard_layers(router, "product")
}

/// The description of this service's API.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = described(routes()).into_openapi();
    document.merge(parked_openapi());
    document
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Products", description = "The catalog and the stock behind it."),
    modifiers(&BearerTokens)
)]
struct Description;

fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(<Description as utoipa::OpenApi>::openapi()).merge(routes)
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_products::list_products))
        .routes(routes!(get_product::get_product))
        .routes(routes!(list_categories::list_categories))
        .routes(routes!(
            create_product::create_product,
            list_admin_products::list_admin_products
        ))
        .routes(routes!(
            get_admin_product::get_admin_product,
            patch_product::patch_product,
            archive_product::archive_product
        ))
        .routes(routes!(get_inventory::get_inventory))
        .routes(routes!(
            adjust_inventory::adjust_inventory,
            list_adjustments::list_adjustments
        ))
}
