//! Replies that several endpoints give, and what they need of requests.

use axum::response::{IntoResponse as _, Response};
use contracts::Timestamp;
use http::header::{CACHE_CONTROL, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method};
use serde::Serialize;
use service_kit::error_chain;
use service_kit::http::etag::{ETag, IfMatch, if_match_version};
use service_kit::http::idempotency::{self, IdempotencyKey};
use service_kit::http::{Json, Problem};
use utoipa::ToSchema;

use super::Api;
use crate::domain::RefreshToken;
use crate::store::{Identity, Retry};

/// What somebody signed in with, and carries on with.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(super) struct TokenPair {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: i64,
    /// For one refresh.
    refresh_token: String,
}

/// A pair of tokens, which no cache may keep (RFC 6749, section 5.1).
pub(super) fn tokens(
    api: &Api,
    identity: Identity,
    refresh_token: &RefreshToken,
    now: Timestamp,
) -> Result<Response, Problem> {
    let access_token = api.tokens.access_token(identity, now)?;
    let pair = TokenPair {
        access_token: access_token.text,
        token_type: "Bearer",
        expires_in: access_token.expires_in,
        refresh_token: refresh_token.expose().to_owned(),
    };
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store], Json(pair)).into_response())
}

/// An object after a change, with its version as `ETag`.
pub(super) fn changed(version: u64, body: impl Serialize) -> Response {
    ([(ETAG, ETag::of_version(version).header())], Json(body)).into_response()
}

/// What a client's own objects are changed by: `If-Match` counts if it is sent.
pub(super) fn optional_if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    if headers.contains_key(IF_MATCH) {
        if_match_version(headers)
    } else {
        Ok(IfMatch::Any)
    }
}

/// The retry key of a request, with what tells it from another one.
pub(super) fn retry(
    key: &IdempotencyKey,
    path: &str,
    body: &impl Serialize,
) -> Result<Retry, Problem> {
    let fingerprint = idempotency::fingerprint(&Method::POST, path, body).map_err(|error| {
        tracing::error!(
            error = error_chain(&error),
            "a request cannot be told from others"
        );
        Problem::internal()
    })?;
    Ok(Retry {
        key: key.as_str().to_owned(),
        fingerprint,
    })
}
