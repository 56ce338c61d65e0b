//! Bodies of answers: those of watches can be held back, and ended as expired.

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::sync::watch;
use tower::BoxError;

pub(crate) type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// What all watches obey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// They bring nothing.
    pub(crate) held: bool,
    /// How often they were told that they are too old, and have to begin anew.
    pub(crate) expired: usize,
}

/// What an API server says that has forgotten where a watch is.
const EXPIRED: &[u8] = br#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}
"#;

/// All of it at once.
pub(super) fn whole(bytes: Bytes) -> Answer {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// As it comes.
pub(super) fn plain<B>(body: B) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// As it comes, and as it is ordered since it was asked for: by then it had `begun`.
pub(super) fn obedient<B>(
    body: B,
    may_be_held: bool,
    orders: watch::Receiver<Orders>,
    begun: Orders,
) -> Answer
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    StreamBody::new(frames(body, may_be_held, orders, begun.expired)).boxed_unsync()
}

fn frames<B>(
    body: B,
    may_be_held: bool,
    orders: watch::Receiver<Orders>,
    begun: usize,
) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    stream::unfold(Some((body, orders)), move |state| async move {
        let (mut body, mut orders) = state?;
        loop {
            let now = *orders.borrow_and_update();
            if now.expired != begun {
                return Some((Ok(Frame::data(Bytes::from_static(EXPIRED))), None));
            }
            if now.held && may_be_held {
                orders.changed().await.ok()?;
                continue;
            }
            tokio::select! {
                biased;
                changed = orders.changed() => changed.ok()?,
                frame = body.frame() => {
                    let frame = frame?.map_err(Into::into);
                    return Some((frame, Some((body, orders))));
                }
            }
        }
    })
}
