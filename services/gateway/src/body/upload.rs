//! The body of a request on its way to a service.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Of a body that was begun, so many bytes are kept for sending it again, should the service refuse it unseen.
const KEPT: usize = 64 * 1024;

/// Why a body did not reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It is larger than its route allows.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// The client went away, or sent nonsense.
    #[error("the client did not finish its body")]
    Client,
}

/// The body as the service's connection reads it.
pub(crate) struct Upload {
    source: Option<UploadHandle>,
    next: usize,
}

/// The body as the gateway keeps it until the service has answered.
#[derive(Clone)]
pub(crate) struct UploadHandle(Arc<Mutex<Source>>);

struct Source {
    body: Incoming,
    left: u64,
    sent: Vec<Bytes>,
    sent_bytes: usize,
    /// Whether everything that was taken from the body is in `sent`.
    complete: bool,
    /// Whether it is the client who is waited for.
    starved: bool,
    ended: bool,
    failure: Option<Failure>,
}

impl UploadHandle {
    /// A body of at most `limit` bytes; none if the request has no body.
    pub(crate) fn new(body: Incoming, limit: u64) -> Option<Self> {
        if body.is_end_stream() {
            return None;
        }
        Some(Self(Arc::new(Mutex::new(Source {
            body,
            left: limit,
            sent: Vec::new(),
            sent_bytes: 0,
            complete: true,
            starved: false,
            ended: false,
            failure: None,
        }))))
    }

    /// Whether the whole body can be sent (again).
    pub(crate) fn is_complete(&self) -> bool {
        let source = self.source();
        source.complete && source.failure.is_none()
    }

    /// Why the body did not reach the service, if it is the client's doing.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.source().failure
    }

    /// Whether the client has sent everything.
    pub(crate) fn has_ended(&self) -> bool {
        self.source().ended
    }

    /// Returns when the client has sent nothing for so long although it was waited for; never if all is here.
    pub(crate) async fn stalls(&self, patience: Duration) {
        let look = || {
            let source = self.source();
            (!source.ended).then_some((source.starved, source.left))
        };
        while let Some(before) = look() {
            tokio::time::sleep(patience).await;
            if before.0 && look() == Some(before) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// The body from its beginning.
    pub(crate) fn from_start(source: Option<&UploadHandle>) -> Self {
        Self {
            source: source.cloned(),
            next: 0,
        }
    }
}

impl Source {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            self.starved = polled.is_pending();
            let frame = match ready!(polled) {
                None => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(self.fail(Failure::Client)))),
                Some(Ok(frame)) => frame,
            };
            // Trailers are for the next hop only, unless both sides said otherwise; nothing here does.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let Some(left) = self.left.checked_sub(size) else {
                return Poll::Ready(Some(Err(self.fail(Failure::TooLarge))));
            };
            self.left = left;
            self.ended = self.body.is_end_stream();
            self.keep(&data);
            return Poll::Ready(Some(Ok(data)));
        }
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        self.failure = Some(failure);
        failure
    }

    fn keep(&mut self, data: &Bytes) {
        self.sent_bytes = self.sent_bytes.saturating_add(data.len());
        if self.complete && self.sent_bytes <= KEPT {
            self.sent.push(data.clone());
        } else {
            self.complete = false;
            self.sent = Vec::new();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Some(handle) = self.source.clone() else {
            return Poll::Ready(None);
        };
        let mut source = handle.source();
        let data = if let Some(again) = source.sent.get(self.next) {
            Some(Ok(again.clone()))
        } else {
            ready!(source.poll_body(cx))
        };
        self.next = self.next.saturating_add(1);
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    /// Told with the last piece, so that it carries the end of the stream. HTTP/2 servers count small frames that do not end
    /// their stream and take many of them for a flood.
    fn is_end_stream(&self) -> bool {
        self.source.as_ref().is_none_or(|handle| {
            let source = handle.source();
            source.ended && (!source.complete || self.next >= source.sent.len())
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(handle) = &self.source else {
            return SizeHint::with_exact(0);
        };
        let source = handle.source();
        if self.next == 0 && source.sent_bytes == 0 {
            return source.body.size_hint();
        }
        SizeHint::default()
    }
}
