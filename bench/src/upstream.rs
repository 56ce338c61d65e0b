//! What stands behind a gateway while the gateway is measured: it answers every call of the API with one kilobyte.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

static BODY: [u8; 1024] = [b'x'; 1024];

/// A running upstream, over HTTP/1.1 and HTTP/2 with prior knowledge. It ends when dropped.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Upstream {
    /// Starts it on a free port of this machine.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener));
        Ok(Self {
            address,
            _serving: serving,
        })
    }
}

async fn accept(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    // Without it small replies would wait for acknowledgements, and the gateway would be blamed; a client that is gone
    // already shows below.
    let _ = stream.set_nodelay(true);
    let server = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is the load's to complain of.
    let _ = server
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.uri().path().starts_with("/api/") {
        *response.body_mut() = Full::from(Bytes::from_static(&BODY));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}
