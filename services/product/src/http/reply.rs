//! Replies that several endpoints give.

use access_token::Caller;
use axum::response::{IntoResponse as _, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use service_kit::error_chain;
use service_kit::http::idempotency::{self, IdempotencyKey};
use service_kit::http::{Json, Problem};

use super::representation::{ProductBody, tag};
use crate::store::{Listed, Once, Retry};

/// A product with its tag.
pub(super) fn product(listed: Listed) -> Response {
    let tag = tag(&listed);
    ([(ETAG, tag.header())], Json(ProductBody::from(listed))).into_response()
}

/// 201 for what a command under a retry key came to.
pub(super) fn created<T>(
    once: Once<T>,
    location: impl Fn(&T) -> String,
    reply: impl Fn(T) -> Response,
) -> Result<Response, Problem> {
    let (object, replayed) = match once {
        Once::Done(object) => (object, false),
        Once::Replayed(object) => (object, true),
        Once::KeyReused => return Err(idempotency::reused()),
    };
    let location = HeaderValue::try_from(location(&object)).ok();
    let mut response = reply(object);
    *response.status_mut() = StatusCode::CREATED;
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    if replayed {
        let (name, value) = idempotency::replayed();
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The retry key of a request, with what tells it from another request.
pub(super) fn retry(
    caller: &Caller,
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
        caller: caller.user_id,
        key: key.as_str().to_owned(),
        fingerprint,
    })
}
