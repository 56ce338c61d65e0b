//! Connections to our services: HTTP/2 with prior knowledge, many requests on each.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use http::uri::Authority;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use service_kit::Lifecycle;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::connection::Busy;
use super::tasks::Tasks;
use super::{Attempt, SendError, connect_timeout};
use crate::body::Upload;
use crate::settings::PoolSettings;

/// How much of one reply a service may send ahead of its client.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The head of a reply, in bytes: as much as we take of requests.
const MAX_HEAD: u32 = 64 * 1024;
/// How often a busy connection is asked whether the service is still there, and how long the answer may take.
const PING: Duration = Duration::from_secs(10);
/// After a failed attempt to connect, how long nobody tries again: those who waited for it fail with it.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Http2 {
    authority: Authority,
    settings: PoolSettings,
    tasks: Tasks,
    busy: Arc<AtomicUsize>,
    connections: Lock<Vec<Connection>>,
    /// Locked while a connection is made, so that a burst makes one; when the last attempt failed.
    connecting: Mutex<Option<Instant>>,
}

struct Connection {
    sender: SendRequest<Upload>,
    streams: Arc<AtomicUsize>,
    since: Instant,
}

/// A place on a connection.
struct Place {
    sender: SendRequest<Upload>,
    busy: Busy,
    since: Instant,
}

impl Http2 {
    pub(super) fn new(authority: Authority, settings: PoolSettings, lifecycle: &Lifecycle) -> Self {
        let busy = Arc::new(AtomicUsize::new(0));
        Self {
            authority,
            settings,
            tasks: Tasks::new(lifecycle, Arc::clone(&busy)),
            busy,
            connections: Lock::default(),
            connecting: Mutex::default(),
        }
    }

    pub(super) async fn send(
        &self,
        request: Request<Upload>,
    ) -> Result<(Response<Incoming>, Busy), Attempt> {
        let mut place = match self.place() {
            Some(place) => place,
            None => self.connect().await.map_err(Attempt::Failed)?,
        };
        match place.sender.try_send_request(request).await {
            Ok(response) => Ok((response, place.busy)),
            Err(mut error) => {
                // If we get the request back, it never was on the wire.
                let unsent = error.take_message().is_some();
                let error = error.into_error();
                if unsent || was_not_processed(&error) {
                    self.retire(place.since);
                    return Err(Attempt::Unprocessed(error));
                }
                Err(Attempt::Failed(SendError::Broken(error.into())))
            }
        }
    }

    /// A place on a connection that exists. Connections that are old or closed are let go: what is under way on them
    /// finishes, and then they close.
    fn place(&self) -> Option<Place> {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let life = Duration::from_secs(self.settings.connection_life_s);
        connections.retain(|connection| {
            !connection.sender.is_closed() && connection.since.elapsed() < life
        });
        let free = connections.iter().find(|connection| {
            connection.streams.load(Ordering::Acquire) < self.settings.streams_per_connection
        })?;
        Some(free.place(&self.busy))
    }

    async fn connect(&self) -> Result<Place, SendError> {
        let mut failed = self.connecting.lock().await;
        // Somebody else may have made one while we waited.
        if let Some(place) = self.place() {
            return Ok(place);
        }
        if failed.is_some_and(|at| at.elapsed() < PAUSE) || self.is_full() {
            return Err(SendError::Unavailable(None));
        }
        match timeout(connect_timeout(self.settings), self.open()).await {
            Ok(Ok(connection)) => {
                *failed = None;
                let place = connection.place(&self.busy);
                self.connections
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(connection);
                Ok(place)
            }
            Ok(Err(error)) => {
                *failed = Some(Instant::now());
                Err(SendError::Unavailable(Some(error)))
            }
            Err(late) => {
                *failed = Some(Instant::now());
                Err(SendError::Unavailable(Some(late.into())))
            }
        }
    }

    async fn open(&self) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let host = self.authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.authority.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let streams = u32::try_from(self.settings.streams_per_connection).unwrap_or(u32::MAX);
        let (sender, connection) = Builder::new(self.tasks.clone())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            // Room for every stream at once: a client that does not read must not hold up the others.
            .initial_connection_window_size(
                STREAM_WINDOW.saturating_mul(streams).min((1 << 31) - 1),
            )
            .max_header_list_size(MAX_HEAD)
            .initial_max_send_streams(self.settings.streams_per_connection)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .handshake(TokioIo::new(stream))
            .await?;
        self.tasks.execute(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a service ended early");
            }
        });
        Ok(Connection {
            sender,
            streams: Arc::default(),
            since: Instant::now(),
        })
    }

    fn is_full(&self) -> bool {
        let connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connections.len() >= self.settings.max_connections
    }

    /// Lets go of the connection that was made then.
    fn retire(&self, since: Instant) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| connection.since != since);
    }
}

impl Connection {
    fn place(&self, busy: &Arc<AtomicUsize>) -> Place {
        Place {
            sender: self.sender.clone(),
            busy: Busy::new(busy, Some(&self.streams)),
            since: self.since,
        }
    }
}

/// Whether the service says that it did nothing for the request (RFC 9113, sections 6.8 and 8.7): a GOAWAY before the
/// stream, or a refused stream. An end of the connection without such a word says nothing.
fn was_not_processed(error: &hyper::Error) -> bool {
    let Some(error) = error
        .source()
        .and_then(|source| source.downcast_ref::<h2::Error>())
    else {
        return false;
    };
    let no_error = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (no_error || refused)
}
