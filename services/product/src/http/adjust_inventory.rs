//! `POST /api/v1/admin/inventory/{sku}/adjustments`.

use access_token::Caller;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use contracts::{AdjustmentId, Role, Sku};
use serde::{Deserialize, Serialize};
use service_kit::http::idempotency::RequiredKey;
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use super::{Api, reply};
use crate::store::{Adjustment, Inventory};

/// The most pieces one adjustment may add or remove.
const MOST: i64 = 1_000_000_000;

/// A change of stock.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAdjustment {
    /// Pieces to add, or to remove if negative; not zero.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    quantity: i64,
    /// Why: 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// An adjustment, and the stock after it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adjusted {
    id: AdjustmentId,
    #[serde(flatten)]
    inventory: Inventory,
}

/// Add or remove pieces
#[utoipa::path(
    post,
    path = "/api/v1/admin/inventory/{sku}/adjustments",
    tag = "inventory",
    operation_id = "adjustInventory",
    params(("sku" = Sku, Path), ("Idempotency-Key" = String, Header, description = "required: stock moves")),
    request_body = NewAdjustment,
    responses(
        (status = 201, body = Adjusted, description = "The stock after it; an earlier request with the same key counts once", headers(("Location" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`idempotency_key_required`, `malformed_json`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`would_go_negative`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`, `idempotency_key_reused`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn adjust_inventory(
    State(api): State<Api>,
    caller: Caller,
    Path(sku): Path<Sku>,
    RequiredKey(key): RequiredKey,
    Json(new): Json<NewAdjustment>,
) -> Result<Response, Problem> {
    caller.require(Role::Catalog)?;
    let path = format!("/api/v1/admin/inventory/{sku}/adjustments");
    let retry = reply::retry(&caller, &key, &path, &new)?;
    let (quantity, reason) = new.checked()?;
    let once = api
        .store
        .adjust(sku, quantity, reason, retry, api.present.context())
        .await?;
    api.poke.poke();
    reply::created(
        once,
        |_| path.clone(),
        |(adjustment, inventory): (Adjustment, Inventory)| {
            Json(Adjusted {
                id: adjustment.id,
                inventory,
            })
            .into_response()
        },
    )
}

impl NewAdjustment {
    fn checked(self) -> Result<(i64, String), Problem> {
        if self.quantity == 0 || !(-MOST..=MOST).contains(&self.quantity) {
            let message = "a whole number from -1000000000 to 1000000000 except 0";
            return Err(Problem::invalid_field(
                "/quantity",
                "invalid_value",
                message,
            ));
        }
        let reason = self.reason.trim();
        if !(1..=500).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            let message = "a reason is 1 to 500 characters without control characters";
            return Err(Problem::invalid_field("/reason", "invalid_value", message));
        }
        Ok((self.quantity, reason.to_owned()))
    }
}
