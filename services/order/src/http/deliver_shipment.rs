//! `PATCH /api/v1/admin/orders/{id}/shipments/{shipment_id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{OrderId, Role, ShipmentId};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use service_kit::http::etag::{IfMatch, if_match_version};
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use crate::domain::Input;
use crate::http::cancel_order::tell;
use crate::http::representation::ShipmentBody;
use crate::http::{Api, reply};
use crate::store::TellOrder;

/// What became of a parcel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverShipmentBody {
    /// Where it is now.
    #[expect(
        dead_code,
        reason = "there is one possible value, and parsing checks it"
    )]
    status: NewStatus,
}

/// The one thing that can be said about a parcel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NewStatus {
    /// It is with the customer.
    Delivered,
}

/// Mark a parcel delivered
///
/// The order is `delivered` once all its lines have been shipped and all its parcels delivered.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/orders/{id}/shipments/{shipment_id}",
    tag = "orders (administration)",
    operation_id = "deliverShipment",
    request_body = DeliverShipmentBody,
    params(
        ("id" = OrderId, Path),
        ("shipment_id" = ShipmentId, Path),
        ("If-Match" = String, Header, description = "the order's `ETag`"),
    ),
    responses(
        (status = 200, body = ShipmentBody, description = "The parcel; the `ETag` is the order's", headers(("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 428, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_required`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn deliver_shipment(
    State(api): State<Api>,
    caller: Caller,
    Path((id, shipment_id)): Path<(OrderId, ShipmentId)>,
    headers: HeaderMap,
    Json(_body): Json<DeliverShipmentBody>,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let seen_version = match if_match_version(&headers)? {
        IfMatch::Any => None,
        IfMatch::Version(version) => Some(version),
    };
    let command = TellOrder {
        order_id: id,
        owner: None,
        input: Input::Delivered(shipment_id),
        seen_version,
        request: None,
        context: api.present.context(),
    };
    let told = tell(&api, command).await?;
    let version = told.order.version;
    let shipment = told
        .order
        .shipments
        .into_iter()
        .find(|shipment| shipment.id == shipment_id)
        .ok_or_else(Problem::not_found)?;
    let body = ShipmentBody::from(shipment);
    Ok(reply::object(StatusCode::OK, version, body, false))
}
