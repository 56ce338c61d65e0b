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
use crate::raw;
use crate::shop::{ROUTES, Setup, in_front_of, just, problem, setup};

type Chunk = Result<Bytes, std::io::Error>;

/// Gateways in front of this address, over either protocol.
fn both(address: std::net::SocketAddr) -> [Setup; 2] {
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
async fn a_body_over_its_routes_limit_is_refused_with_and_without_a_length() {
    let one = echo("one").await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        for (size, streamed, expected) in [
            (1000, false, 200),
            (1001, false, 413),
            (1000, true, 200),
            (1001, true, 413),
        ] {
            let request = shop.anonymous.request(Method::POST, "/small");
            let bytes = vec![b'x'; size];
            let request = if streamed {
                let chunks: Vec<Chunk> = bytes
                    .chunks(100)
                    .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
                    .collect();
                request.body(reqwest::Body::wrap_stream(futures_util::stream::iter(
                    chunks,
                )))
            } else {
                request.body(bytes)
            };
            let reply = send(request).await.unwrap();
            assert_eq!(reply.status.as_u16(), expected, "{size} {streamed}");
            if expected == 413 {
                assert_eq!(problem(&reply), just(413, "payload_too_large"));
                assert_eq!(reply.body["detail"], "Send at most 1000 bytes here.");
            }
        }
    }
}

/// A client that is not told would send its next request to a connection that is being closed.
#[tokio::test]
async fn a_refusal_that_leaves_a_body_unread_says_that_the_connection_ends() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for (line, unread) in [
        ("POST /small HTTP/1.1\r\nContent-Length: 5000\r\n", true),
        ("POST /nowhere HTTP/1.1\r\nContent-Length: 5000\r\n", true),
        ("POST /small HTTP/1.1\r\nContent-Length: 1\r\n", false),
        ("GET /nowhere HTTP/1.1\r\n", false),
    ] {
        let body = if unread { "" } else { "x" };
        let reply = raw::head(
            shop.address,
            &format!("{line}Host: shop.test\r\n\r\n{body}"),
        )
        .await;
        let closes = reply.to_ascii_lowercase().contains("connection: close");
        assert_eq!(closes, unread, "{line}: {reply}");
    }
}

#[tokio::test]
async fn two_mebibytes_are_more_than_a_route_takes_if_it_says_nothing() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let request = shop
        .anonymous
        .request(Method::POST, "/open/x")
        .body(vec![b' '; 2 * 1024 * 1024]);
    let reply = send(request).await.unwrap();
    assert_eq!(problem(&reply), just(413, "payload_too_large"));
}

/// It is answered after a thousand bytes, and its client looks for a reply only after all were sent.
#[tokio::test]
async fn a_client_that_sends_on_after_its_body_was_refused_reads_the_whole_refusal() {
    const PIECES: usize = 128;
    let piece = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let one = echo("one").await;
    for setup in both(one.address) {
        let shop = setup.start().await;
        let mut client = TcpStream::connect(shop.address).await.unwrap();
        let head = "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..PIECES {
            client.write_all(piece.as_bytes()).await.unwrap();
        }
        client.write_all(b"0\r\n\r\n").await.unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert_eq!(
            raw::outcome(&reply),
            (413, "payload_too_large".to_owned()),
            "{reply}"
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
        let reply = shop.anonymous.get("/brief").await.unwrap();
        assert_eq!(problem(&reply), just(504, "upstream_timeout"));
        let reply = shop.anonymous.post("/brief", &json!({})).await.unwrap();
        assert_eq!(problem(&reply), just(504, "upstream_timeout"));
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
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
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
    // Far longer than the route's 300 ms, which are for the beginning only.
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
