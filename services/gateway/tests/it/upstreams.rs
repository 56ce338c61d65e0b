//! The connections to services: which protocol, how long, and what is sent again.

use std::future::IntoFuture as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use service_kit::{Lifecycle, LifecycleSettings};
use testkit::wait;
use tokio::io::AsyncReadExt as _;

use crate::fakes::{Misbehave, Then, echo, echo_router, fake, got, misbehaving, raw};
use crate::shop::{ROUTES, answered_by, just, problem, setup};

#[tokio::test]
async fn our_services_are_spoken_to_in_http_2_and_others_as_their_setting_says() {
    let one = echo("one").await;
    let shop = setup(ROUTES).upstream("one", one.address).start().await;
    let reply = shop.anonymous.get("/open/x").await.unwrap();
    assert_eq!(
        (&reply.body["version"], got(&reply.body, "host").len()),
        (&json!("HTTP/2.0"), 0)
    );
    let shop = setup(ROUTES)
        .http1_upstream("one", one.address)
        .start()
        .await;
    let reply = shop
        .anonymous
        .post("/open/x?y", &json!({"z": 1}))
        .await
        .unwrap();
    let host = one.address.to_string();
    assert_eq!(reply.body["version"], "HTTP/1.1");
    assert_eq!(reply.body["body"], "{\"z\":1}");
    assert_eq!(reply.body["target"], "/open/x?y");
    assert_eq!(got(&reply.body, "host"), vec![host.as_str()]);
}

#[tokio::test]
async fn clients_may_speak_http_2_too() {
    let one = echo("one").await;
    let shop = setup(ROUTES).upstream("one", one.address).start().await;
    let http2 = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!("http://{}/open/x", shop.address);
    let reply = http2.post(url).body("hello").send().await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), reply.version()),
        (200, http::Version::HTTP_2)
    );
    let body: serde_json::Value = reply.json().await.unwrap();
    let host = shop.address.to_string();
    assert_eq!(body["body"], "hello");
    assert_eq!(got(&body, "x-forwarded-host"), vec![host.as_str()]);
}

#[tokio::test]
async fn a_service_that_is_away_is_a_503_until_it_is_back() {
    for http1 in [false, true] {
        let gone = raw(|_, _| async {}).await.address;
        let setup = setup(ROUTES);
        let setup = if http1 {
            setup.http1_upstream("one", gone)
        } else {
            setup.upstream("one", gone)
        };
        let shop = setup.start().await;
        wait::until("the socket to be closed", || async {
            Ok(std::net::TcpStream::connect(gone).is_err().then_some(()))
        })
        .await
        .unwrap();
        let reply = shop.anonymous.post("/open/x", &json!({})).await.unwrap();
        assert_eq!(problem(&reply), just(503, "upstream_unavailable"));
        assert_eq!(reply.header("retry-after"), Some("1"));

        let lifecycle = Lifecycle::new("back", LifecycleSettings::default());
        let listener = tokio::net::TcpListener::bind(gone).await.unwrap();
        let (server, token) = (
            axum::serve(listener, echo_router("back")),
            lifecycle.token(),
        );
        lifecycle.spawn("back", async move {
            token.run_until_cancelled(server.into_future()).await;
        });
        wait::until("the service to be back", || async {
            let reply = shop.anonymous.get("/open/x").await?;
            Ok((answered_by(&reply) == Ok("back")).then_some(()))
        })
        .await
        .unwrap();
        shop.stop().await;
        lifecycle.shut_down().await.unwrap();
    }
}

#[tokio::test]
async fn a_service_that_ended_is_unavailable_and_not_broken() {
    let one = echo("one").await;
    let address = one.address;
    let shop = setup(ROUTES).upstream("one", address).start().await;
    assert_eq!(shop.anonymous.get("/open/x").await.unwrap().status, 200);
    one.stop().await;
    let reply = shop.anonymous.get("/open/x").await.unwrap();
    assert_eq!(problem(&reply), just(503, "upstream_unavailable"));
}

async fn answer(act: Misbehave, post: bool) -> ((u16, String), usize) {
    let (service, requests) = misbehaving(act).await;
    let shop = setup(ROUTES).upstream("one", service.address).start().await;
    let reply = if post {
        shop.anonymous
            .post("/open/x", &json!({"a": 1}))
            .await
            .unwrap()
    } else {
        shop.anonymous.get("/open/x").await.unwrap()
    };
    let code = reply.body["code"].as_str().unwrap_or_default().to_owned();
    // The gateway asks for the service's description too.
    (
        (reply.status.as_u16(), code),
        requests.load(Ordering::SeqCst),
    )
}

fn ok(mut respond: h2::server::SendResponse<Bytes>) -> Then {
    respond
        .send_response(http::Response::new(()), true)
        .unwrap();
    Then::GoOn
}

#[tokio::test]
async fn a_refused_request_is_sent_again_with_its_body() {
    for post in [false, true] {
        let (reply, _) = answer(
            |mut respond, number| {
                // The first two, whichever they are: the gateway asks for the description meanwhile.
                if number < 2 {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    return Then::GoOn;
                }
                ok(respond)
            },
            post,
        )
        .await;
        assert_eq!(reply, just(200, ""), "post: {post}");
    }
}

