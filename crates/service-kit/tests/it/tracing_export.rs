//! Traces leave the process when a collector is named, and continue the caller's.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use service_kit::{HttpSettings, LifecycleSettings};
use tokio::sync::mpsc;

use crate::child::Running;
use crate::support::start;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_SPAN: &str = "b7ad6b7169203331";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_span_of_the_callers_trace() {
    let (sender, mut received) = mpsc::channel::<Bytes>(16);
    let sender = Arc::new(sender);
    let collector = start(
        HttpSettings::default(),
        LifecycleSettings::default(),
        |_| {
            Router::new().route(
                "/v1/traces",
                post(async move |body: Bytes| {
                    let _ = sender.send(body).await;
                }),
            )
        },
    )
    .await;
    let endpoint = format!("http://{}", collector.address);
    let mut child = Running::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let event = child.wait_for("listening");
    let url = format!("http://{}/traceparent", event["address"].as_str().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = client
        .get(url)
        .header("traceparent", format!("00-{TRACE}-{PARENT_SPAN}-01"))
        .send()
        .await
        .unwrap();
    let inside = reply.text().await.unwrap();
    let span = inside
        .strip_prefix(&format!("00-{TRACE}-"))
        .and_then(|rest| rest.strip_suffix("-01"))
        .expect(&inside);
    child.signal("TERM");
    assert_eq!(
        child.wait().code(),
        Some(0),
        "what is left is sent at the end"
    );
    let exported = received.recv().await.unwrap();
    for (what, bytes) in [
        ("the trace", hex(TRACE)),
        ("the caller's span", hex(PARENT_SPAN)),
        ("the span that work inside continues", hex(span)),
        ("the service", b"child".to_vec()),
    ] {
        assert!(
            exported.windows(bytes.len()).any(|window| window == bytes),
            "{what}"
        );
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
