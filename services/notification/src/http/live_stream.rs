//! `GET /api/v1/me/events`: the live stream, as server-sent events.
//!
//! An event's `id` is its number in the account's own stream. The stream reads from the table after the last number it
//! sent, so whichever replica a client comes back to, `Last-Event-ID` loses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use access_token::Caller;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use contracts::UserId;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use service_kit::error_chain;
use service_kit::http::{Problem, ProblemBody, single_header};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use crate::http::{Api, problems};
use crate::store::{Notification, NotificationStore};
use crate::streams::Interest;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Rows read at a time: bounds what a slow client makes us hold.
const BATCH: u32 = 50;
/// How long a stream waits before it asks a store that is away again.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// Follow your notifications
///
/// Server-sent events. `id` counts your notifications, `event` is the type (`order.confirmed`), `data` is JSON with
/// `notification_id`, `title`, `body`, `created_at` and what it is about (`order_id`, …). The first block names the id the
/// stream begins after, so a client that reconnects with it in `Last-Event-ID` misses nothing; without that header, or
/// with an id that is yet to come, the stream starts now. A comment is sent after some seconds of silence. The stream
/// ends when the access token does, and when the service shuts down: reconnect, with a new token if need be.
#[utoipa::path(
    get,
    path = "/api/v1/me/events",
    tag = "notifications",
    operation_id = "followNotifications",
    params(("Last-Event-ID" = Option<String>, Header, description = "the id of the last event you saw")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "The stream"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_last_event_id`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`token_missing`, `token_expired`, `token_invalid`"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "`too_many_streams`"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`unavailable`, `keys_unavailable`"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn live_stream(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last_seen = last_event_id(&headers)?;
    let interest = api.streams.register(caller.user_id)?;
    let end = api.store.stream_end(caller.user_id).await?;
    let rest = caller.expires_at.since(api.present.now());
    let live = Live {
        store: api.store,
        reader: caller.user_id,
        interest,
        sent: last_seen.map_or(end, |seen| seen.min(end)),
        pending: VecDeque::new(),
        opened: false,
        heartbeat: api.heartbeat,
        token_ends: Box::pin(tokio::time::sleep(rest)),
        draining: api.draining,
    };
    let frames = futures_util::stream::unfold(live, Live::next);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// The number in `Last-Event-ID`: digits only, as we write them.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(text) = single_header(headers, &LAST_EVENT_ID)? else {
        return Ok(None);
    };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problems::invalid_last_event_id());
    }
    let number = text
        .parse()
        .map_err(|_| problems::invalid_last_event_id())?;
    Ok(Some(number))
}

/// One open stream.
struct Live {
    store: Arc<dyn NotificationStore>,
    reader: UserId,
    interest: Interest,
    /// The last number that was sent.
    sent: i64,
    pending: VecDeque<Notification>,
    opened: bool,
    heartbeat: Duration,
    token_ends: Pin<Box<Sleep>>,
    draining: CancellationToken,
}

impl Live {
    /// The next piece of the stream; none at its end.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if !self.opened {
            self.opened = true;
            let opening = format!("retry: 2000\nid: {}\n: open\n\n", self.sent);
            return Some((Ok(Bytes::from(opening)), self));
        }
        let heartbeat = tokio::time::sleep(self.heartbeat);
        tokio::pin!(heartbeat);
        loop {
            if self.draining.is_cancelled() || self.token_ends.is_elapsed() {
                return None;
            }
            if let Some(notification) = self.pending.pop_front() {
                self.sent = notification.stream_seq;
                return Some((Ok(frame(&notification)), self));
            }
            let read_again = match self.read().await {
                Some(0) => false,
                Some(_) => continue,
                None => true,
            };
            tokio::select! {
                () = self.draining.cancelled() => return None,
                () = self.token_ends.as_mut() => return None,
                () = heartbeat.as_mut() => return Some((Ok(Bytes::from_static(b":\n\n")), self)),
                () = self.interest.woken() => {}
                () = tokio::time::sleep(STORE_WAIT), if read_again => {}
            }
        }
    }

    /// Reads what comes next; how many, or none if the store is away.
    async fn read(&mut self) -> Option<usize> {
        match self.store.stream_after(self.reader, self.sent, BATCH).await {
            Ok(found) => {
                self.pending.extend(found);
                Some(self.pending.len())
            }
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(error, "a live stream waits for the store");
                None
            }
        }
    }
}

/// An event of the stream. JSON has no line breaks of its own, so one `data` line holds it.
fn frame(notification: &Notification) -> Bytes {
    let mut data = json!({
        "notification_id": notification.id,
        "title": notification.title,
        "body": notification.body,
        "created_at": notification.created_at,
    });
    if let (Value::Object(data), Value::Object(about)) = (&mut data, &notification.data) {
        data.extend(about.clone());
    }
    let (id, kind) = (
        notification.stream_seq,
        notification.event_type.unversioned(),
    );
    Bytes::from(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n"))
}
