//! Closing a connection so that its client can read the last reply.
//!
//! A request may be answered before all of it was read: its body is too large, of another type, or sent by nobody that is
//! known. Closing the socket then would throw away what the client sent, which TCP tells it with a reset: its writing fails,
//! and the reply is lost. Only the writing half is closed at first, and what still comes is read and thrown away until the
//! client has seen the end and closes too, or has had long enough.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::activity::Activity;

/// How long a client that was answered early may go on sending. It bounds what one that never stops can cost: its place, and
/// the reading of what it sends. A client that takes longer to send the rest, or to see the reply, may get a reset.
const DISCARDS_FOR: Duration = Duration::from_secs(1);
/// How many bytes are thrown away at a time; they lie on the stack.
const PIECE: usize = 8 * 1024;

/// The socket of a connection. Shutting it down takes until the client has had its chance to read the last reply.
pub(super) struct Closing {
    stream: TcpStream,
    activity: Arc<Activity>,
    /// Whether the client has said anything.
    heard: bool,
    end: End,
}

enum End {
    Open,
    Discarding(Pin<Box<Sleep>>),
    Over,
}

impl Closing {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            heard: false,
            end: End::Open,
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for Closing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = self.as_mut().stream().poll_read(cx, buffer);
        self.heard |= buffer.filled().len() > before;
        polled
    }
}

impl AsyncWrite for Closing {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if matches!(this.end, End::Open) {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.end = if this.heard && this.activity.may_leave_bytes_unread() {
                End::Discarding(Box::pin(sleep(DISCARDS_FOR)))
            } else {
                End::Over
            };
        }
        if let End::Discarding(time) = &mut this.end {
            ready!(discard(&mut this.stream, time.as_mut(), cx));
            this.end = End::Over;
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads and throws away until the client closes, its connection fails, or the time is over. A client that sends faster than
/// this reads does not keep the thread: reading costs the task's budget.
fn discard(stream: &mut TcpStream, mut time: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    let mut piece = [MaybeUninit::uninit(); PIECE];
    while time.as_mut().poll(cx).is_pending() {
        let mut piece = ReadBuf::uninit(&mut piece);
        let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut piece));
        if read.is_err() || piece.filled().is_empty() {
            break;
        }
    }
    Poll::Ready(())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use axum::body::Body;
    use futures_util::poll;
    use http::{Request, Version};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A connection whose client has said something, and the client.
    async fn connected(request: Option<Request<Body>>) -> (Closing, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let activity = Arc::new(Activity::default());
        if let Some(request) = request {
            drop(activity.begin(&request));
        }
        let mut closing = Closing::new(stream, activity);
        client.write_all(b"x").await.unwrap();
        assert_eq!(closing.read_u8().await.unwrap(), b'x');
        (closing, client)
    }

    fn request(version: Version, body: &'static str) -> Request<Body> {
        let mut request = Request::new(Body::from(body));
        *request.version_mut() = version;
        request
    }

    /// Whether it is closed without a wait.
    async fn is_closed_at_once(closing: &mut Closing) -> bool {
        poll!(pin!(closing.shutdown())).is_ready()
    }

    #[tokio::test]
    async fn a_connection_with_nothing_left_to_read_is_closed_at_once() {
        for request in [
            request(Version::HTTP_11, ""),
            request(Version::HTTP_2, "body"),
        ] {
            let (mut closing, _client) = connected(Some(request)).await;
            assert!(is_closed_at_once(&mut closing).await);
        }
    }

    #[tokio::test]
    async fn a_connection_whose_client_has_said_nothing_is_closed_at_once() {
        let (closing, _client) = connected(None).await;
        let mut closing = Closing::new(closing.stream, closing.activity);
        assert!(is_closed_at_once(&mut closing).await);
    }

    #[tokio::test]
    async fn a_connection_that_may_have_bytes_unread_waits_for_its_client() {
        // A body, and a head that was refused.
        for request in [Some(request(Version::HTTP_11, "body")), None] {
            let (mut closing, mut client) = connected(request).await;
            assert!(!is_closed_at_once(&mut closing).await);
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it sees the end");
            client.write_all(&[0; 2 * PIECE]).await.unwrap();
            assert!(!is_closed_at_once(&mut closing).await);
            drop(client);
            closing.shutdown().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_close_is_waited_for_so_long_and_no_longer() {
        let (mut closing, _client) = connected(None).await;
        assert!(!is_closed_at_once(&mut closing).await);
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        closing.shutdown().await.unwrap();
        let waited = begun.elapsed();
        assert!(
            waited <= DISCARDS_FOR + Duration::from_millis(1),
            "{waited:?}"
        );
    }
}
