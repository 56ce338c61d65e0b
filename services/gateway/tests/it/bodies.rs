//! Bodies on their way through.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use reqwest::Method;
use serde_json::json;
use testkit::client::send;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::fakes::{Then, echo, fake, misbehaving};
use crate::shop::{ROUTES, Setup, in_front_of, just, problem, setup};

pub type Chunk = Result<Bytes, std::io::Error>;

/// Gateways in front of this address, over either protocol.
pub fn both(address: std::net::SocketAddr) -> [Setup; 2] {
    [
        setup(ROUTES).upstream("one", address),
        setup(ROUTES).http1_upstream("one", address),
    ]
}

#[tokio::test]
async fn a_body_arrives_while_it_is_being_sent() {
    let (told, mut heard) = mpsc::channel::<Bytes>(16);
    let router = Router::new().route(
        "/open/up",
        post(async move |request: Request| {
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                let data = frame.into_data().unwrap();
                if !data.is_empty() {
                    told.send(data).await.unwrap();
                }
            }
            "done"
        }),
    );
    let one = fake(router).await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let (chunks, body) = mpsc::channel::<Chunk>(1);
        let request = shop
            .anonymous
            .request(Method::POST, "/open/up")
            .body(reqwest::Body::wrap_stream(ReceiverStream::new(body)));
        let reply = async { request.send().await.unwrap() };
        let talk = async {
            for text in ["one", "two", "three"] {
                chunks.send(Ok(Bytes::from(text))).await.unwrap();
                assert_eq!(heard.recv().await.unwrap(), text, "before the next is sent");
            }
            drop(chunks);
        };
        let (reply, ()) = tokio::join!(reply, talk);
        assert_eq!(reply.text().await.unwrap(), "done");
    }
}

#[tokio::test]
async fn a_reply_arrives_while_it_is_being_made() {
    let (bodies, served) = mpsc::channel::<mpsc::Receiver<Chunk>>(2);
    let served = std::sync::Arc::new(tokio::sync::Mutex::new(served));
    let router = Router::new().route(
        "/open/down",
        get(async move || {
            let body = served.lock().await.recv().await.unwrap();
            Body::from_stream(ReceiverStream::new(body))
        }),
    );
    let one = fake(router).await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let (chunks, body) = mpsc::channel::<Chunk>(1);
        bodies.send(body).await.unwrap();
        let request = shop.anonymous.request(Method::GET, "/open/down");
        let mut reply = request.send().await.unwrap().bytes_stream();
        for text in ["one", "two", "three"] {
            chunks.send(Ok(Bytes::from(text))).await.unwrap();
            assert_eq!(
                reply.next().await.unwrap().unwrap(),
                text,
                "before the next is made"
            );
        }
        drop(chunks);
        assert!(reply.next().await.is_none());
    }
}

#[tokio::test]
async fn big_bodies_pass_unchanged() {
    let router = Router::new().route(
        "/open/echo",
        post(async |request: Request| Body::new(request.into_body())),
    );
    let one = fake(router).await;
    let big: Vec<u8> = (0..900_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(1024 * 1024)
        .collect();
    for setup in both(one.address) {
        let shop = setup.start().await;
        let request = shop
            .anonymous
            .request(Method::POST, "/open/echo")
            .body(big.clone());
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert!(
            reply.bytes().await.unwrap() == big,
            "it comes back as it was"
        );
    }
}

#[tokio::test]
async fn a_service_that_is_too_slow_is_a_504() {
    let router = Router::new().route(
        "/brief",
        get(std::future::pending::<&str>).post(async |body: Bytes| {
            drop(body);
            std::future::pending::<&str>().await
        }),
    );
    let one = fake(router).await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let body = json!({});
        let (got, posted) = tokio::join!(
            shop.anonymous.get("/brief"),
            shop.anonymous.post("/brief", &body)
        );
        for reply in [got.unwrap(), posted.unwrap()] {
            assert_eq!(problem(&reply), just(504, "upstream_timeout"));
        }
    }
}

#[tokio::test]
async fn a_client_that_is_too_slow_with_its_body_is_a_408() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let (chunks, body) = mpsc::channel::<Chunk>(1);
    chunks.send(Ok(Bytes::from_static(b"half"))).await.unwrap();
    let request = shop
        .anonymous
        .request(Method::POST, "/brief")
        .body(reqwest::Body::wrap_stream(ReceiverStream::new(body)));
    let reply = send(request).await.unwrap();
    assert_eq!(problem(&reply), just(408, "request_timeout"));
    drop(chunks);
}

