//! The end of a service, as its clients see it (I14).

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use service_kit::{Abandoned, HttpSettings, LifecycleSettings};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{Client, Service, spawn, start};

const CLIENTS: usize = 16;

async fn service(shutdown: LifecycleSettings) -> Service {
    start(HttpSettings::default(), shutdown, |life| {
        let token = life.token();
        Router::new()
            .route("/", get(async || "ok"))
            .route(
                "/slow",
                get(async || {
                    tokio::time::sleep(Duration::from_millis(600)).await;
                    "done"
                }),
            )
            .route(
                "/endless",
                get(async || {
                    let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 16_384]));
                    Body::from_stream(stream::repeat_with(piece))
                }),
            )
            .route("/stuck", get(async || std::future::pending::<()>().await))
            .route(
                "/events",
                get(async move || {
                    let first = stream::once(async { Ok::<_, std::io::Error>("begun") });
                    let rest = stream::pending().take_until(token.cancelled_owned());
                    Body::from_stream(first.chain(rest))
                }),
            )
    })
    .await
}

fn at_once() -> LifecycleSettings {
    LifecycleSettings::default()
}

/// Asks without a pause until told to go; gives how many replies came.
async fn ask_over_http_1(mut client: Client) -> usize {
    for replies in 1.. {
        let reply = client.get("/").await.expect("every request is answered");
        assert_eq!(
            (reply.status().as_u16(), reply.body().as_str()),
            (200, "ok")
        );
        if reply.headers().contains_key("connection") {
            assert_eq!(reply.headers()["connection"], "close");
            return replies;
        }
    }
    0
}

/// Whether GOAWAY came after the request was sent and says that it was not looked at (RFC 9113, section 6.8): h2 fails only
/// the streams beyond the last one that the server names.
fn was_refused_unseen(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR)
    })
}

async fn ask_over_http_2(mut sender: http2::SendRequest<Empty<Bytes>>) -> usize {
    for replies in 0.. {
        // After GOAWAY the client itself begins nothing more.
        if sender.ready().await.is_err() {
            return replies;
        }
        let request = http::Request::get("http://test/")
            .body(Empty::new())
            .unwrap();
        match sender.send_request(request).await {
            Ok(reply) => {
                let body = reply.into_body().collect().await;
                assert_eq!(body.expect("whole").to_bytes(), "ok");
            }
            // The GOAWAY came between `ready` and this: the request was never sent.
            Err(error) if error.is_canceled() || was_refused_unseen(&error) => return replies,
            Err(error) => panic!("a request failed: {error:?}"),
        }
    }
    0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_service_ends_under_load() {
    // Long enough for every client to be told: who was not must be quicker than a busy machine may let it be.
    let service = service(LifecycleSettings {
        delay_ms: 3_000,
        ..at_once()
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = Client::connect(service.address).await.unwrap();
        clients.push(spawn(ask_over_http_1(client)));
        let stream = TcpStream::connect(service.address).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        spawn(connection);
        clients.push(spawn(ask_over_http_2(sender)));
    }
    let mut probe = Client::connect(service.address).await.unwrap();
    for _ in 0..200 {
        probe.get("/").await.unwrap();
    }
    assert_eq!(service.running.stop().await, Ok(()));
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn clients_that_were_connected_but_not_accepted_yet_are_served() {
    let service = service(at_once()).await;
    // This runtime has one thread: nothing is accepted until the first `await` below.
    let mut waiting: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(service.address).unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    service.running.stop().await.unwrap();
    for stream in &mut waiting {
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply:?}");
    }
}

#[tokio::test]
async fn an_announced_end_is_told_to_clients_while_requests_are_still_taken() {
    let service = service(LifecycleSettings {
        delay_ms: 60_000,
        grace_ms: 1_000,
    })
    .await;
    let (address, admin) = (service.address, service.admin);
    let ending = spawn(service.running.stop());
    service.lifecycle.stopping().cancelled().await;
    let mut client = Client::connect(address).await.unwrap();
    let reply = client.get("/").await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["connection"]),
        (200, &http::HeaderValue::from_static("close"))
    );
    assert!(!service.lifecycle.is_draining());
    let mut admin = Client::connect(admin).await.unwrap();
    let ready = admin.get("/readyz").await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(ready.body()).unwrap(),
        serde_json::json!({"status": "unready", "service": "test", "version": "0.0.0",
            "back_ends": {}, "reason": "shutting down", "details": {}})
    );
    ending.abort();
}

#[tokio::test]
async fn a_request_that_was_begun_is_finished() {
    let service = service(at_once()).await;
    let mut client = Client::connect(service.address).await.unwrap();
    let request = spawn(async move { client.get("/slow").await });
    // The handler has it once the server counts more than its own tasks; a second connection orders the two.
    Client::connect(service.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(service.running.stop().await, Ok(()));
    assert_eq!(request.await.unwrap().unwrap().body(), "done");
}

#[tokio::test]
async fn a_live_stream_ends_when_draining_begins() {
    let service = service(at_once()).await;
    let mut client = Client::connect(service.address).await.unwrap();
    let events = spawn(async move { client.get("/events").await });
    Client::connect(service.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(
        service.running.stop().await,
        Ok(()),
        "well within the grace period"
    );
    assert_eq!(
        events.await.unwrap().unwrap().body(),
        "begun",
        "a whole body"
    );
}

#[tokio::test]
async fn clients_that_neither_read_nor_come_to_the_point_do_not_hold_up_the_end() {
    for said in [
        "GET /endless HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: te",
        // The preface and an empty SETTINGS frame; the PING that comes with GOAWAY is not answered.
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let service = service(at_once()).await;
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        Client::connect(service.address)
            .await
            .unwrap()
            .get("/")
            .await
            .unwrap();
        assert_eq!(
            service.running.stop().await,
            Ok(()),
            "well within the grace period: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_abandoned_and_that_is_an_error() {
    let service = service(LifecycleSettings {
        delay_ms: 0,
        grace_ms: 600,
    })
    .await;
    let mut client = Client::connect(service.address).await.unwrap();
    let request = spawn(async move { client.get("/stuck").await });
    Client::connect(service.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(
        service.running.stop().await,
        Err(Abandoned {
            name: "test",
            tasks: 1
        })
    );
    assert!(request.await.unwrap().is_err());
}
