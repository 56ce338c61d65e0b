//! Connections while a service lives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use service_kit::{HttpSettings, LifecycleSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::support::{Client, Service, impatient, spawn, start};

/// The preface of HTTP/2 and an empty SETTINGS frame.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn broken() -> &'static str {
    panic!("a bug")
}

fn routes() -> Router {
    Router::new()
        .route(
            "/version",
            get(async |request: axum::extract::Request| format!("{:?}", request.version())),
        )
        .route(
            "/slowly",
            get(async || {
                Body::from_stream(stream::unfold(0, async |sent| {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    (sent < 5).then_some((Ok::<_, std::io::Error>("x"), sent + 1))
                }))
            }),
        )
        .route(
            "/endless",
            get(async || {
                let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 16_384]));
                Body::from_stream(stream::repeat_with(piece))
            }),
        )
        .route(
            "/broken-body",
            get(async || {
                Body::from_stream(stream::once(async { Ok::<_, std::io::Error>(broken()) }))
            }),
        )
}

async fn service(http: HttpSettings) -> Service {
    start(http, LifecycleSettings::default(), |_| routes()).await
}

/// What the server says to a client that says this and then nothing more, until the server closes.
async fn all_said_to(address: SocketAddr, said: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("the server lets go")
        .unwrap();
    answer
}

#[tokio::test]
async fn http_1_and_http_2_with_prior_knowledge_share_a_port() {
    let service = service(HttpSettings::default()).await;
    let url = format!("http://{}/version", service.address);
    for (client, version) in [
        (reqwest::Client::builder().http1_only(), "HTTP/1.1"),
        (
            reqwest::Client::builder().http2_prior_knowledge(),
            "HTTP/2.0",
        ),
    ] {
        let client = client.no_proxy().build().unwrap();
        let reply = client.get(&url).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), version);
    }
    service.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_come_to_the_point_is_let_go() {
    let service = service(impatient()).await;
    for said in ["", "PRI * HTTP/2.0", "GET / HTTP/1.1\r\nhost: te"] {
        let answer = all_said_to(service.address, said.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
            "{said:?} got {}",
            String::from_utf8_lossy(&answer)
        );
    }
    let idle = b"GET /version HTTP/1.1\r\nhost: test\r\n\r\n";
    let answer = all_said_to(service.address, idle).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "kept, then let go");
}

#[tokio::test]
async fn a_quiet_http_2_connection_is_let_go_with_goaway() {
    let service = service(impatient()).await;
    let answer = all_said_to(service.address, HTTP2).await;
    assert!(frame_types(&answer).contains(&GOAWAY), "{answer:?}");
}

const GOAWAY: u8 = 7;

/// The types of HTTP/2 frames (RFC 9113, section 4.1).
fn frame_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        types.push(kind);
        let length = 9 + usize::from(a) * 65_536 + usize::from(b) * 256 + usize::from(c);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    types
}

#[tokio::test]
async fn a_reply_that_takes_its_time_is_not_idle() {
    let service = service(impatient()).await;
    for builder in [
        reqwest::Client::builder().http1_only(),
        reqwest::Client::builder().http2_prior_knowledge(),
    ] {
        let client = builder.no_proxy().build().unwrap();
        let url = format!("http://{}/slowly", service.address);
        let reply = client.get(url).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "xxxxx");
    }
}

#[tokio::test]
async fn a_reply_that_nobody_reads_is_cut_off_and_others_on_its_connection_are_not() {
    let service = service(HttpSettings {
        unread_timeout_s: 1,
        ..HttpSettings::default()
    })
    .await;
    let stream = TcpStream::connect(service.address).await.unwrap();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(100)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    spawn(connection);
    let mut get = |path: &str| {
        let uri = format!("http://test{path}");
        let request = http::Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        sender.send_request(request)
    };
    let (unread, read) = (get("/endless"), get("/slowly"));
    let unread = unread.await.unwrap().into_body();
    let read = read.await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(read.to_bytes(), "xxxxx", "it took longer than one second");
    let cut_off = tokio::time::timeout(Duration::from_secs(20), unread.collect());
    let error = cut_off.await.expect("it is cut off").unwrap_err();
    let reason = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .and_then(h2::Error::reason);
    assert_eq!(reason, Some(h2::Reason::CANCEL));
    service.running.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_a_place() {
    let service = service(HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    })
    .await;
    let mut first = Client::connect(service.address).await.unwrap();
    first.get("/version").await.unwrap();
    let mut second = Client::connect(service.address).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(200), second.get("/version")).await;
    assert!(waits.is_err(), "no place yet");
    drop(first);
    let mut third = Client::connect(service.address).await.unwrap();
    drop(second);
    assert_eq!(third.get("/version").await.unwrap().body(), "HTTP/1.1");
}

#[tokio::test]
async fn a_panic_in_a_body_ends_its_connection_and_nothing_else() {
    let service = service(HttpSettings::default()).await;
    let mut client = Client::connect(service.address).await.unwrap();
    assert!(client.get("/broken-body").await.is_err());
    assert!(service.health.is_ready(), "a request cannot take it down");
    let mut client = Client::connect(service.address).await.unwrap();
    assert_eq!(client.get("/version").await.unwrap().status(), 200);
}

#[tokio::test]
async fn metrics_name_the_route_and_never_the_path() {
    let service = start(
        HttpSettings::default(),
        LifecycleSettings::default(),
        |_| Router::new().route("/things/{id}", get(async || "one")),
    )
    .await;
    let mut client = Client::connect(service.address).await.unwrap();
    client.get("/things/4711").await.unwrap();
    client.get("/secret-path").await.unwrap();
    let mut admin = Client::connect(service.admin).await.unwrap();
    let page = admin.get("/metrics").await.unwrap().into_body();
    assert!(
        page.contains(
            r#"shop_http_requests_total{service="test",method="GET",route="/things/{id}",status="200"} 1"#
        ),
        "{page}"
    );
    assert!(page.contains(r#"route="none",status="404""#), "{page}");
    assert!(!page.contains("4711") && !page.contains("secret-path"));
}

/// Small bodies of many requests that nobody has read yet are no flood.
#[tokio::test]
async fn a_thousand_small_bodies_may_wait_on_one_http_2_connection() {
    const REQUESTS: usize = 999;
    let all_are_here = Arc::new(Barrier::new(REQUESTS));
    let service = start(
        HttpSettings::default(),
        LifecycleSettings::default(),
        |_| {
            let handler = async move |body: Body| {
                all_are_here.wait().await;
                axum::body::to_bytes(body, 100).await.unwrap()
            };
            Router::new().route("/", post(handler))
        },
    )
    .await;
    let stream = TcpStream::connect(service.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    spawn(connection);
    let replies = (0..REQUESTS).map(|n| {
        let mut sender = sender.clone();
        spawn(async move {
            // A body that does not know yet that it has ended.
            let said = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from(n.to_string())))]);
            let request = http::Request::post("http://test/")
                .body(StreamBody::new(said))
                .unwrap();
            sender.ready().await.unwrap();
            let reply = sender.send_request(request).await.unwrap();
            let heard = reply.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(heard, n.to_string());
        })
    });
    for reply in replies.collect::<Vec<_>>() {
        reply.await.unwrap();
    }
}
