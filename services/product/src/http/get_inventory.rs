//! `GET /api/v1/admin/inventory/{sku}`.

use access_token::Caller;
use axum::extract::State;
use contracts::{Role, Sku};
use service_kit::http::{Json, Path, Problem, ProblemBody};

use super::Api;
use crate::store::Inventory;

/// Read the stock of a sku
#[utoipa::path(
    get,
    path = "/api/v1/admin/inventory/{sku}",
    tag = "inventory",
    operation_id = "getInventory",
    params(("sku" = Sku, Path)),
    responses(
        (status = 200, body = Inventory),
        (status = 403, body = ProblemBody, description = "`insufficient_scope`: needs the role `catalog`"),
        (status = 404, body = ProblemBody, description = "`not_found`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn get_inventory(
    State(api): State<Api>,
    caller: Caller,
    Path(sku): Path<Sku>,
) -> Result<Json<Inventory>, Problem> {
    caller.require(Role::Catalog)?;
    api.store
        .inventory(sku)
        .await?
        .map(Json)
        .ok_or_else(Problem::not_found)
}
