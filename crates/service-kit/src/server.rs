//! The HTTP server: HTTP/1.1 and HTTP/2 with prior knowledge on one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONNECTION;
use ::http::{HeaderValue, Version};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::http::address::Peer;
use crate::lifecycle::Lifecycle;

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// The address to listen at.
    pub host: IpAddr,
    /// The port for requests; 0 takes a free one.
    pub port: u16,
    /// The address of the admin port; it must not be reachable from outside.
    pub admin_host: IpAddr,
    /// The port for health and metrics; 0 takes a free one.
    pub admin_port: u16,
    /// How many proxies in front of this service are trusted to tell the client's address.
    pub trusted_hops: u8,
    /// Connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Seconds a client may take for the head of a request, and an idle connection is kept.
    pub header_timeout_s: u64,
}

impl HttpSettings {
    /// The settings of a service at its usual port; the admin port is 6000 above.
    #[must_use]
    pub fn at_port(port: u16) -> Self {
        Self {
            port,
            admin_port: port.saturating_add(6000),
            ..Self::default()
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            admin_host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            admin_port: 0,
            trusted_hops: 0,
            max_connections: 10_000,
            header_timeout_s: 60,
        }
    }
}

/// A port cannot be listened at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "port {port} for {service} is taken; stop what listens there, or set {setting} to another port"
    )]
    Taken {
        /// The port.
        port: u16,
        /// The service that wanted it.
        service: &'static str,
        /// The setting that names it.
        setting: String,
    },
    /// Any other reason.
    #[error("{service} cannot listen at {address}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The service that wanted it.
        service: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Listens at an address; `setting` is the name of the port's setting, for the error.
pub async fn bind(
    service: &'static str,
    host: IpAddr,
    port: u16,
    setting: &str,
) -> Result<TcpListener, BindError> {
    let address = SocketAddr::new(host, port);
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            BindError::Taken {
                port,
                service,
                setting: setting.to_owned(),
            }
        } else {
            BindError::Other {
                address,
                service,
                source,
            }
        }
    })
}

/// How long idle connections stay open after draining began: a request that is on its way then is still answered.
const LINGER: Duration = Duration::from_millis(250);
/// How long to wait after the system refused to accept (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts and serves connections until the lifecycle drains; each connection is a task of it.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
) {
    let draining = lifecycle.token();
    let places = Arc::new(Semaphore::new(settings.max_connections));
    loop {
        let accepted = tokio::select! {
            () = draining.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let connection = connection(
                    stream,
                    peer,
                    router.clone(),
                    lifecycle.clone(),
                    Arc::clone(&settings),
                );
                lifecycle.spawn("connection", async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
) {
    let stopping = lifecycle.stopping();
    let service = service_fn(move |mut request: ::http::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let (router, stopping) = (router.clone(), stopping.clone());
        async move {
            let version = request.version();
            let mut response = router
                .oneshot(Request::from(request.map(Body::new)))
                .await?;
            if stopping.is_cancelled() && version <= Version::HTTP_11 {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });

    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_s))
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1_000)
        .max_header_list_size(64 * 1024)
        .adaptive_window(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);

    let draining = lifecycle.token();
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = async { draining.cancelled().await; tokio::time::sleep(LINGER).await } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
