//! Headers that must not be ambiguous.

use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::http::{Problem, idempotency, request_id};

/// What may come once at most, whether or not a handler reads it.
const SINGLE: [HeaderName; 5] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    IF_MATCH,
    idempotency::HEADER,
    request_id::HEADER,
];

/// Refuses a request in which a header that decides something came twice: 400 `duplicate_header`.
pub fn refuse_duplicates(headers: &HeaderMap) -> Result<(), Problem> {
    // Nearly every request ends here: no header at all came twice.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    SINGLE
        .iter()
        .find(|name| headers.get_all(*name).iter().nth(1).is_some())
        .map_or(Ok(()), |name| Err(duplicate(name)))
}

/// The text of a header that may come once at most: two values would let two readers see two requests.
pub fn single_header<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(duplicate(name));
    }
    value.to_str().map(Some).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            "A header is not plain text",
        )
        .detail(format!("{name} has bytes other than visible ASCII."))
    })
}

fn duplicate(name: &HeaderName) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "duplicate_header",
        "A header came more than once",
    )
    .detail(format!("Send {name} once."))
}
