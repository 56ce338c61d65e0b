//! `POST /api/v1/me/addresses`.

use access_token::{Caller, VerifyError};
use axum::extract::State;
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use service_kit::http::idempotency::{self, OptionalKey};
use service_kit::http::{Json, Problem, ProblemBody};

use super::representation::{EntryBody, NewAddress};
use super::{Api, reply};
use crate::store::{Added, Entry};

/// Addresses a book may have.
const MOST_ADDRESSES: u32 = 100;
const PATH: &str = "/api/v1/me/addresses";

/// Write an address down
///
/// At most 100.
#[utoipa::path(
    post,
    path = "/api/v1/me/addresses",
    tag = "me",
    operation_id = "addAddress",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewAddress,
    responses(
        (status = 201, body = EntryBody, description = "Written down, now or by an earlier request with the same key", headers(("Location" = String), ("ETag" = String))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`, `invalid_idempotency_key`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "`not_found`: the address that an earlier request with this key wrote down was removed"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "`address_book_full`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`, `idempotency_key_reused`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`", headers(("Retry-After" = u64))),
    ),
    security(("bearer" = []))
)]
pub(super) async fn add_address(
    State(api): State<Api>,
    caller: Caller,
    OptionalKey(key): OptionalKey,
    Json(new): Json<NewAddress>,
) -> Result<Response, Problem> {
    let retry = key.map(|key| reply::retry(&key, PATH, &new)).transpose()?;
    let account = api.store.account(caller.user_id).await?;
    let owner = account.ok_or(VerifyError::Invalid)?.id;
    let context = api.present.context();
    let added = api
        .store
        .add_address(owner, new.into(), retry, MOST_ADDRESSES, context)
        .await?;
    match added {
        Added::Done(entry) => Ok(created(entry)),
        Added::Replayed(entry) => {
            let mut response = created(entry);
            response.headers_mut().extend([idempotency::replayed()]);
            Ok(response)
        }
        Added::Gone => Err(Problem::not_found()),
        Added::KeyReused => Err(idempotency::reused()),
        Added::Full => Err(full()),
    }
}

fn created(entry: Entry) -> Response {
    let location = HeaderValue::try_from(format!("{PATH}/{}", entry.id)).ok();
    let mut response = reply::changed(entry.version, EntryBody::from(entry));
    *response.status_mut() = StatusCode::CREATED;
    let location = location.map(|location| (LOCATION, location));
    response.headers_mut().extend(location);
    response
}

fn full() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "address_book_full",
        "The address book is full",
    )
    .detail(format!(
        "An address book has at most {MOST_ADDRESSES} addresses. Remove one first."
    ))
}
