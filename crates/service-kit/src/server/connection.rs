//! One connection, from its first byte to its orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::CONNECTION;
use ::http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::{Instant, interval, interval_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::HttpSettings;
use super::activity::{Activity, Reply};
use super::closing::Closing;
use super::service::HttpService;
use super::unread::{AT_THE_END, while_read};
use crate::http::address::Peer;
use crate::lifecycle::Lifecycle;

/// How long an HTTP/1.1 connection stays open after draining began: a request that is on its way then is still answered.
/// HTTP/2 needs no such wait, its GOAWAY says which requests were not begun.
const LINGER: Duration = Duration::from_millis(250);
/// How often a quiet HTTP/2 connection is asked whether its client is still there, and how long the answer may take.
const PING: Duration = Duration::from_secs(20);
/// How much of one request's body, and of all bodies on a connection, a client may send ahead of the handlers. The h2 crate
/// takes small frames that nobody has read yet for a flood once their overhead (256 bytes each) exceeds half of the second:
/// eight of them on each of a thousand streams are none.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Requests at a time on one connection.
const STREAMS: u32 = 1_000;
/// The head of a request, in bytes.
const MAX_HEAD: u32 = 64 * 1024;

/// Serves a connection until its client leaves, is idle or does not read for too long, or the lifecycle ends it.
pub(super) async fn connection<S: HttpService>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
) {
    let (unread, life) = (settings.unread(), lifecycle.clone());
    let served = serve(stream, peer, service, lifecycle, settings);
    while_read(served, unread, life).await;
}

async fn serve<S: HttpService>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
) {
    let activity = Arc::new(Activity::default());
    let stopping = lifecycle.stopping();
    let answers = service_fn({
        let activity = Arc::clone(&activity);
        move |request: Request<Incoming>| {
            answer(request, peer, service.clone(), &activity, stopping.clone())
        }
    });
    let patience = Duration::from_secs(settings.header_timeout_s.max(1));
    let builder = builder(&lifecycle, patience, settings.unread());
    let stream = TokioIo::new(Closing::new(stream, Arc::clone(&activity)));
    let connection = builder.serve_connection(stream, answers);
    tokio::pin!(connection);

    let ended = time_to_end(&lifecycle, &activity);
    tokio::pin!(ended);
    let mut looks = interval(patience);
    looks.tick().await;
    let (mut begun, mut ending, mut draining) = (0, false, false);
    let result = loop {
        tokio::select! {
            biased;
            // First, so that a request that has arrived is read before time is up.
            result = connection.as_mut() => break result,
            // Without the task's budget, which a busy connection uses up.
            () = unconstrained(&mut ended), if !draining => {
                (ending, draining) = (true, true);
                connection.as_mut().graceful_shutdown();
                // Half a head, or a GOAWAY that is not answered: nobody waits for a reply.
                looks = interval_at(Instant::now() + AT_THE_END, AT_THE_END);
            }
            // hyper times the head of a request, but not a client that says nothing at all, nor a quiet HTTP/2 one.
            _ = unconstrained(looks.tick()) => if activity.was_idle_since(&mut begun) {
                if ending {
                    break Ok(());
                }
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

fn answer<S: HttpService>(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    service: S,
    activity: &Arc<Activity>,
    stopping: CancellationToken,
) -> impl Future<Output = Result<Response<Reply<S::ReplyBody>>, Infallible>> + use<S> {
    request.extensions_mut().insert(Peer(peer));
    let http1 = request.version() <= Version::HTTP_11;
    let open = activity.begin(&request);
    async move {
        let mut response = service.oneshot(request).await?;
        if http1 && stopping.is_cancelled() {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Reply::new(body, open)))
    }
}

/// HTTP/1.1 clients read `Connection: close` while the end is announced and have until a little after draining began;
/// HTTP/2 clients get GOAWAY as soon as the end is announced.
async fn time_to_end(lifecycle: &Lifecycle, activity: &Activity) {
    let (stopping, draining) = (lifecycle.stopping(), lifecycle.token());
    let http2 = async {
        activity.is_http2().await;
        stopping.cancelled().await;
    };
    let http1 = async {
        draining.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        () = http2 => {}
        () = http1 => {}
    }
}

fn builder(lifecycle: &Lifecycle, patience: Duration, unread: Duration) -> Builder<Streams> {
    let lifecycle = lifecycle.clone();
    let mut builder = Builder::new(Streams { lifecycle, unread });
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(MAX_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD);
    builder
}

/// Runs the streams of HTTP/2 connections as tasks of the lifecycle.
#[derive(Clone)]
struct Streams {
    lifecycle: Lifecycle,
    unread: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let work = while_read(stream, self.unread, self.lifecycle.clone());
        self.lifecycle.spawn_for_client("stream", work);
    }
}
