//! `GET /.well-known/jwks.json`.

use std::sync::Arc;

use access_token::Jwks;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use service_kit::http::etag::{ETag, none_match};
use sha2::{Digest as _, Sha256};

use super::Api;

/// How long caches may keep it: as long as a verifier waits before it reads it again.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The public keys as they are served; they change with a restart only.
#[derive(Clone)]
pub(crate) struct KeySetDocument {
    text: Arc<str>,
    tag: ETag,
}

impl KeySetDocument {
    pub(crate) fn of(keys: &Jwks) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(keys)?;
        let digest = Sha256::digest(&text);
        let start = digest.iter().take(8);
        let tag = start.fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"));
        Ok(Self {
            text: text.into(),
            tag: ETag::of_text(&tag),
        })
    }
}

/// Read the public keys of access tokens
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "sign-in",
    operation_id = "readKeySet",
    params(("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Object, description = "A JSON Web Key Set (RFC 7517)", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "Not changed since"),
    )
)]
pub(super) async fn key_set(State(api): State<Api>, headers: HeaderMap) -> Response {
    let document = api.key_set;
    let cached = [(ETAG, document.tag.header()), (CACHE_CONTROL, CACHE)];
    if none_match(&headers, &document.tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (cached, json, document.text.to_string()).into_response()
}
