//! The body of a reply on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::upstream::Busy;

/// Why a reply was cut off: the client sees an aborted body, never a shorter one.
#[derive(Debug, thiserror::Error)]
pub enum Aborted {
    /// The service broke off.
    #[error("the service broke off its reply")]
    Upstream(#[source] hyper::Error),
    /// The service took too long.
    #[error("the service did not finish its reply in time")]
    Late,
}

/// When a forwarded body has to end.
pub(crate) enum Ending {
    /// By then, or it is cut off.
    Deadline(Instant),
    /// It has no end; it is ended in good order when the gateway drains.
    Drain(CancellationToken),
}

/// The body of a reply.
pub struct Download(Kind);

enum Kind {
    Own(Bytes),
    Forwarded(Forwarded),
}

struct Forwarded {
    body: Incoming,
    limit: Limit,
    _busy: Busy,
}

enum Limit {
    /// The timer is made when there is something to wait for: most bodies are here at once.
    Deadline(Instant, Option<Pin<Box<Sleep>>>),
    Drain(Pin<Box<WaitForCancellationFutureOwned>>),
}

impl Download {
    /// A body of the gateway's own.
    pub(crate) fn own(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Own(bytes.into()))
    }

    /// A service's body.
    pub(crate) fn forwarded(body: Incoming, ending: Ending, busy: Busy) -> Self {
        let limit = match ending {
            Ending::Deadline(at) => Limit::Deadline(at, None),
            Ending::Drain(token) => Limit::Drain(Box::pin(token.cancelled_owned())),
        };
        Self(Kind::Forwarded(Forwarded {
            body,
            limit,
            _busy: busy,
        }))
    }
}

impl Limit {
    /// Whether the body is over although the service did not end it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self {
            Self::Deadline(at, timer) => timer
                .get_or_insert_with(|| Box::pin(sleep_until(*at)))
                .as_mut()
                .poll(cx)
                .map(|()| Some(Err(Aborted::Late))),
            Self::Drain(drained) => drained.as_mut().poll(cx).map(|()| None),
        }
    }

    /// The same without waiting for it: a service that always has more to say must not go on for ever.
    fn has_passed(&self) -> bool {
        matches!(self, Self::Deadline(at, _) if Instant::now() >= *at)
    }
}

impl Forwarded {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if let Limit::Drain(_) = self.limit
            && let Poll::Ready(end) = self.limit.poll(cx)
        {
            return Poll::Ready(end);
        }
        loop {
            return match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => self.limit.poll(cx),
                Poll::Ready(Some(Ok(_))) if self.limit.has_passed() => {
                    Poll::Ready(Some(Err(Aborted::Late)))
                }
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => Poll::Ready(Some(Ok(frame))),
                // Trailers are for one hop.
                Poll::Ready(Some(Ok(_))) => continue,
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Aborted::Upstream(error)))),
                Poll::Ready(None) => Poll::Ready(None),
            };
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut self.0 {
            Kind::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Forwarded(forwarded) => forwarded.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Own(bytes) => bytes.is_empty(),
            Kind::Forwarded(forwarded) => forwarded.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Own(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Kind::Forwarded(forwarded) => forwarded.body.size_hint(),
        }
    }
}
