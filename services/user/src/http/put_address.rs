//! `PUT /api/v1/me/addresses/{id}`.

use access_token::Caller;
use axum::extract::State;
use axum::response::Response;
use contracts::{Address, AddressId};
use http::HeaderMap;
use service_kit::http::{Json, Path, Problem, ProblemBody};

use super::representation::{EntryBody, NewAddress};
use super::{Api, reply};

/// Replace one of your addresses
#[utoipa::path(
    put,
    path = "/api/v1/me/addresses/{id}",
    tag = "me",
    operation_id = "putAddress",
    params(("id" = AddressId, Path), ("If-Match" = Option<String>, Header, description = "the `ETag` you read, if nobody's change may be lost")),
    request_body = NewAddress,
    responses(
        (status = 200, body = EntryBody, description = "The address as it is now", headers(("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "`precondition_failed`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn put_address(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<AddressId>,
    headers: HeaderMap,
    Json(new): Json<NewAddress>,
) -> Result<Response, Problem> {
    let if_match = reply::optional_if_match(&headers)?;
    let address = Address::from(new);
    let edit = Box::new(move |_| address.clone());
    let entry = api
        .store
        .edit_address(caller.user_id, id, if_match, edit, api.present.context())
        .await?;
    Ok(reply::changed(entry.version, EntryBody::from(entry)))
}
