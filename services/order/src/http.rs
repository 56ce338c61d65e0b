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

use access_token::Verifier;
use axum::extract::FromRef;
use messaging::Poke;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::address_book::AddressBook;
use crate::backlog::Backlog;
use crate::context::Present;
use crate::store::OrderStore;
use crate::waiting::Waiting;

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

/// All endpoints of this service.
#[must_use]
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(place_order::place_order, list_orders::list_orders))
        .routes(routes!(get_order::get_order))
        .routes(routes!(order_timeline::order_timeline))
        .routes(routes!(cancel_order::cancel_order))
        .routes(routes!(admin_list_orders::admin_list_orders))
        .routes(routes!(admin_get_order::admin_get_order))
        .routes(routes!(admin_cancel_order::admin_cancel_order))
        .routes(routes!(ship_order::ship_order))
        .routes(routes!(get_shipment::get_shipment, deliver_shipment::deliver_shipment))
}
