//! Entity tags (RFC 9110, section 8.8.3): an object's version, quoted.

use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::http::headers::single_header;
use crate::http::{Json, Problem};

/// A strong entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of an object's version.
    #[must_use]
    pub fn of_version(version: u64) -> Self {
        Self(format!("\"{version}\""))
    }

    /// A tag made of other text: visible ASCII without quotes.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self(format!("\"{text}\""))
    }

    /// As the header carries it, with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a header value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

/// Whether the client has this representation already.
#[must_use]
pub fn none_match(headers: &HeaderMap, tag: &ETag) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|sent| sent == "*" || sent.strip_prefix("W/").unwrap_or(sent) == tag.as_str())
}

/// The version the client saw, from the `If-Match` it has to send: 428 without; 412 for what no version can match.
pub fn if_match_version(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let value = single_header(headers, &IF_MATCH)?
        .ok_or_else(Problem::precondition_required)?
        .trim();
    if value == "*" {
        return Ok(IfMatch::Any);
    }
    if !value.contains('"') {
        return Err(Problem::precondition_failed().detail(
            "If-Match is not an ETag: send it exactly as it came, with its quotes, such as If-Match: \"3\".",
        ));
    }
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|text| text.split('-').next())
        .and_then(|text| text.parse().ok())
        .map(IfMatch::Version)
        .ok_or_else(Problem::precondition_failed)
}

/// What `If-Match` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Any,
    /// This version only.
    Version(u64),
}

impl IfMatch {
    /// Whether an object at this version may be changed.
    #[must_use]
    pub fn matches(self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Version(wanted) => wanted == version,
        }
    }
}

/// Refuses a change unless `If-Match` names this version.
pub fn require_if_match(headers: &HeaderMap, version: u64) -> Result<(), Problem> {
    if if_match_version(headers)?.matches(version) {
        Ok(())
    } else {
        Err(Problem::precondition_failed())
    }
}

/// The object with its tag, or 304 if the client has it.
pub fn json_with_etag<T: Serialize>(value: T, tag: &ETag, headers: &HeaderMap) -> Response {
    if none_match(headers, tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag.header())]).into_response();
    }
    ([(ETAG, tag.header())], Json(value)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_change_needs_the_version_it_was_made_from() {
        assert_eq!(
            require_if_match(&HeaderMap::new(), 3).map_err(|p| p.status().as_u16()),
            Err(428)
        );
        for (value, result) in [
            ("\"3\"", Ok(())),
            ("\"3-true\"", Ok(())),
            ("*", Ok(())),
            ("\"2\"", Err(412)),
            ("W/\"3\"", Err(412)),
            ("3", Err(412)),
        ] {
            assert_eq!(
                require_if_match(&headers(IF_MATCH, value), 3).map_err(|p| p.status().as_u16()),
                result,
                "{value}"
            );
        }
    }

    #[test]
    fn a_representation_the_client_has_is_not_sent_again() {
        let tag = ETag::of_version(3);
        for (value, has) in [
            ("\"3\"", true),
            ("W/\"3\"", true),
            ("\"1\", \"3\"", true),
            ("*", true),
            ("\"4\"", false),
        ] {
            assert_eq!(
                none_match(&headers(IF_NONE_MATCH, value), &tag),
                has,
                "{value}"
            );
        }
    }
}
