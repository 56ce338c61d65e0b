//! Services made for the tests. `fake` serves any router as our services do; the others misbehave on purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use contracts::SystemClock;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use service_kit::{
    App, Health, HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime,
};
use tokio::net::{TcpListener, TcpStream};

/// A service that runs until the test ends.
pub struct Fake {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub health: Health,
    running: Running,
}

impl Fake {
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// A service with this router, on the server that our services have.
pub async fn fake(router: Router) -> Fake {
    let lifecycle = Lifecycle::new("fake", LifecycleSettings::default());
    let runtime = Runtime {
        clock: Arc::new(SystemClock),
        lifecycle: lifecycle.clone(),
        metrics: Metrics::install(),
    };
    let health = Health::new(&lifecycle, "1.2.3");
    health.back_end("store", "memory");
    let app = App::bind(&runtime, &HttpSettings::default(), router, &health)
        .await
        .unwrap();
    Fake {
        address: app.address(),
        admin: app.admin_address(),
        health,
        running: app.start(),
    }
}

/// A service that answers with what it got, and its name.
pub async fn echo(name: &'static str) -> Fake {
    fake(echo_router(name)).await
}

/// The router of [`echo`].
pub fn echo_router(name: &'static str) -> Router {
    Router::new().fallback(async move |request: Request| described(name, request).await)
}

async fn described(name: &'static str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return http::StatusCode::BAD_REQUEST.into_response();
    };
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let seen = json!({
        "service": name,
        "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
        "version": format!("{:?}", parts.version),
        "headers": headers,
        "body": String::from_utf8_lossy(&body.to_bytes()),
    });
    axum::response::Response::builder()
        .header("content-type", "application/json")
        .body(seen.to_string().into())
        .unwrap()
}

/// The values of a header that [`echo`] got.
pub fn got<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().unwrap();
    let same = headers.iter().filter(|header| header[0] == name);
    same.map(|header| header[1].as_str().unwrap()).collect()
}

/// Takes TCP connections for as long as the test runs.
pub struct Raw {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    lifecycle: Lifecycle,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.lifecycle.token().cancel();
    }
}

/// A service that does this with each connection; it is told the connection's number, from 0.
pub async fn raw<F, Fut>(serve: F) -> Raw
where
    F: Fn(TcpStream, usize) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lifecycle = Lifecycle::new("raw", LifecycleSettings::default());
    let connections = Arc::new(AtomicUsize::new(0));
    let (life, count) = (lifecycle.clone(), Arc::clone(&connections));
    lifecycle.spawn("accept", async move {
        let token = life.token();
        while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
            let (stream, _) = accepted.unwrap();
            let work = serve(stream, count.fetch_add(1, Ordering::SeqCst));
            let token = life.token();
            life.spawn("connection", async move {
                token.run_until_cancelled(work).await;
            });
        }
    });
    Raw {
        address,
        connections,
        lifecycle,
    }
}

/// What a misbehaving HTTP/2 service does with a request.
pub type Misbehave = fn(h2::server::SendResponse<Bytes>, usize) -> Then;

/// How its connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// As before.
    GoOn,
    /// It says GOAWAY for what was not processed, and ends.
    GoAway,
    /// It breaks.
    Break,
}

/// An HTTP/2 service that does this with its requests, which are numbered from 0 over all connections.
pub async fn misbehaving(act: Misbehave) -> (Raw, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let service = raw(move |stream, _| {
        let count = Arc::clone(&count);
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else {
                return;
            };
            while let Some(Ok((_request, respond))) = connection.accept().await {
                match act(respond, count.fetch_add(1, Ordering::SeqCst)) {
                    Then::GoOn => {}
                    Then::GoAway => connection.graceful_shutdown(),
                    Then::Break => return,
                }
            }
        }
    })
    .await;
    (service, requests)
}
