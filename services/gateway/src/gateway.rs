//! What happens to a request: route, request id and trace, limits, token, authorization, forwarding.

mod forward;

use std::sync::Arc;
use std::time::Instant;

use access_token::Verifier;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use service_kit::http::{Problem, RequestId, request_id};
use service_kit::trace_context;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::body::{Download, UploadHandle};
use crate::cors::Cors;
use crate::headers;
use crate::local::{Local, Page};
use crate::observe::{Observer, Went};
use crate::problems;
use crate::rate_limit::RateLimits;
use crate::routes::{Found, MethodName, RESERVED, Route, RouteTable, path};
use crate::upstream::Upstreams;

/// Headers of every reply, unless the service set its own: browsers are to take a reply for what it says it is, and for
/// nothing that runs.
const SECURITY: [(HeaderName, HeaderValue); 4] = [
    (
        http::header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        http::header::X_FRAME_OPTIONS,
        HeaderValue::from_static("DENY"),
    ),
    (
        http::header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        http::header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];
/// For clients that spoke TLS to a trusted proxy: a year of nothing else.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The longest path and query: what RFC 9110 (section 4.1) wants at least, with a little room. Services repeat it in `Link` headers and problems.
const LONGEST_URI: usize = 8 * 1024;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The gateway, wired.
pub(crate) struct Gateway {
    pub(crate) routes: Arc<RouteTable>,
    pub(crate) upstreams: Upstreams,
    pub(crate) verifier: Verifier,
    pub(crate) rate_limits: Option<RateLimits>,
    pub(crate) cors: Cors,
    pub(crate) local: Local,
    pub(crate) observer: Observer,
    pub(crate) trusted_hops: u8,
    pub(crate) draining: CancellationToken,
}

/// Where a request is to go.
enum Target<'a> {
    /// A page of the gateway's own.
    Page(Page<'a>),
    /// A service.
    Route(&'a Route, usize),
    /// A browser's question, answered.
    Preflight(Response<Download>),
}

impl Gateway {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Download> {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        let id = RequestId::of(&parts.headers);
        let method = MethodName::of(&parts.method);
        let target = self.target(&parts, method);
        let went = match &target {
            Ok(Target::Route(_, number)) => Went::Route(*number),
            Ok(_) => Went::Own,
            Err(_) => Went::Nowhere,
        };
        let span = tracing::info_span!("request", service = "gateway", method = %parts.method,
            route = self.observer.label(went), request_id = id.as_str());
        let traceparent = trace_context::enter(&span, trace_context::sent(&parts.headers));
        let origin = self.cors.origin(&parts.headers);
        let secure = headers::is_https(&parts.headers, self.trusted_hops);
        let has_body = !body.is_end_stream();
        let work = async {
            let mut upload = None;
            let outcome = match target {
                Ok(Target::Route(route, number)) => {
                    upload = UploadHandle::new(body, route.max_body_bytes);
                    let body = upload.clone();
                    self.forward(&mut parts, body, route, number, &id, &traceparent)
                        .await
                }
                Ok(Target::Page(page)) => Ok(page.reply(&parts.headers)),
                Ok(Target::Preflight(reply)) => Ok(reply),
                Err(problem) => Err(problem),
            };
            let mut response = match outcome {
                Ok(response) => response,
                Err(problem) => problems::reply(problem, parts.uri.path(), &id).await,
            };
            self.finish(response.headers_mut(), &id, origin, secure);
            let unread = has_body && upload.is_none_or(|upload| !upload.has_ended());
            if unread && parts.version <= Version::HTTP_11 {
                // The rest of the body stands in the way of the next request: a client that does not know would send it to
                // a connection that is being closed.
                response.headers_mut().insert(CONNECTION, CLOSE);
            }
            self.observer
                .answered(went, method, response.status(), started.elapsed());
            response
        };
        work.instrument(span).await
    }

    fn target(&self, parts: &Parts, method: Option<MethodName>) -> Result<Target<'_>, Problem> {
        // Neither is ever forwarded: one makes a tunnel, the other shows what the services get.
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(problems::method_not_allowed(None));
        }
        let whole = parts.uri.path_and_query();
        if whole.is_some_and(|whole| whole.as_str().len() > LONGEST_URI) {
            return Err(problems::uri_too_long(LONGEST_URI));
        }
        let path = parts.uri.path();
        if !path::is_plain(path) {
            return Err(problems::invalid_path());
        }
        if let Some(page) = self.local.page(path) {
            return match parts.method {
                Method::GET | Method::HEAD => Ok(Target::Page(page)),
                _ => Err(problems::method_not_allowed(None)),
            };
        }
        if RESERVED.contains(&path) {
            return Err(problems::route_not_found());
        }
        match self.routes.find(method, path) {
            Found::Route(route, number) => Ok(Target::Route(route, number)),
            Found::Nothing => Err(problems::route_not_found()),
            Found::OtherMethods { methods, allow } => self
                .cors
                .preflight(&parts.method, &parts.headers, methods)
                .map(Target::Preflight)
                .ok_or_else(|| problems::method_not_allowed(allow)),
        }
    }

    fn finish(
        &self,
        reply: &mut HeaderMap,
        id: &RequestId,
        origin: Option<HeaderValue>,
        secure: bool,
    ) {
        for (name, value) in SECURITY {
            reply.entry(name).or_insert(value);
        }
        if secure {
            reply.insert(http::header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        self.cors.allow(reply, origin);
        reply.insert(request_id::HEADER, id.header().clone());
    }
}
