//! Replies that several endpoints give.

use axum::response::{IntoResponse, Response};
use contracts::{OrderId, ShipmentId};
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use service_kit::http::etag::ETag;
use service_kit::http::{Json, idempotency};

use crate::domain::Order;
use crate::http::representation::OrderBody;
use crate::store::Told;

/// An object with its order's version as `ETag`; says if an earlier request with the same key did it.
pub(super) fn object(
    status: StatusCode,
    version: u64,
    body: impl Serialize,
    replayed: bool,
) -> Response {
    let tag = ETag::of_version(version).header();
    let mut response = (status, [(ETAG, tag)], Json(body)).into_response();
    if replayed {
        response.headers_mut().extend([idempotency::replayed()]);
    }
    response
}

/// 201 with `Location`.
pub(super) fn created(
    location: &str,
    version: u64,
    body: impl Serialize,
    replayed: bool,
) -> Response {
    let mut response = object(StatusCode::CREATED, version, body, replayed);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// 202 with the order: it is on its way to what was asked for.
pub(super) fn accepted(told: Told) -> Response {
    object(
        StatusCode::ACCEPTED,
        told.order.version,
        OrderBody::from(told.order),
        told.replayed,
    )
}

/// Where a customer finds an order.
pub(super) fn order_path(id: OrderId) -> String {
    format!("/api/v1/orders/{id}")
}

/// Where an administrator finds a parcel.
pub(super) fn shipment_path(order: &Order, id: ShipmentId) -> String {
    format!("/api/v1/admin/orders/{}/shipments/{id}", order.id)
}
