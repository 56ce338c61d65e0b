//! `GET /api/v1/categories`.

use axum::extract::State;
use serde::Serialize;
use service_kit::http::{Json, Problem, ProblemBody};
use utoipa::ToSchema;

use super::Api;
use crate::store::CategoryCount;

/// All shelves.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Categories {
    data: Vec<CategoryCount>,
}

/// List the shelves that hold products
#[utoipa::path(
    get,
    path = "/api/v1/categories",
    tag = "products",
    operation_id = "listCategories",
    responses(
        (status = 200, body = Categories, description = "All shelves by name"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`"),
    )
)]
pub(super) async fn list_categories(State(api): State<Api>) -> Result<Json<Categories>, Problem> {
    Ok(Json(Categories {
        data: api.store.categories().await?,
    }))
}
