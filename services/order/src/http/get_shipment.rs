//! `GET /api/v1/admin/orders/{id}/shipments/{shipment_id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{OrderId, Role, ShipmentId};
use http::HeaderMap;
use service_kit::http::etag::{ETag, json_with_etag};
use service_kit::http::{Path, Problem, ProblemBody};

use crate::http::Api;
use crate::http::representation::ShipmentBody;

/// Read a parcel
///
/// Its `ETag` is its order's: a parcel is a part of the order.
#[utoipa::path(
    get,
    path = "/api/v1/admin/orders/{id}/shipments/{shipment_id}",
    tag = "orders (administration)",
    operation_id = "getShipment",
    params(("id" = OrderId, Path), ("shipment_id" = ShipmentId, Path)),
    responses(
        (status = 200, body = ShipmentBody, description = "The parcel", headers(("ETag" = String))),
        (status = 304, description = "Not changed since"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_shipment(
    State(api): State<Api>,
    caller: Caller,
    Path((id, shipment_id)): Path<(OrderId, ShipmentId)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Role::Support)?;
    let order = api.store.order(id, None).await?;
    let order = order.ok_or_else(Problem::not_found)?;
    let tag = ETag::of_version(order.version);
    let shipment = order
        .shipments
        .into_iter()
        .find(|shipment| shipment.id == shipment_id)
        .ok_or_else(Problem::not_found)?;
    Ok(json_with_etag(ShipmentBody::from(shipment), &tag, &headers))
}
