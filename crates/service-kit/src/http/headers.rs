//! Headers that must not be ambiguous.

use http::{HeaderMap, HeaderName, StatusCode};

use crate::http::Problem;

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
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "duplicate_header",
            "A header came more than once",
        )
        .detail(format!("Send {name} once.")));
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
