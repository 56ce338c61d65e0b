//! JSON bodies, in and out.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path as ErrorPath, Segment};

use crate::http::headers::single_header;
use crate::http::unique::Unique;
use crate::http::{MAX_BODY, Problem};

/// How long a body may take to arrive: a client that sends a byte now and then must not hold a connection for days.
const PATIENCE: Duration = Duration::from_mins(1);
/// The most characters of a message that repeats what the client sent.
const MAX_MESSAGE: usize = 200;

/// A JSON body. As an argument it refuses another content type (415), a body over 1 MiB (413), what is not JSON (400) and
/// what does not fit the type (422 with a pointer to the field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        require_json(request.headers())?;
        let bytes = tokio::time::timeout(PATIENCE, Bytes::from_request(request, state))
            .await
            .map_err(|_| too_slow())?
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                _ => malformed("the body ended early"),
            })?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => (
                [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                bytes,
            )
                .into_response(),
            Err(error) => {
                tracing::error!(%error, "a reply could not be written as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = single_header(headers, &CONTENT_TYPE)?
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body must be JSON",
    )
    .detail("Send Content-Type: application/json."))
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "The body is too large",
    )
    .detail(format!("At most {MAX_BODY} bytes are accepted."))
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The body took too long to arrive",
    )
    .detail(format!("Send it within {} seconds.", PATIENCE.as_secs()))
}

fn malformed(why: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        "The body is not JSON",
    )
    .detail(why)
}

/// Reads a value; trailing text and doubled keys are refused, unknown fields by the types.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read::<Unique>(bytes)?;
    read(bytes)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| explain(error.path(), error.inner()))?;
    deserializer
        .end()
        .map_err(|error| malformed(&error.to_string()))?;
    Ok(value)
}

fn explain(path: &ErrorPath, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return malformed(&text);
    }
    // serde_json appends the position, which the pointer says better.
    let message = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(message, _)| message);
    let mut pointer = pointer(path);
    let code = code(message);
    let shown = shown(message);
    if let ("unknown_field" | "missing_field" | "duplicate_field", Some(field)) =
        (code, between_backticks(message))
        && !pointer.ends_with(&format!("/{}", escape(field)))
    {
        pointer.push('/');
        pointer.push_str(&escape(field));
    }
    let pointer: String = pointer.chars().take(MAX_MESSAGE).collect();
    Problem::invalid_request().field(pointer, code, shown)
}

/// In the words of JSON instead of those of Rust, and short even if what the client sent was not.
fn shown(message: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected a sequence", "expected an array"),
        ("expected a map", "expected an object"),
        ("expected struct ", "expected an object: "),
        ("invalid type: sequence", "invalid type: array"),
        ("invalid type: map", "invalid type: object"),
        ("invalid type: unit value", "invalid type: null"),
    ];
    const NUMBERS: [&str; 8] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"];
    let mut text: String = message.chars().take(MAX_MESSAGE).collect();
    for (from, to) in WORDS {
        text = text.replace(from, to);
    }
    if let Some((said, "expected", kind)) = text.rsplit_once(' ').and_then(|(start, kind)| {
        start
            .rsplit_once(' ')
            .map(|(said, word)| (said, word, kind))
    }) && NUMBERS.contains(&kind)
    {
        text = format!("{said} expected a whole number");
    }
    text
}

fn code(message: &str) -> &'static str {
    const KINDS: [(&str, &str); 6] = [
        ("unknown field", "unknown_field"),
        ("missing field", "missing_field"),
        ("duplicate field", "duplicate_field"),
        ("invalid type", "invalid_type"),
        ("unknown variant", "invalid_value"),
        ("invalid length", "invalid_length"),
    ];
    KINDS
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map_or("invalid_value", |(_, code)| code)
}

fn between_backticks(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

fn pointer(path: &ErrorPath) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// RFC 6901, section 3.
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        sku: contracts::Sku,
        quantity: contracts::Quantity,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        items: Vec<Item>,
    }

    #[track_caller]
    fn refused(body: &str) -> (u16, &'static str, Vec<FieldError>) {
        let problem = parse::<Order>(body.as_bytes()).unwrap_err();
        (
            problem.status().as_u16(),
            problem.code(),
            problem.errors().to_vec(),
        )
    }

    use crate::http::FieldError;

    fn field(pointer: &str, code: &'static str, message: &str) -> Vec<FieldError> {
        vec![FieldError {
            pointer: pointer.to_owned(),
            code: code.into(),
            message: message.to_owned(),
        }]
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"items\":[]} x", "nope", "{\"items\":[],}"] {
            let (status, code, _) = refused(body);
            assert_eq!((status, code), (400, "malformed_json"), "{body}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_pointer_to_the_field() {
        for (body, pointer, code, message) in [
            (
                r#"{"items":[{"sku":"A","quantity":1,"note~/":1}]}"#,
                "/items/0/note~0~1",
                "unknown_field",
                "unknown field `note~/`, expected `sku` or `quantity`",
            ),
            (
                r#"{"items":[{"sku":"A"}]}"#,
                "/items/0/quantity",
                "missing_field",
                "missing field `quantity`",
            ),
            (
                r#"{"items":[{"sku":"A","quantity":"1"}]}"#,
                "/items/0/quantity",
                "invalid_type",
                "invalid type: string \"1\", expected a whole number",
            ),
            (
                r#"{"items":[{"sku":"A","quantity":-1}]}"#,
                "/items/0/quantity",
                "invalid_value",
                "a quantity is a whole number from 1 to 1000000",
            ),
            (
                r#"{"items":[],"items":[]}"#,
                "/items",
                "duplicate_field",
                "duplicate field `items`",
            ),
        ] {
            assert_eq!(
                refused(body),
                (422, "invalid_request", field(pointer, code, message)),
                "{body}"
            );
        }
    }

    #[test]
    fn a_doubled_key_is_refused_in_a_map_too() {
        for (body, pointer) in [
            (r#"{"a":{"b":[{"c":1,"d":2,"\u0063":3}]}}"#, "/a/b/0/c"),
            (r#"{"a":1,"a":1}"#, "/a"),
        ] {
            let problem = parse::<serde_json::Value>(body.as_bytes()).unwrap_err();
            let message = format!("duplicate field `{}`", &pointer[pointer.len() - 1..]);
            assert_eq!(
                problem.errors(),
                field(pointer, "duplicate_field", &message),
                "{body}"
            );
        }
        let fine = r#"{"a":{"b":null,"c":[true,-1,1.5,"x"]},"b":{"a":1}}"#;
        assert!(parse::<serde_json::Value>(fine.as_bytes()).is_ok());
    }

    #[test]
    fn a_message_speaks_of_json_and_does_not_repeat_a_whole_body() {
        for (said, message) in [
            (
                "invalid type: map, expected a sequence",
                "invalid type: object, expected an array",
            ),
            (
                "invalid type: null, expected struct Item",
                "invalid type: null, expected an object: Item",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "invalid value: integer `-1`, expected a whole number",
            ),
            ("a domain's own words u32", "a domain's own words u32"),
        ] {
            assert_eq!(shown(said), message);
        }
        let body = format!("{{\"{}\":1}}", "x".repeat(10_000));
        let problem = parse::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.errors()[0].message.len(), MAX_MESSAGE);
    }

    #[test]
    fn nesting_without_end_is_refused_and_does_not_overflow_the_stack() {
        let deep = "[".repeat(100_000);
        let error = parse::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "malformed_json");
    }
}
