//! The live stream.

use std::time::Duration;

use contracts::Role;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::wait;

use crate::samples;
use crate::service::{Account, problem, start, start_with};

/// A live stream, as a client reads it.
pub struct Stream {
    response: reqwest::Response,
    read: String,
}

/// Opens the stream of an account, after an event it has seen, and reads the opening.
pub async fn open(account: &Account, last_event_id: Option<i64>) -> Stream {
    let mut stream = open_raw(account, last_event_id).await;
    let opening = stream.block().await.unwrap();
    assert!(opening.starts_with("retry: 2000\nid: "), "{opening}");
    stream
}

async fn open_raw(account: &Account, last_event_id: Option<i64>) -> Stream {
    let mut request = account.client.request(Method::GET, "/api/v1/me/events");
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let read = String::new();
    Stream { response, read }
}

impl Stream {
    /// The next block; none at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(wait::PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("the stream is silent").unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event, past comments: its id, its name, its data.
    pub async fn event(&mut self) -> (i64, String, Value) {
        loop {
            let block = self.block().await.expect("the stream has ended");
            let field = |name: &str| {
                let start = format!("{name}: ");
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(&start).map(str::to_owned))
            };
            if let (Some(id), Some(kind), Some(data)) = (field("id"), field("event"), field("data"))
            {
                let data = serde_json::from_str(&data).unwrap();
                return (id.parse().unwrap(), kind, data);
            }
        }
    }

    /// The ids of the next events.
    pub async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.event().await.0);
        }
        ids
    }
}

