//! What every service puts around its routes.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::StatusCode;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::Instrument as _;

use crate::http::request_id;
use crate::http::{Problem, RequestId, refuse_duplicates};
use crate::trace_context;

/// The largest body, in bytes: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;
/// How long a client may pause while it sends a body.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// Request ids, trace context, metrics, a body limit, no ambiguous headers, and problems for what no handler answers: an unknown path, a wrong
/// method, a panic.
pub fn standard_layers(router: Router, service: &'static str) -> Router {
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not have that method",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(from_fn_with_state(service, observe))
}

async fn observe(
    State(service): State<&'static str>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".into(), |matched| matched.as_str().to_owned());

    let span = tracing::info_span!("request", service, %method, route, request_id = id.as_str());
    let traceparent = trace_context::enter(&span, trace_context::sent(request.headers()));
    let work = trace_context::scope(traceparent, answer(request, next));
    let response = AssertUnwindSafe(work)
        .catch_unwind()
        .instrument(span.clone())
        .await
        .unwrap_or_else(|_| {
            span.in_scope(|| tracing::error!("a handler panicked"));
            Problem::internal().into_response()
        });
    let response = finish(response, &path, &id);
    let elapsed = started.elapsed();
    span.in_scope(|| log(response.status(), elapsed));
    measure(
        service,
        method_label(&method),
        route,
        response.status(),
        elapsed,
    );
    response
}

async fn answer(request: Request, next: Next) -> Response {
    match refuse_duplicates(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn log(status: StatusCode, elapsed: Duration) {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::error!(
            status = status.as_u16(),
            milliseconds,
            "a request was not carried out"
        );
    } else {
        tracing::debug!(status = status.as_u16(), milliseconds, "answered");
    }
}

fn measure(
    service: &'static str,
    method: &'static str,
    route: String,
    status: StatusCode,
    elapsed: Duration,
) {
    metrics::histogram!("shop_http_request_seconds", "service" => service, "method" => method, "route" => route.clone())
        .record(elapsed.as_secs_f64());
    metrics::counter!("shop_http_requests_total", "service" => service, "method" => method, "route" => route,
        "status" => status.as_str().to_owned())
    .increment(1);
}

/// Gives a problem its path and request id, and every reply its request id.
fn finish(mut response: Response, path: &str, id: &RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = response.headers().clone();
        response = problem.into_response_for(path, Some(id.as_str()));
        for (name, value) in &headers {
            if !response.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
    }
    response
        .headers_mut()
        .insert(request_id::HEADER, id.header().clone());
    response
}

/// A client may send any word as a method; metrics must not have a series for each.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::{get, post};
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::Json;

    fn router() -> Router {
        let router = Router::new()
            .route("/ok", get(async || "ok"))
            .route("/panic", get(async || -> &'static str { panic!("a bug") }))
            .route("/echo", post(async |Json(value): Json<Value>| Json(value)));
        standard_layers(router, "test")
    }

    async fn send(request: http::request::Builder, body: Body) -> (u16, http::HeaderMap, Value) {
        let response = router().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (
            parts.status.as_u16(),
            parts.headers,
            serde_json::from_slice(&bytes).unwrap_or_default(),
        )
    }

    #[tokio::test]
    async fn an_unknown_path_is_a_problem_with_the_path_and_the_request_id() {
        let request = http::Request::get("/nowhere").header("x-request-id", "abc");
        let (status, headers, body) = send(request, Body::empty()).await;
        assert_eq!(
            body,
            json!({"type": "/problems/not_found", "title": "Not found", "status": 404,
                "code": "not_found", "instance": "/nowhere", "request_id": "abc"})
        );
        assert_eq!(status, 404);
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["x-request-id"], "abc");
    }

    #[tokio::test]
    async fn a_wrong_method_is_a_problem_that_lists_the_right_ones() {
        let (status, headers, body) = send(http::Request::post("/ok"), Body::empty()).await;
        assert_eq!((status, &body["code"]), (405, &json!("method_not_allowed")));
        assert_eq!(headers["allow"], "GET,HEAD");
    }

    #[tokio::test]
    async fn a_header_that_decides_something_must_not_come_twice() {
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "x-request-id",
        ] {
            let request = http::Request::get("/ok")
                .header(name, "a")
                .header(name, "a");
            let (status, headers, body) = send(request, Body::empty()).await;
            assert_eq!(
                (status, &body["code"], &body["detail"]),
                (
                    400,
                    &json!("duplicate_header"),
                    &json!(format!("Send {name} once."))
                ),
            );
            assert_eq!(
                headers["x-request-id"],
                body["request_id"].as_str().unwrap()
            );
        }
        let request = http::Request::get("/ok")
            .header("accept", "a")
            .header("accept", "b");
        assert_eq!(
            send(request, Body::empty()).await.0,
            200,
            "a list may be split"
        );
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_says_nothing_of_the_inside() {
        let (status, _, body) = send(http::Request::get("/panic"), Body::empty()).await;
        assert_eq!((status, &body["code"]), (500, &json!("internal_error")));
        assert!(!body.to_string().contains("bug"), "{body}");
    }

    #[tokio::test]
    async fn a_body_over_one_mebibyte_and_one_of_another_type_are_refused() {
        let request = http::Request::post("/echo").header("content-type", "application/json");
        let (status, _, body) = send(request, Body::from(vec![b' '; 2 * MAX_BODY])).await;
        assert_eq!((status, &body["code"]), (413, &json!("payload_too_large")));
        let request = http::Request::post("/echo").header("content-type", "text/plain");
        let (status, _, body) = send(request, Body::from("{}")).await;
        assert_eq!(
            (status, &body["code"]),
            (415, &json!("unsupported_media_type"))
        );
    }
}
