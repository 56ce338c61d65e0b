//! `GET /api/v1/reviews/{sku}`.

use axum::extract::State;
use contracts::Sku;
use service_kit::http::{Json, Path, Problem, ProblemBody};

use super::{Api, failed};
use crate::store::Rating;

/// See what customers think of a product
#[utoipa::path(get, path = "/api/v1/reviews/{sku}", tag = "reviews",
    params(("sku" = Sku, Path)),
    responses((status = 200, body = Rating, description = "What they think"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`")))]
pub(super) async fn get_rating(
    State(api): State<Api>,
    Path(sku): Path<Sku>,
) -> Result<Json<Rating>, Problem> {
    let rating = api.store.rating(&sku).await;
    rating.map(Json).map_err(|error| failed(&error))
}