#[tokio::test]
async fn a_service_that_refuses_everything_is_not_asked_for_ever() {
    let (reply, requests) = answer(
        |mut respond, _| {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            Then::GoOn
        },
        true,
    )
    .await;
    assert_eq!(reply, just(503, "upstream_unavailable"));
    assert!(requests <= 3 + 2 * 3, "{requests}");
}

#[tokio::test]
async fn what_may_have_been_processed_is_not_sent_again() {
    for (name, act) in [
        (
            "reset",
            (|mut respond: h2::server::SendResponse<Bytes>, _| {
                respond.send_reset(h2::Reason::INTERNAL_ERROR);
                Then::GoOn
            }) as Misbehave,
        ),
        ("broken connection", |respond, _| {
            drop(respond);
            Then::Break
        }),
    ] {
        let (service, requests) = misbehaving(act).await;
        // Without a route of the kind that is described, the gateway asks for a description of `one` only.
        let shop = setup(ROUTES).upstream("one", service.address).start().await;
        let before = wait::until("the description to have been asked for", || async {
            let seen = requests.load(Ordering::SeqCst);
            Ok((seen > 0).then_some(seen))
        })
        .await
        .unwrap();
        let reply = shop.anonymous.post("/open/x", &json!({})).await.unwrap();
        assert_eq!(problem(&reply), just(502, "upstream_failed"), "{name}");
        // One for us, and at most one more for the description, which is asked for once a second.
        assert!(requests.load(Ordering::SeqCst) <= before + 2, "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_says_goodbye_loses_no_request() {
    let (service, _) = misbehaving(|respond, number| {
        ok(respond);
        if number % 5 == 4 {
            Then::GoAway
        } else {
            Then::GoOn
        }
    })
    .await;
    let shop = setup(ROUTES).upstream("one", service.address).start().await;
    let body = json!({"a": 1});
    for round in 0..20 {
        let requests = (0..10).map(|_| shop.anonymous.post("/open/x", &body));
        for reply in join_all(requests).await {
            assert_eq!(reply.unwrap().status, 200, "round {round}");
        }
    }
    assert!(service.connections.load(Ordering::SeqCst) > 10);
}

#[tokio::test]
async fn an_http_1_connection_that_was_closed_while_idle_is_not_used() {
    let service = raw(|mut stream, _| async move {
        let mut head = [0; 2048];
        if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, reply).await;
        }
    })
    .await;
    let shop = setup(ROUTES)
        .http1_upstream("one", service.address)
        .start()
        .await;
    for _ in 0..5 {
        let before = service.connections.load(Ordering::SeqCst);
        wait::until("an answer over a new connection", || async {
            let reply = shop.anonymous.get("/open/x").await?;
            let new = service.connections.load(Ordering::SeqCst) > before;
            Ok((reply.status == 200 && new).then_some(()))
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn connections_are_shared_but_not_by_more_than_their_limit_and_not_for_ever() {
    let (service, requests) = misbehaving(|mut respond, _| {
        // The head comes at once, the end never: these are live streams.
        let mut stream = respond
            .send_response(http::Response::new(()), false)
            .unwrap();
        stream
            .send_data(Bytes::from_static(b": here\n"), false)
            .unwrap();
        std::mem::forget(stream);
        Then::GoOn
    })
    .await;
    let shop = setup(ROUTES)
        .upstream("one", service.address)
        .with(|settings| settings.pool.streams_per_connection = 4)
        .start()
        .await;
    let opened = (0..12).map(|_| shop.anonymous.request(Method::GET, "/events").send());
    let streams: Vec<_> = join_all(opened)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(streams.iter().all(|stream| stream.status() == 200));
    assert!(requests.load(Ordering::SeqCst) >= 12);
    let connections = service.connections.load(Ordering::SeqCst);
    assert!((3..=5).contains(&connections), "{connections}");
}

#[tokio::test]
async fn an_old_connection_takes_no_new_requests() {
    let (service, _) = misbehaving(|respond, _| ok(respond)).await;
    let shop = setup(ROUTES)
        .upstream("one", service.address)
        .with(|settings| settings.pool.connection_life_s = 1)
        .start()
        .await;
    wait::until("a third connection", || async {
        assert_eq!(shop.anonymous.get("/open/x").await?.status, 200);
        Ok((service.connections.load(Ordering::SeqCst) >= 3).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_else() {
    let big = || async {
        let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
        Body::from_stream(
            stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())).take(4096),
        )
    };
    let router = echo_router("one").route("/open/big", get(big));
    let one = fake(Router::new().merge(router)).await;
    let shop = setup(ROUTES).upstream("one", one.address).start().await;
    let mut lazy = Vec::new();
    for _ in 0..20 {
        lazy.push(
            shop.anonymous
                .request(Method::GET, "/open/big")
                .send()
                .await
                .unwrap(),
        );
    }
    for _ in 0..20 {
        let reply = tokio::time::timeout(Duration::from_secs(20), shop.anonymous.get("/open/x"));
        assert_eq!(reply.await.unwrap().unwrap().status, 200);
    }
    drop(lazy);
}
