//! The services behind the gateway, and the connections to them.

mod connection;
mod http1;
mod http2;
mod tasks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use service_kit::Lifecycle;

pub(crate) use self::connection::Busy;
use self::http1::Http1;
use self::http2::Http2;
use crate::body::{Upload, UploadHandle};
use crate::headers::Forwarding;
use crate::settings::{InvalidSetting, PoolSettings, Protocol, Settings, UpstreamSettings};

/// How often a request is sent until a service takes it: each time it was provably not processed.
const ATTEMPTS: u32 = 3;

/// Why a service did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It cannot be reached, or takes no requests; the request was not processed.
    #[error("the service cannot be reached")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// It broke off; nobody knows what became of the request.
    #[error("the service broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One attempt that failed.
pub(crate) enum Attempt {
    /// The request was not processed: it may be sent again.
    Unprocessed(hyper::Error),
    /// The end of it.
    Failed(SendError),
}

/// What is sent, as often as needed.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: &'a PathAndQuery,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) forwarding: &'a Forwarding,
    pub(crate) body: Option<UploadHandle>,
}

/// A service.
pub(crate) struct Upstream {
    authority: Authority,
    host: HeaderValue,
    /// Its admin port; empty: not watched.
    pub(crate) admin_url: String,
    pool: Pool,
}

enum Pool {
    Http1(Http1),
    Http2(Http2),
}

/// All services by name.
pub(crate) type Upstreams = BTreeMap<String, Arc<Upstream>>;

/// The services that the settings name.
pub(crate) fn all(settings: &Settings, lifecycle: &Lifecycle) -> Result<Upstreams, InvalidSetting> {
    let made = settings.upstreams.iter().map(|(name, upstream)| {
        Upstream::new(name, upstream, settings.pool, lifecycle)
            .map(|upstream| (name.clone(), Arc::new(upstream)))
    });
    made.collect()
}

impl Upstream {
    fn new(
        name: &str,
        settings: &UpstreamSettings,
        pool: PoolSettings,
        lifecycle: &Lifecycle,
    ) -> Result<Self, InvalidSetting> {
        let wrong = |key: &str| {
            InvalidSetting::new(
                format!("upstreams.{name}.{key}"),
                "must be an address such as http://127.0.0.1:3001, without a path",
            )
        };
        let authority = authority(&settings.url).ok_or_else(|| wrong("url"))?;
        if !settings.admin_url.is_empty() && self::authority(&settings.admin_url).is_none() {
            return Err(wrong("admin_url"));
        }
        let pool = match settings.protocol {
            Protocol::Http1 => Pool::Http1(Http1::new(pool, lifecycle)),
            Protocol::H2c => Pool::Http2(Http2::new(authority.clone(), pool, lifecycle)),
        };
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("url"))?,
            authority,
            admin_url: settings.admin_url.trim_end_matches('/').to_owned(),
            pool,
        })
    }

    /// Sends a request until the service has taken it, and returns the beginning of its reply.
    pub(crate) async fn send(
        &self,
        exchange: &Exchange<'_>,
    ) -> Result<(Response<Incoming>, Busy), SendError> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let again = exchange.body.as_ref().is_none_or(UploadHandle::is_complete);
            if !again {
                break;
            }
            let request = self.request(exchange);
            let attempt = match &self.pool {
                Pool::Http1(pool) => pool.send(request).await,
                Pool::Http2(pool) => pool.send(request).await,
            };
            match attempt {
                Ok(answered) => return Ok(answered),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Unprocessed(error)) => last = Some(error),
            }
        }
        Err(SendError::Unavailable(last.map(Into::into)))
    }

    fn request(&self, exchange: &Exchange<'_>) -> Request<Upload> {
        let mut request = Request::new(Upload::from_start(exchange.body.as_ref()));
        *request.method_mut() = exchange.method.clone();
        *request.headers_mut() = exchange.forwarding.headers(exchange.headers);
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(exchange.target.clone());
        // All three parts are there, so this cannot fail.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        if let Pool::Http1(_) = self.pool {
            let host = self.host.clone();
            request.headers_mut().insert(http::header::HOST, host);
        }
        request
    }
}

fn authority(url: &str) -> Option<Authority> {
    let uri: Uri = url.parse().ok()?;
    let plain = uri.scheme() == Some(&Scheme::HTTP)
        && matches!(
            uri.path_and_query().map(PathAndQuery::as_str),
            None | Some("/")
        );
    let authority = uri.into_parts().authority?;
    (plain && !authority.as_str().contains('@')).then_some(authority)
}

/// The time to wait for a connection.
fn connect_timeout(pool: PoolSettings) -> Duration {
    Duration::from_millis(pool.connect_timeout_ms)
}
