//! An end that fails nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use crate::fakes::{echo_router, fake};
use crate::raw;
use crate::shop::{ROUTES, in_front_of, setup};

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let (told, mut begun) = mpsc::channel(8);
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let router = Router::new().route(
        "/open/slow",
        post(async move |body: Bytes| {
            told.send(()).await.unwrap();
            opened.acquire().await.unwrap().forget();
            body
        }),
    );
    let one = fake(router).await;
    for http1 in [false, true] {
        let setup = setup(ROUTES);
        let setup = if http1 {
            setup.http1_upstream("one", one.address)
        } else {
            setup.upstream("one", one.address)
        };
        let shop = setup.start().await;
        let client = shop.anonymous.clone();
        let slow = async {
            let request = client.request(Method::POST, "/open/slow").body("hello");
            request.send().await.unwrap().text().await.unwrap()
        };
        let end = async {
            begun.recv().await.unwrap();
            let ending = shop.stop();
            tokio::pin!(ending);
            // The end waits for the request, and the request for this test.
            assert!(futures_util::poll!(&mut ending).is_pending());
            gate.add_permits(1);
            ending.await;
        };
        let (reply, ()) = tokio::join!(slow, end);
        assert_eq!(reply, "hello");
    }
}

#[tokio::test]
async fn live_streams_end_in_good_order_and_do_not_hold_up_the_end() {
    let events = || async {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b": here\n"))]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let one = fake(Router::new().route("/events", get(events))).await;
    let shop = in_front_of(&one).await;
    let request = shop.anonymous.request(Method::GET, "/events");
    let mut reply = request.send().await.unwrap().bytes_stream();
    assert_eq!(reply.next().await.unwrap().unwrap(), ": here\n");
    let ended = async {
        assert!(
            reply.next().await.is_none(),
            "a clean end: the client comes back elsewhere"
        );
    };
    let (stopped, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(20), shop.stop()),
        ended
    );
    stopped.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_never_silent_ends_too() {
    let events = || async {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(b"."))
        }))
    };
    let one = fake(Router::new().route("/events", get(events))).await;
    let shop = in_front_of(&one).await;
    let request = shop.anonymous.request(Method::GET, "/events");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let mut reply = reply.bytes_stream();
    assert!(reply.next().await.is_some());
    let read = async { while let Some(Ok(_)) = reply.next().await {} };
    let (stopped, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(20), shop.stop()),
        read
    );
    stopped.unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_go_on_does_not_hold_up_the_end() {
    let one = fake(echo_router("one")).await;
    let shop = in_front_of(&one).await;
    let text = "POST /open/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel";
    let stalled = raw::send(shop.address, text);
    tokio::pin!(stalled);
    // It is under way before the request that is answered here.
    tokio::select! {
        reply = &mut stalled => panic!("answered: {reply}"),
        reply = shop.anonymous.get("/open/y") => assert_eq!(reply.unwrap().status, 200),
    }
    let stopped = tokio::time::timeout(Duration::from_secs(20), shop.stop());
    let (stopped, reply) = tokio::join!(stopped, stalled);
    stopped.unwrap();
    assert_eq!(raw::outcome(&reply), (408, "request_timeout".to_owned()));
}

#[tokio::test]
async fn the_end_under_load_fails_no_request() {
    let one = fake(echo_router("one")).await;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .with(|settings| settings.shutdown.delay_ms = 300)
        .start()
        .await;
    let (address, over) = (shop.address, AtomicBool::new(false));
    let answered = AtomicUsize::new(0);
    let customer = async || {
        let url = format!("http://{address}/open/x");
        let client = reqwest::Client::builder().build().unwrap();
        while !over.load(Ordering::SeqCst) {
            match client.post(&url).body("hello").send().await {
                Ok(reply) => {
                    assert_eq!(reply.status(), 200);
                    let body: serde_json::Value = reply.json().await.unwrap();
                    assert_eq!(body["body"], json!("hello"));
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                // Nobody listens any more: that request was never taken.
                Err(error) => {
                    assert!(error.is_connect(), "{error:?}");
                    break;
                }
            }
        }
    };
    let end = async {
        testkit::wait::until("load", || async {
            Ok((answered.load(Ordering::SeqCst) > 100).then_some(()))
        })
        .await
        .unwrap();
        shop.stop().await;
        over.store(true, Ordering::SeqCst);
    };
    tokio::join!(customer(), customer(), customer(), customer(), end);
}
