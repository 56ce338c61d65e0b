//! `Idempotency-Key`: the same request sent twice has one effect.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::http::Problem;
use crate::http::headers::single_header;

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells the client that the effect is that of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A client's name for one request: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of a request that must have one: 400 `idempotency_key_required` without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredKey(pub IdempotencyKey);

/// The key of a request that may have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalKey(pub Option<IdempotencyKey>);

fn read(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(text) = single_header(headers, &HEADER)? else {
        return Ok(None);
    };
    if (1..=255).contains(&text.len()) {
        return Ok(Some(IdempotencyKey(text.to_owned())));
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_idempotency_key",
        "The idempotency key is not valid",
    )
    .detail("Idempotency-Key is 1 to 255 visible ASCII characters."))
}

impl<S: Send + Sync> FromRequestParts<S> for OptionalKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        read(&parts.headers).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequiredKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        read(&parts.headers)?.map(Self).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_required",
                "This request needs an idempotency key",
            )
            .detail("Send Idempotency-Key: a random text of your own, the same for every retry of this request.")
        })
    }
}

/// Tells the same request from another one under the same key: a digest of method, path and body as it was understood, so
/// that white space and the order of fields do not matter.
pub fn fingerprint(
    method: &http::Method,
    path: &str,
    body: &impl Serialize,
) -> Result<String, serde_json::Error> {
    let mut digest = Sha256::new();
    digest.update(method.as_str());
    digest.update([0]);
    digest.update(path);
    digest.update([0]);
    digest.update(serde_json::to_vec(body)?);
    Ok(digest
        .finalize()
        .iter()
        .fold(String::new(), |mut hex, byte| {
            use std::fmt::Write as _;
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
}

/// 422 `idempotency_key_reused`.
#[must_use]
pub fn reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The idempotency key was used for another request",
    )
    .detail("Use a new key for a new request; send a retry exactly as it was sent first.")
}

/// The header pair that marks a replay.
#[must_use]
pub fn replayed() -> (HeaderName, HeaderValue) {
    (REPLAYED, HeaderValue::from_static("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_of_reasonable_length_is_accepted() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_str(value).unwrap());
            }
            read(&headers).map_err(|problem| problem.code())
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["k"]), Ok(Some(IdempotencyKey("k".to_owned()))));
        assert_eq!(with(&[""]), Err("invalid_idempotency_key"));
        assert_eq!(
            with(&["k".repeat(256).as_str()]),
            Err("invalid_idempotency_key")
        );
        assert_eq!(with(&["a", "b"]), Err("duplicate_header"));
    }

    #[test]
    fn a_fingerprint_differs_by_method_path_and_body() {
        let print =
            |method: &http::Method, path, body: i32| fingerprint(method, path, &body).unwrap();
        let post = http::Method::POST;
        assert_eq!(print(&post, "/a", 1), print(&post, "/a", 1));
        assert_ne!(print(&post, "/a", 1), print(&post, "/a", 2));
        assert_ne!(print(&post, "/a", 1), print(&post, "/b", 1));
        assert_ne!(print(&post, "/a", 1), print(&http::Method::PUT, "/a", 1));
    }
}
