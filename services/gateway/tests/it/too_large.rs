//! Bodies that are larger than their routes take.

use axum::body::Bytes;
use reqwest::Method;
use testkit::client::send;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bodies::{Chunk, both};
use crate::fakes::echo;
use crate::raw;
use crate::shop::{in_front_of, just, problem};

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
