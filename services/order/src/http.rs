//! The REST API: a table of endpoints, one file each.

mod admin_cancel_order;
mod admin_get_order;
mod admin_list_orders;
mod cancel_order;
mod deliver_shipment;
mod get_order;
mod get_shipment;
mod list_orders;
mod order_timeline;
mod place_order;
mod problems;
mod reply;
mod representation;
mod ship_order;

use std::sync::Arc;

use access_token::{BearerTokens, Verifier, administrators_only};
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use contracts::Clock;
use messaging::{DeferredStore, Poke, parked_openapi, parked_router};
use service_kit::http::Json;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::address_book::AddressBook;
use crate::backlog::Backlog;
use crate::store::OrderStore;
use crate::waiting::Waiting;
use service_kit::Present;

/// What the endpoints work with.
#[derive(Clone)]
pub struct Api {
    /// Where orders are kept.
    pub store: Arc<dyn OrderStore>,
    /// Checks access tokens.
    pub verifier: Verifier,
    /// Customers' addresses.
    pub address_book: Arc<dyn AddressBook>,
    /// Refuses orders when too many events wait.
    pub backlog: Arc<Backlog>,
    /// Requests that wait for an order.
    pub waiting: Waiting,
    /// Wakes the outbox relay.
    pub poke: Poke,
    /// Tells the time.
    pub present: Present,
    /// Cancelled when the process shuts down: nobody waits any longer.
    pub draining: CancellationToken,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

/// All endpoints, and their description at `/openapi.json`.
pub fn router(api: Api, parked: Arc<dyn DeferredStore>, clock: Arc<dyn Clock>) -> Router {
    let parked = parked_router(parked, clock, "order")
        .route_layer(from_fn_with_state(api.clone(), administrators_only));
    let (router, document) = described(routes().merge(parked)).split_for_parts();
    router
        .route("/openapi.json", get(async move || Json(document)))
        .with_state(api)
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
        .routes(routes!(place_order::place_order, list_orders::list_orders))
        .routes(routes!(get_order::get_order))
        .routes(routes!(order_timeline::order_timeline))
        .routes(routes!(cancel_order::cancel_order))
        .routes(routes!(admin_list_orders::admin_list_orders))
        .routes(routes!(admin_get_order::admin_get_order))
        .routes(routes!(admin_cancel_order::admin_cancel_order))
        .routes(routes!(ship_order::ship_order))
        .routes(routes!(
            get_shipment::get_shipment,
            deliver_shipment::deliver_shipment
        ))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Orders", description = "Placing, following, cancelling and shipping orders."),
    modifiers(&BearerTokens)
)]
struct Description;

fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(<Description as utoipa::OpenApi>::openapi()).merge(routes)
}