#[tokio::test]
async fn a_reply_that_does_not_end_in_time_is_cut_off_but_a_stream_is_not() {
    let endless = || async {
        let first =
            futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        let later = futures_util::stream::poll_fn(move |cx| {
            ticks
                .poll_tick(cx)
                .map(|_| Some(Ok(Bytes::from_static(b"."))))
        });
        Body::from_stream(first.chain(later))
    };
    let one = fake(
        Router::new()
            .route("/brief", get(slow))
            .route("/events", get(endless)),
    )
    .await;
    let shop = in_front_of(&one).await;
    let reply = shop
        .anonymous
        .request(Method::GET, "/brief")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert!(
        reply.bytes().await.is_err(),
        "an aborted body, not a shorter one"
    );

    let mut reply = shop
        .anonymous
        .request(Method::GET, "/events")
        .send()
        .await
        .unwrap()
        .bytes_stream();
    let mut received = 0;
    // Nine pauses of half a second: longer than the route's three seconds, which are for the beginning only.
    while received < 15 {
        received += reply.next().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn a_reply_that_goes_on_and_on_is_cut_off_in_time_too() {
    let endless = || async {
        let chunk = Bytes::from_static(&[b'x'; 1024]);
        let chunks =
            futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        Body::from_stream(chunks)
    };
    let one = fake(Router::new().route("/brief", get(endless))).await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let reply = shop
            .anonymous
            .request(Method::GET, "/brief")
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
        let mut chunks = reply.bytes_stream();
        while let Some(Ok(_)) = chunks.next().await {}
        let reply = shop.anonymous.get("/nowhere").await.unwrap();
        assert_eq!(reply.status, 404, "the gateway goes on");
    }
}

async fn slow() -> Body {
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
    Body::from_stream(first.chain(futures_util::stream::pending()))
}

#[tokio::test]
async fn a_service_that_dies_in_its_reply_gives_an_aborted_body() {
    let (service, _) = misbehaving(|mut respond, _| {
        let mut stream = respond
            .send_response(http::Response::new(()), false)
            .unwrap();
        stream
            .send_data(Bytes::from_static(b"half"), false)
            .unwrap();
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
        Then::GoOn
    })
    .await;
    let shop = setup(ROUTES).upstream("one", service.address).start().await;
    let reply = shop.anonymous.request(Method::GET, "/open/x").send().await;
    // The head may have gone out before the end came.
    if let Ok(reply) = reply {
        assert!(reply.status() == 502 || reply.bytes().await.is_err());
    }
    let http1 = crate::fakes::raw(|mut stream, _| async move {
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
        stream.write_all(reply).await.unwrap();
    })
    .await;
    let shop = setup(ROUTES)
        .http1_upstream("one", http1.address)
        .start()
        .await;
    let reply = shop
        .anonymous
        .request(Method::GET, "/open/x")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert!(
        reply.bytes().await.is_err(),
        "an aborted body, not a shorter one"
    );
}

/// Tells how reading a body went, also if the reader is dropped.
struct Told {
    sender: mpsc::Sender<&'static str>,
    word: &'static str,
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.sender.try_send(self.word);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_its_body_is_no_complete_request() {
    let (sender, mut heard) = mpsc::channel(8);
    let router = Router::new().route(
        "/open/up",
        post(async move |request: Request| {
            let mut told = Told {
                sender: sender.clone(),
                word: "incomplete",
            };
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                if frame.is_err() {
                    return;
                }
                told.sender.send("began").await.unwrap();
            }
            told.word = "complete";
        }),
    );
    let one = fake(router).await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let mut client = TcpStream::connect(shop.address).await.unwrap();
        let begin = "POST /open/up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf";
        client.write_all(begin.as_bytes()).await.unwrap();
        assert_eq!(heard.recv().await, Some("began"));
        drop(client);
        assert_eq!(heard.recv().await, Some("incomplete"));
        let reply = shop.anonymous.get("/nowhere").await.unwrap();
        assert_eq!(reply.status, 404, "the gateway goes on");
    }
}
