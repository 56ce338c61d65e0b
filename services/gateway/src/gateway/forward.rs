//! Forwarding one request, once all may be said against it was said.

use access_token::{Caller, MaybeCaller, VerifyError};
use axum::extract::FromRequestParts as _;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Response, Version};
use hyper::body::Incoming;
use service_kit::error_chain;
use service_kit::http::{Problem, RequestId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

use super::Gateway;
use crate::body::{Download, Ending, Failure, UploadHandle};
use crate::headers::{self, Forwarding};
use crate::problems;
use crate::rate_limit::Key;
use crate::routes::{Access, Route};
use crate::upstream::{Busy, Exchange, SendError};

/// How long a client may pause within a body once the gateway drains.
const STALLED: Duration = Duration::from_secs(3);

impl Gateway {
    /// Checks a request against its route and forwards it.
    pub(super) async fn forward(
        &self,
        parts: &mut Parts,
        body: Option<UploadHandle>,
        route: &Route,
        number: usize,
        id: &RequestId,
        traceparent: &str,
    ) -> Result<Response<Download>, Problem> {
        headers::refuse_ambiguous(parts)?;
        check_sizes(parts, route)?;
        let client = headers::client(parts, self.trusted_hops);
        self.authorize(parts, route, number, Key::of(client))
            .await?;

        let forwarding = Forwarding::new(parts, client, self.trusted_hops, id, traceparent);
        let root = PathAndQuery::from_static("/");
        let exchange = Exchange {
            method: &parts.method,
            target: parts.uri.path_and_query().unwrap_or(&root),
            headers: &parts.headers,
            forwarding: &forwarding,
            body,
        };
        let upstream = self
            .upstreams
            .get(&route.upstream)
            .ok_or_else(problems::upstream_unavailable)?;
        let deadline = Instant::now() + route.timeout;
        let sent = tokio::select! {
            biased;
            sent = timeout_at(deadline, upstream.send(&exchange)) => sent.ok(),
            () = self.stalls_at_the_end(exchange.body.as_ref()) => None,
        };
        // What the client did wrong meanwhile explains whatever the service made of it.
        let failure = exchange.body.as_ref().and_then(UploadHandle::failure);
        match (sent, failure) {
            (Some(Ok((response, busy))), _) => {
                Ok(self.passed_back(response, busy, route, deadline))
            }
            (_, Some(Failure::TooLarge)) => Err(problems::payload_too_large(route.max_body_bytes)),
            (_, Some(Failure::Client)) => Err(problems::incomplete_body()),
            (Some(Err(error)), None) => Err(refused(&error, route)),
            (None, None) => Err(late(exchange.body.as_ref(), route)),
        }
    }

    /// Returns when the gateway drains and the client does not go on with its body: one byte now and then must not hold up
    /// the end.
    async fn stalls_at_the_end(&self, body: Option<&UploadHandle>) {
        match body {
            Some(body) => {
                self.draining.cancelled().await;
                body.stalls(STALLED).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Who calls, how often, and whether they may: 401, 429, 403.
    async fn authorize(
        &self,
        parts: &mut Parts,
        route: &Route,
        number: usize,
        address: Key,
    ) -> Result<(), Problem> {
        let caller = match route.access {
            Access::Public => None,
            _ => Some(self.caller(parts).await),
        };
        if let Some(limits) = &self.rate_limits {
            let key = match &caller {
                Some(Ok(caller)) => Key::User(caller.user_id),
                _ => address,
            };
            limits.count(number, key)?;
        }
        match caller {
            None => Ok(()),
            Some(Err(problem)) => Err(problem),
            Some(Ok(caller)) if route.access.allows(&caller) => Ok(()),
            Some(Ok(_)) => Err(Problem::insufficient_scope()),
        }
    }

    async fn caller(&self, parts: &mut Parts) -> Result<Arc<Caller>, Problem> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, &self.verifier).await?;
        caller.ok_or_else(|| VerifyError::Missing.into())
    }

    fn passed_back(
        &self,
        response: Response<Incoming>,
        busy: Busy,
        route: &Route,
        deadline: Instant,
    ) -> Response<Download> {
        let (mut parts, body) = response.into_parts();
        headers::strip_reply(&mut parts.headers);
        parts.version = Version::HTTP_11;
        let ending = if route.streaming {
            Ending::Drain(self.draining.clone())
        } else {
            Ending::Deadline(deadline)
        };
        Response::from_parts(parts, Download::forwarded(body, ending, busy))
    }
}

fn check_sizes(parts: &Parts, route: &Route) -> Result<(), Problem> {
    if headers::size(&parts.headers) > route.max_header_bytes {
        return Err(problems::headers_too_large(route.max_header_bytes));
    }
    // A body that says its size is refused before any of it is read.
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let too_large = length
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > route.max_body_bytes);
    if too_large {
        return Err(problems::payload_too_large(route.max_body_bytes));
    }
    Ok(())
}

fn refused(error: &SendError, route: &Route) -> Problem {
    let (upstream, cause) = (&route.upstream, error_chain(error));
    match error {
        SendError::Unavailable(_) => {
            tracing::warn!(upstream, error = cause, "a service is not available");
            problems::upstream_unavailable()
        }
        SendError::Broken(_) => {
            tracing::error!(upstream, error = cause, "a service broke off");
            problems::upstream_failed()
        }
    }
}

fn late(body: Option<&UploadHandle>, route: &Route) -> Problem {
    if body.is_some_and(|body| !body.has_ended()) {
        return problems::request_timeout();
    }
    let upstream = &route.upstream;
    tracing::error!(upstream, "a service did not answer in time");
    problems::upstream_timeout()
}
