//! A service on free ports, and clients that see every byte.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use contracts::SystemClock;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use service_kit::{
    App, Health, HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime,
    http::standard_layers,
};
use tokio::net::TcpStream;

pub struct Service {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub lifecycle: Lifecycle,
    pub health: Health,
    pub running: Running,
}

/// Starts a service whose routes may use its lifecycle.
pub async fn start(
    http: HttpSettings,
    shutdown: LifecycleSettings,
    routes: impl FnOnce(&Lifecycle) -> Router,
) -> Service {
    let runtime = Runtime {
        clock: Arc::new(SystemClock),
        lifecycle: Lifecycle::new("test", shutdown),
        metrics: Metrics::install(),
    };
    let health = Health::new(&runtime.lifecycle, "0.0.0");
    let layered = standard_layers(routes(&runtime.lifecycle), "test");
    let app = App::bind(&runtime, &http, layered, &health).await.unwrap();
    Service {
        address: app.address(),
        admin: app.admin_address(),
        lifecycle: runtime.lifecycle,
        health,
        running: app.start(),
    }
}

/// Lets go of idle connections after a second.
pub fn impatient() -> HttpSettings {
    HttpSettings {
        header_timeout_s: 1,
        ..HttpSettings::default()
    }
}

/// An HTTP/1.1 connection that is kept alive.
pub struct Client(http1::SendRequest<Empty<Bytes>>);

impl Client {
    pub async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request and reads the whole reply.
    pub async fn get(&mut self, path: &str) -> hyper::Result<http::Response<String>> {
        let request = http::Request::get(path)
            .header("host", "test")
            .body(Empty::new())
            .unwrap();
        // The connection's task may not have seen the end of the last reply yet.
        self.0.ready().await?;
        let (parts, body) = self.0.send_request(request).await?.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(http::Response::from_parts(
            parts,
            String::from_utf8_lossy(&bytes).into_owned(),
        ))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the other end of a connection outlives the service under test"
)]
pub fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(work)
}
