//! Taking connections: at most so many at a time, and none is lost when the taking ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::HttpSettings;
use super::connection::connection;
use super::files;
use super::service::HttpService;
use crate::lifecycle::Lifecycle;

/// How long to wait after the system refused to accept: it has no file descriptors left, and asking again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long sent bytes may stay unacknowledged, or a client may refuse to read, before the connection is given up.
const STALLED: Duration = Duration::from_secs(30);

/// Accepts and serves connections until the lifecycle drains; each connection is a task of it.
pub(crate) async fn serve<S: HttpService>(
    listener: TcpListener,
    service: S,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
) {
    let server = Server {
        service,
        lifecycle,
        settings,
    };
    let draining = server.lifecycle.token();
    let places = Arc::new(Semaphore::new(files::places(
        server.settings.max_connections,
    )));
    loop {
        let accepted = tokio::select! {
            () = draining.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => server.begin(stream, peer, place),
            // That client has gone already; the next one may be waiting.
            Err(error) if of_one_client(error.kind()) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    server.take_waiting(listener, &places);
}

struct Server<S> {
    service: S,
    lifecycle: Lifecycle,
    settings: Arc<HttpSettings>,
}

impl<S: HttpService> Server<S> {
    fn begin(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let connection = connection(
            stream,
            peer,
            self.service.clone(),
            self.lifecycle.clone(),
            Arc::clone(&self.settings),
        );
        self.lifecycle.spawn_for_client("connection", async move {
            connection.await;
            drop(place);
        });
    }

    /// Serves the clients that the system has connected already: closing the socket would reset them, and they may have
    /// sent their request.
    fn take_waiting(&self, listener: TcpListener, places: &Arc<Semaphore>) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok(place) = Arc::clone(places).try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
        {
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream))
                .and_then(prepared);
            if let Ok(stream) = stream {
                self.begin(stream, peer, place);
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((prepared(stream)?, peer, place))
}

fn prepared(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(STALLED))?;
    Ok(stream)
}

fn of_one_client(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::InvalidInput
            | ErrorKind::NotConnected
    )
}
