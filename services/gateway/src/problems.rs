//! The gateway's own errors, and problems as replies.

use std::time::Duration;

use http::header::{ALLOW, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use service_kit::http::{Problem, RequestId};

use crate::body::Download;

/// How soon a client may ask for a service that is away.
const AWAY: Duration = Duration::from_secs(1);

pub(crate) fn invalid_path() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_path",
        "The path can be read in more than one way",
    )
    .detail("Send no empty or dotted segments, backslashes or semicolons, and encode nothing that needs no encoding.")
}

pub(crate) fn route_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "route_not_found",
        "There is nothing at this path",
    )
}

pub(crate) fn method_not_allowed(allow: Option<&HeaderValue>) -> Problem {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path does not have that method",
    );
    let allow = allow
        .cloned()
        .unwrap_or(HeaderValue::from_static("GET, HEAD"));
    problem.header(ALLOW, allow)
}

pub(crate) fn uri_too_long(limit: usize) -> Problem {
    Problem::new(
        StatusCode::URI_TOO_LONG,
        "uri_too_long",
        "The address is longer than allowed",
    )
    .detail(format!("Path and query are at most {limit} bytes."))
}

pub(crate) fn headers_too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        "The headers are larger than allowed",
    )
    .detail(format!("Send at most {limit} bytes of headers here."))
}

pub(crate) fn payload_too_large(limit: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "The body is larger than allowed",
    )
    .detail(format!("Send at most {limit} bytes here."))
}

pub(crate) fn incomplete_body() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "incomplete_body",
        "The body did not arrive completely",
    )
}

pub(crate) fn request_timeout() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The body did not arrive in time",
    )
}

pub(crate) fn upstream_timeout() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "upstream_timeout",
        "The service did not answer in time",
    )
    .detail("Whether it carried the request out is not known. With an Idempotency-Key it is safe to send it again.")
}

pub(crate) fn upstream_failed() -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "upstream_failed",
        "The service broke off",
    )
    .detail("Whether it carried the request out is not known. With an Idempotency-Key it is safe to send it again.")
}

pub(crate) fn upstream_unavailable() -> Problem {
    Problem::unavailable(
        "upstream_unavailable",
        "The service is not available at the moment",
        AWAY,
    )
    .detail("The request was not carried out. Send it again later.")
}

/// A problem as a reply.
pub(crate) async fn reply(problem: Problem, path: &str, id: &RequestId) -> Response<Download> {
    let (parts, body) = problem
        .into_response_for(path, Some(id.as_str()))
        .into_parts();
    // The body is in memory, so this neither waits nor fails.
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    Response::from_parts(parts, Download::own(bytes.unwrap_or_default()))
}