#[tokio::test]
async fn an_open_stream_shows_what_happens_from_now_on() {
    let service = start().await;
    let (ada, bob) = (
        service.customer().await,
        service.register("Bob", &[Role::Customer]).await,
    );
    let mut stream = open_raw(&ada, None).await;
    assert_eq!(stream.block().await.unwrap(), "retry: 2000\nid: 1\n: open");
    service.tell(1, samples::confirmed(bob.user_id)).await;
    service.tell(1, samples::confirmed(ada.user_id)).await;
    let (id, kind, data) = stream.event().await;
    assert_eq!((id, kind.as_str()), (2, "order.confirmed"));
    let list = ada.client.get("/api/v1/me/notifications?limit=1").await;
    assert_eq!(
        data,
        json!({
            "notification_id": list.unwrap().text("/data/0/id").unwrap(),
            "title": "Order K7Q2-41ZD confirmed",
            "body": "Everything is reserved for you, and we will send it soon.",
            "created_at": "2026-11-23T20:06:13.000Z",
            "order_id": "ord_019abcde000070008000000000000002",
            "order_number": "K7Q2-41ZD",
        })
    );
    drop(stream);
    service.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_again_and_again_while_events_come_in_loses_and_repeats_nothing() {
    let service = start().await;
    let ada = service.customer().await;
    let total = 200_i64;
    let telling = async {
        for _ in 0..total / 10 {
            let tells = (1..=10).map(|version| {
                let order = samples::new_order(ada.user_id);
                service.tell(version, contracts::events::order::OrderPlaced { order })
            });
            futures_util::future::join_all(tells).await;
        }
    };
    let reading = async {
        let (mut seen, mut ids) = (1, Vec::new());
        while i64::try_from(ids.len()).unwrap() < total {
            let mut stream = open(&ada, Some(seen)).await;
            let rest = usize::try_from(total).unwrap() - ids.len();
            let read = stream.ids(rest.min(7)).await;
            seen = *read.last().unwrap();
            ids.extend(read);
        }
        ids
    };
    let ((), ids) = tokio::join!(telling, reading);
    assert_eq!(ids, (2..=total + 1).collect::<Vec<_>>());
    service.stop().await;
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let service = start().await;
    let ada = service.customer().await;
    for version in 1..=120 {
        service.tell(version, samples::placed(ada.user_id)).await;
    }
    service.wait_for_titles(&ada, 100).await;
    let mut stream = open(&ada, Some(0)).await;
    assert_eq!(stream.ids(121).await, (1..=121).collect::<Vec<i64>>());
    let mut stream = open(&ada, Some(119)).await;
    assert_eq!(stream.ids(2).await, [120, 121]);
    // An id that is yet to come: now.
    let mut stream = open_raw(&ada, Some(i64::MAX)).await;
    assert_eq!(
        stream.block().await.unwrap(),
        "retry: 2000\nid: 121\n: open"
    );
    service.tell(1, samples::confirmed(ada.user_id)).await;
    assert_eq!(stream.ids(1).await, [122]);
    drop(stream);
    service.stop().await;
}

#[tokio::test]
async fn a_last_event_id_that_no_event_ever_had_is_refused() {
    let service = start().await;
    let ada = service.customer().await;
    for value in ["-1", "+1", "1.0", "x", "", "0x1", "9223372036854775808"] {
        let request = ada.client.request(Method::GET, "/api/v1/me/events");
        let reply = testkit::client::send(request.header("last-event-id", value)).await;
        let reply = reply.unwrap();
        assert_eq!(problem(&reply), (400, "invalid_last_event_id"), "{value}");
    }
    let request = ada.client.request(Method::GET, "/api/v1/me/events");
    let twice = request
        .header("last-event-id", "1")
        .header("last-event-id", "2");
    let reply = testkit::client::send(twice).await.unwrap();
    assert_eq!(problem(&reply), (400, "duplicate_header"));
    service.stop().await;
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_still_there() {
    let service = start_with(|settings| settings.stream.heartbeat_s = 1).await;
    let ada = service.customer().await;
    let mut stream = open(&ada, None).await;
    for _ in 0..2 {
        assert_eq!(stream.block().await.as_deref(), Some(":"));
    }
    drop(stream);
    service.stop().await;
}

#[tokio::test]
async fn streams_end_when_the_service_does_and_go_on_after_its_next_start() {
    let service = start().await;
    let ada = service.customer().await;
    let mut stream = open(&ada, None).await;
    let reading = async { stream.block().await };
    let (folder, end) = tokio::join!(service.stop(), reading);
    assert_eq!(end, None, "an orderly end");
    let service = crate::service::start_in(folder, |_| ()).await;
    let client = service.signed_in(ada.user_id, &[Role::Customer], Duration::from_hours(1));
    let ada = Account { client, ..ada };
    service.tell(1, samples::confirmed(ada.user_id)).await;
    service.wait_for_titles(&ada, 2).await;
    let mut stream = open(&ada, Some(1)).await;
    assert_eq!(stream.ids(1).await, [2]);
    drop(stream);
    service.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_access_token() {
    let service = start().await;
    let ada = service.customer().await;
    let client = service.signed_in(ada.user_id, &[Role::Customer], Duration::from_secs(2));
    let ada = Account { client, ..ada };
    let mut stream = open(&ada, None).await;
    assert_eq!(stream.block().await, None);
    service.stop().await;
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_streams() {
    let service = start_with(|settings| settings.stream.per_account = 2).await;
    let (ada, bob) = (
        service.customer().await,
        service.register("Bob", &[Role::Customer]).await,
    );
    let first = open(&ada, None).await;
    let second = open(&ada, None).await;
    let reply = ada.client.get("/api/v1/me/events").await.unwrap();
    assert_eq!(problem(&reply), (429, "too_many_streams"));
    assert_eq!(reply.header("retry-after"), Some("30"));
    let of_bob = open(&bob, None).await;
    drop(first);
    wait::until("the closed stream to be noticed", || async {
        let request = ada.client.request(Method::GET, "/api/v1/me/events");
        Ok((request.send().await?.status() == 200).then_some(()))
    })
    .await
    .unwrap();
    drop((second, of_bob));
    service.stop().await;
}

#[tokio::test]
async fn hundreds_of_streams_each_get_their_own_events() {
    let service = start().await;
    let mut accounts = Vec::new();
    for n in 0..50 {
        let account = service.stranger(&[Role::Customer]);
        let name = format!("Customer{n}");
        service
            .tell(1, samples::registered(account.user_id, &name, &[]))
            .await;
        accounts.push(account);
    }
    let mut streams = Vec::new();
    for account in &accounts {
        service.wait_for_titles(account, 1).await;
        for _ in 0..4 {
            streams.push((account.user_id, open(account, None).await));
        }
    }
    for account in &accounts {
        service.tell(1, samples::placed(account.user_id)).await;
    }
    for (user_id, stream) in &mut streams {
        let (id, kind, _) = stream.event().await;
        assert_eq!((id, kind.as_str()), (2, "order.placed"), "{user_id}");
    }
    drop(streams);
    service.stop().await;
}
