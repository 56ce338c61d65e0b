//! Counts requests to the API server by verb and resource, as the API server itself names them in its rules and audit log.

use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use tower::{Layer, Service};

/// What a request asks for, in the words of RBAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Such as `list`.
    pub verb: &'static str,
    /// Such as `apps`; empty for the core group.
    pub group: String,
    /// Such as `deployments` or `shopplatforms/status`; the path of what is no resource.
    pub resource: String,
}

impl Asked {
    /// What a request asks for.
    #[must_use]
    pub fn of(method: &Method, uri: &http::Uri) -> Self {
        let parts: Vec<_> = uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => ("", [].as_slice()),
        };
        let rest = match rest {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        let (resource, has_name) = match rest {
            [] => (uri.path().to_owned(), true),
            [resource] => ((*resource).to_owned(), false),
            [resource, _] => ((*resource).to_owned(), true),
            [resource, _, below, ..] => (format!("{resource}/{below}"), true),
        };
        Self {
            verb: verb(method, uri.query().unwrap_or_default(), has_name),
            group: group.to_owned(),
            resource,
        }
    }
}

fn verb(method: &Method, query: &str, has_name: bool) -> &'static str {
    let is_watch = query
        .split('&')
        .any(|part| matches!(part, "watch=true" | "watch=1" | "watch"));
    match (method.as_str(), has_name) {
        ("GET", true) => "get",
        ("GET", false) if is_watch => "watch",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "other",
    }
}

/// Counts every request with its answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountRequests;

impl<S> Layer<S> for CountRequests {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting(inner)
    }
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counting<S>(S);

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = Asked::of(request.method(), request.uri());
        self.0
            .call(request)
            .inspect(move |answer| {
                let code = match answer {
                    Ok(response) => response.status().as_str().to_owned(),
                    Err(_) => "none".to_owned(),
                };
                crate::metrics::requested(&asked, code);
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_as_rbac_names_it() {
        for (method, uri, expected) in [
            (
                "GET",
                "/api/v1/pods?limit=500&labelSelector=a",
                ("list", "", "pods"),
            ),
            ("GET", "/api/v1/pods?watch=true&x=y", ("watch", "", "pods")),
            (
                "GET",
                "/api/v1/namespaces/shop/secrets/a",
                ("get", "", "secrets"),
            ),
            ("GET", "/api/v1/namespaces/shop", ("get", "", "namespaces")),
            (
                "POST",
                "/api/v1/namespaces/shop/secrets?",
                ("create", "", "secrets"),
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/shop/deployments/a?force=true",
                ("patch", "apps", "deployments"),
            ),
            (
                "PATCH",
                "/apis/shopplatform.io/v1alpha1/namespaces/shop/shopplatforms/a/status",
                ("patch", "shopplatform.io", "shopplatforms/status"),
            ),
            (
                "PUT",
                "/apis/coordination.k8s.io/v1/namespaces/shop/leases/a",
                ("update", "coordination.k8s.io", "leases"),
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/shop/jobs/a",
                ("delete", "batch", "jobs"),
            ),
            (
                "DELETE",
                "/apis/batch/v1/namespaces/shop/jobs",
                ("deletecollection", "batch", "jobs"),
            ),
            ("GET", "/version", ("get", "", "/version")),
        ] {
            let asked = Asked::of(&method.parse().unwrap(), &uri.parse().unwrap());
            let asked = (asked.verb, asked.group.as_str(), asked.resource.as_str());
            assert_eq!(asked, expected, "{method} {uri}");
        }
    }
}
