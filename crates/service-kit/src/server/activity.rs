//! What a connection is doing, so that one that does nothing can be ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use http::{Request, Version};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use super::unread;

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    open: AtomicUsize,
    /// Whether the last request came whole: it had no body, or is a stream of HTTP/2, which ends by itself.
    whole: AtomicBool,
    http2: AtomicBool,
    http2_seen: Notify,
}

impl Activity {
    /// Notes that a request came; it is open until what this gives is dropped.
    pub(super) fn begin<B: Body>(self: &Arc<Self>, request: &Request<B>) -> Open {
        let http2 = request.version() > Version::HTTP_11;
        let whole = http2 || request.body().is_end_stream();
        self.whole.store(whole, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        if http2 && !self.http2.swap(true, Ordering::Relaxed) {
            self.http2_seen.notify_one();
        }
        Open(Arc::clone(self))
    }

    /// Waits until the connection is known to speak HTTP/2.
    pub(super) async fn is_http2(&self) {
        if !self.http2.load(Ordering::Relaxed) {
            self.http2_seen.notified().await;
        }
    }

    /// Whether a part of what the client has sent, or still sends, may never be read: the rest of the last request's body, or
    /// of a first request whose head was refused.
    pub(super) fn may_leave_bytes_unread(&self) -> bool {
        !self.whole.load(Ordering::Relaxed)
    }

    /// Whether no request is open and none began since `begun`, which is brought up to date.
    pub(super) fn was_idle_since(&self, begun: &mut u64) -> bool {
        let now = self.begun.load(Ordering::Relaxed);
        let before = std::mem::replace(begun, now);
        before == now && self.open.load(Ordering::Relaxed) == 0
    }
}

/// A request that is not answered to its end yet.
#[derive(Debug)]
pub(super) struct Open(Arc<Activity>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a reply; its request is open until the last byte was handed over.
pub(super) struct Reply<B> {
    body: B,
    _open: Open,
}

impl<B> Reply<B> {
    pub(super) fn new(body: B, open: Open) -> Self {
        unread::step(true);
        Self { body, _open: open }
    }
}

impl<B> Drop for Reply<B> {
    fn drop(&mut self) {
        unread::step(false);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        unread::step(polled.is_ready());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as AnyBody;

    use super::*;

    #[test]
    fn a_connection_is_idle_only_if_nothing_is_open_and_nothing_began() {
        let (activity, mut begun) = (Arc::new(Activity::default()), 0);
        assert!(activity.was_idle_since(&mut begun));
        let open = activity.begin(&Request::new(AnyBody::empty()));
        assert!(!activity.was_idle_since(&mut begun), "one began");
        assert!(!activity.was_idle_since(&mut begun), "it is open");
        let reply = Reply::new(AnyBody::empty(), open);
        assert!(!activity.was_idle_since(&mut begun), "its reply is sent");
        drop(reply);
        assert!(activity.was_idle_since(&mut begun));
    }
}
