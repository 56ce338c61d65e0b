//! `GET /api/v1/me/addresses`.

use access_token::Caller;
use axum::extract::State;
use service_kit::http::{Json, Problem, ProblemBody};

use super::Api;
use super::representation::{EntryBody, Whole};

/// List your addresses
///
/// The oldest first; at most 100.
#[utoipa::path(
    get,
    path = "/api/v1/me/addresses",
    tag = "me",
    operation_id = "listAddresses",
    responses(
        (status = 200, body = Whole<EntryBody>, description = "All of them"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list_addresses(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Whole<EntryBody>>, Problem> {
    let entries = api.store.addresses(caller.user_id).await?;
    Ok(Json(Whole::of(entries.into_iter().map(EntryBody::from))))
}
