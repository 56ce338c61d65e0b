//! `POST /api/v1/admin/orders/{id}/shipments`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::events::stock::StockLine;
use contracts::{OrderId, Quantity, Role, ShipmentId, Sku};
use serde::{Deserialize, Serialize};
use service_kit::http::idempotency::OptionalKey;
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use crate::domain::{Dispatch, Input, Item, PricingError, ShipmentText, pricing};
use crate::http::cancel_order::{request_key, tell};
use crate::http::representation::ShipmentBody;
use crate::http::{Api, reply};
use crate::store::TellOrder;

/// A parcel that leaves.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipOrderBody {
    /// What is in it; left out, everything that has not been shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100)]
    items: Option<Vec<ShipItem>>,
    /// Who carries it.
    carrier: ShipmentText,
    /// Its number there.
    tracking_number: ShipmentText,
}

/// Pieces in a parcel that leaves.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipItem {
    /// What.
    sku: Sku,
    /// How many.
    quantity: Quantity,
}

/// Ship an order or a part of it
///
/// The customer is told about every parcel. To mark it delivered, PATCH it with the `ETag` of this answer.
#[utoipa::path(
    post,
    path = "/api/v1/admin/orders/{id}/shipments",
    tag = "orders (administration)",
    operation_id = "shipOrder",
    request_body = ShipOrderBody,
    params(("id" = OrderId, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters")),
    responses(
        (status = 201, body = ShipmentBody, description = "It is on its way; the `ETag` is the order's",
            headers(("Location" = String), ("ETag" = String), ("Idempotency-Replayed" = Option<String>))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `invalid_idempotency_key`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
            description = "`already_shipped`, `nothing_to_ship`, `invalid_transition`, each with `allowed`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json",
            description = "`invalid_request`, `duplicate_sku`, `unknown_sku`, `too_many_pieces`, `idempotency_key_reused`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn ship_order(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<OrderId>,
    OptionalKey(key): OptionalKey,
    Json(body): Json<ShipOrderBody>,
) -> Result<Response, Problem> {
    caller.require(Role::Admin)?;
    let path = format!("/api/v1/admin/orders/{id}/shipments");
    let context = api.present.context();
    let command = TellOrder {
        order_id: id,
        owner: None,
        seen_version: None,
        request: key
            .map(|key| request_key(caller.user_id, &key, &path, &body))
            .transpose()?,
        input: Input::Ship(body.dispatch(ShipmentId::at(context.now))?),
        context,
    };
    let told = tell(&api, command).await?;
    let shipment = told
        .order
        .shipments
        .iter()
        .find(|shipment| shipment.id.to_string() == told.object_id)
        .cloned()
        .ok_or_else(Problem::not_found)?;
    let location = reply::shipment_path(&told.order, shipment.id);
    let version = told.order.version;
    Ok(reply::created(
        &location,
        version,
        ShipmentBody::from(shipment),
        told.replayed,
    ))
}

impl ShipOrderBody {
    fn dispatch(self, id: ShipmentId) -> Result<Dispatch, Problem> {
        Ok(Dispatch {
            id,
            lines: self.items.map(lines).transpose()?,
            carrier: self.carrier,
            tracking_number: self.tracking_number,
        })
    }
}

fn lines(items: Vec<ShipItem>) -> Result<Vec<StockLine>, Problem> {
    if items.is_empty() {
        let message = "name at least one item, or leave items out to ship everything";
        return Err(Problem::invalid_field("/items", "too_short", message));
    }
    let wanted: Vec<Item> = items
        .iter()
        .map(|item| Item {
            sku: item.sku.clone(),
            quantity: item.quantity,
        })
        .collect();
    let duplicates = pricing::duplicates(&wanted);
    if !duplicates.is_empty() {
        return Err(PricingError::DuplicateSku(duplicates).into());
    }
    Ok(items
        .into_iter()
        .map(|item| StockLine {
            sku: item.sku,
            quantity: item.quantity,
        })
        .collect())
}
