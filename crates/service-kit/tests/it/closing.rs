//! Requests that are answered before they were read, from clients that go on sending.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use service_kit::http::{Json, MAX_BODY};
use service_kit::{HttpSettings, LifecycleSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Service, start};

const PATIENCE: Duration = Duration::from_secs(20);
/// More than a service reads, and than lies in the system's buffers when it has answered.
const MUCH: usize = 4 * MAX_BODY;
const HEAD: &str = "POST / HTTP/1.1\r\nhost: test\r\n";

/// Takes JSON of up to [`MAX_BODY`] bytes.
async fn service(http: HttpSettings) -> Service {
    start(http, LifecycleSettings::default(), |_| {
        Router::new().route("/", post(async |body: Json<Value>| body))
    })
    .await
}

/// A body of so many bytes whose length is not announced.
fn chunked(length: usize) -> String {
    let piece = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let pieces = piece.repeat(length / 0x8000);
    format!("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
}

/// Sends all of this before anything is read, then reads until the service has closed.
async fn reply(address: SocketAddr, said: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut reply = String::new();
    let exchange = async {
        stream.write_all(said.as_bytes()).await.unwrap();
        stream.read_to_string(&mut reply).await.unwrap();
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    (reply, stream)
}

fn problem(reply: &str) -> Value {
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    let mut problem: Value = serde_json::from_str(body).unwrap();
    problem.as_object_mut().unwrap().remove("request_id");
    problem
}

#[tokio::test]
async fn a_client_that_sends_on_after_it_was_refused_reads_the_whole_refusal() {
    let service = service(HttpSettings::default()).await;
    let refused = |status: u16, code: &str, title: &str, detail: &str| {
        json!({"type": format!("/problems/{code}"), "status": status, "code": code, "title": title,
            "detail": detail, "instance": "/"})
    };
    let at_most = format!("At most {MAX_BODY} bytes are accepted.");
    let too_large = refused(413, "payload_too_large", "The body is too large", &at_most);
    let no_json = refused(
        415,
        "unsupported_media_type",
        "The body must be JSON",
        "Send Content-Type: application/json.",
    );
    let announced = |content_type| {
        let body = " ".repeat(MUCH);
        format!("content-type: {content_type}\r\ncontent-length: {MUCH}\r\n\r\n{body}")
    };
    for (said, expected) in [
        (chunked(MUCH), &too_large),
        (announced("application/json"), &too_large),
        (announced("text/plain"), &no_json),
    ] {
        let (reply, _) = reply(service.address, &format!("{HEAD}{said}")).await;
        assert_eq!(&problem(&reply), expected);
    }
}

#[tokio::test]
async fn a_client_whose_head_is_refused_reads_that_too() {
    let service = service(HttpSettings::default()).await;
    let endless = "x".repeat(MUCH);
    for (said, status) in [
        (format!("{HEAD}x: {endless}\r\n\r\n"), "431"),
        (format!("no request\r\n\r\n{endless}"), "400"),
    ] {
        let (reply, _) = reply(service.address, &said).await;
        assert_eq!(reply.split(' ').nth(1), Some(status), "{reply}");
    }
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut_off() {
    let service = service(HttpSettings::default()).await;
    let (refusal, mut stream) = reply(service.address, &format!("{HEAD}{}", chunked(MUCH))).await;
    assert_eq!(problem(&refusal)["status"], 413);
    let piece = [b'x'; 8 * 1024];
    let sending = async { while stream.write_all(&piece).await.is_ok() {} };
    let ended = tokio::time::timeout(PATIENCE, sending).await;
    ended.expect("the connection is gone");
}

#[tokio::test]
async fn a_client_that_stays_after_it_was_refused_neither_keeps_its_place_nor_holds_up_the_end() {
    let service = service(HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    })
    .await;
    let said = format!("{HEAD}{}", chunked(MUCH));
    let (first, _kept) = reply(service.address, &said).await;
    let (second, _kept_too) = reply(service.address, &said).await;
    for refusal in [first, second] {
        assert_eq!(problem(&refusal)["status"], 413);
    }
    let ended = tokio::time::timeout(PATIENCE, service.running.stop()).await;
    assert_eq!(ended.unwrap(), Ok(()), "well within the grace period");
}

#[tokio::test]
async fn a_connection_is_kept_after_a_body_that_was_read() {
    let service = service(HttpSettings::default()).await;
    let body = "content-type: application/json\r\ncontent-length: 1\r\n";
    let said = format!("{HEAD}{body}\r\n1{HEAD}{body}connection: close\r\n\r\n2");
    let (replies, _) = reply(service.address, &said).await;
    assert_eq!(replies.matches("HTTP/1.1 200").count(), 2, "{replies}");
}
