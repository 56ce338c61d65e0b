//! `PUT /api/v1/me/reviews/{sku}`: sent again it changes nothing, so it needs no idempotency key.

use access_token::Caller;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::Sku;
use serde::Deserialize;
use service_kit::http::{Json, Path, Problem, ProblemBody};
use utoipa::ToSchema;

use super::{Api, failed};

/// What you think of a product.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    /// The more, the better.
    #[schema(minimum = 1, maximum = 5)]
    stars: i16,
}

/// Say what you think of a product that was delivered to you
#[utoipa::path(put, path = "/api/v1/me/reviews/{sku}", tag = "reviews",
    params(("sku" = Sku, Path)),
    request_body = Review,
    responses((status = 204, description = "It is kept, in place of what you said before"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "`not_delivered`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`")),
    security(("bearer" = [])))]
pub(super) async fn put_review(
    State(api): State<Api>,
    caller: Caller,
    Path(sku): Path<Sku>,
    Json(Review { stars }): Json<Review>,
) -> Result<StatusCode, Problem> {
    if !(1..=5).contains(&stars) {
        let message = "it is a whole number from 1 to 5";
        return Err(Problem::invalid_field("/stars", "out_of_range", message));
    }
    let kept = api.store.review(&sku, caller.user_id, stars).await;
    if kept.map_err(|error| failed(&error))? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let title = "This was not delivered to you";
    let problem = Problem::new(StatusCode::FORBIDDEN, "not_delivered", title);
    Err(problem.detail("Review it once an order with it has arrived."))
}
