//! A connection that is made when it is needed, and made anew after it broke.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt as _, AsyncTcpStream};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use service_kit::error_chain;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::explain;
use super::socket::{CutOnDrop, Socket};
use crate::broker::BrokerError;

/// Why a question to the broker failed.
pub(super) enum Fault {
    /// It was refused, or the connection broke.
    Said(lapin::Error),
    /// No answer came in time.
    Silent(Duration),
}

/// One connection's worth of work, over as many connections as that takes. Those who use it wait with back-off between
/// their tries.
pub(super) struct Line {
    address: Arc<Address>,
    service: &'static str,
    purpose: &'static str,
    open: Mutex<Option<Arc<Open>>>,
    last_failure: StdMutex<Failure>,
    /// Frames are large enough; no more once one was not, for all connections from then on.
    frames_are_enough: AtomicBool,
    closed: CancellationToken,
}

#[derive(Default)]
struct Failure {
    count: u64,
    error: Option<BrokerError>,
}

/// A connection that was made. Dropping it ends it at once.
pub(super) struct Open {
    pub(super) connection: Connection,
    socket: CutOnDrop,
}

impl Open {
    /// Ends it at once, for all who use it.
    pub(super) fn cut(&self) {
        self.socket.0.cut();
    }
}

impl Line {
    pub(super) fn new(address: Arc<Address>, service: &'static str, purpose: &'static str) -> Self {
        Self {
            address,
            service,
            purpose,
            open: Mutex::default(),
            last_failure: StdMutex::default(),
            frames_are_enough: AtomicBool::new(true),
            closed: CancellationToken::new(),
        }
    }

    pub(super) fn address(&self) -> &Arc<Address> {
        &self.address
    }

    /// The connection, making it if there is none.
    pub(super) async fn open(&self) -> Result<Arc<Open>, BrokerError> {
        let failures = self.failures(|failure| failure.count);
        let mut open = self.open.lock().await;
        if self.closed.is_cancelled() {
            return Err(BrokerError::Closed);
        }
        if let Some(open) = &*open
            && open.connection.status().connected()
        {
            return Ok(Arc::clone(open));
        }
        *open = None;
        // Somebody else's try failed while this one waited for it: asking again at once would only wait as long.
        if let Some(error) = self.failures(|last| {
            let is_new = last.count != failures;
            last.error.clone().filter(|_| is_new)
        }) {
            return Err(error);
        }
        let made = self.dial().await;
        self.report(&made);
        let made = Arc::new(made?);
        *open = Some(Arc::clone(&made));
        Ok(made)
    }

    /// A new channel on the connection.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        let open = self.open().await?;
        let channel = self.ask(open.connection.create_channel()).await;
        channel.map_err(|fault| self.explain(fault))
    }

    /// Waits for an answer, but not for ever: a connection on which none comes in time is ended.
    pub(super) async fn ask<T>(
        &self,
        answer: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Fault> {
        let patience = self.address.settings().answer_timeout();
        if let Ok(answer) = tokio::time::timeout(patience, answer).await {
            return answer.map_err(Fault::Said);
        }
        if let Some(open) = &*self.open.lock().await {
            open.cut();
        }
        Err(Fault::Silent(patience))
    }

    /// What a fault means; a frame that was too large for the connection leaves their size to the broker for the next one.
    /// Otherwise a message with many headers would be delivered, and break the connection, for ever.
    pub(super) fn explain(&self, fault: Fault) -> BrokerError {
        match fault {
            Fault::Said(error) => {
                if explain::is_of_frames(&error) {
                    self.frames_are_enough.store(false, Ordering::Relaxed);
                }
                explain::refused(&self.address, &error)
            }
            Fault::Silent(patience) => self.silent(patience),
        }
    }

    /// Ends the connection in order, and makes none any more.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        let Some(open) = self.open.lock().await.take() else {
            return;
        };
        if !open.connection.status().blocked() {
            // It ends in any case; in order is better for the broker's log.
            let _ = self.ask(open.connection.close(200, "OK".into())).await;
        }
        self.gauge(0.0);
    }

    async fn dial(&self) -> Result<Open, BrokerError> {
        let tls = self.address.tls();
        let tls = tls.map_err(|error| BrokerError::Refused(error_chain(&error)))?;
        let runtime = lapin::runtime::default_runtime();
        let runtime = runtime.map_err(|error| explain::refused(&self.address, &error))?;
        let (socket, reactor) = (CutOnDrop(Socket::default()), runtime.clone());
        let kept = socket.0.clone();
        let connect = async move |uri: AMQPUri, _| {
            let stream = uri
                .connect_with_config_async(tls.as_ref(), &reactor)
                .await?;
            kept.keep(match &stream {
                AsyncTcpStream::Plain(stream) => stream.get_ref(),
                AsyncTcpStream::Rustls(stream) => stream.get_ref().0.get_ref(),
                _ => return Err(io::Error::other("a stream of an unknown kind").into()),
            })?;
            Ok(stream)
        };
        let name = format!("{} {}", self.service, self.purpose);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let uri = self
            .address
            .uri(self.frames_are_enough.load(Ordering::Relaxed));
        let made = Connection::connector(uri, runtime, connect, properties);
        let patience = self.address.settings().connect_timeout();
        match tokio::time::timeout(patience, made).await {
            Ok(Ok(connection)) => Ok(Open { connection, socket }),
            Ok(Err(error)) => Err(explain::refused_connection(&self.address, &error)),
            Err(_) => Err(self.silent(patience)),
        }
    }

    fn silent(&self, patience: Duration) -> BrokerError {
        let address = &self.address;
        BrokerError::Away(format!(
            "the broker at {address} does not answer within {patience:?}"
        ))
    }

    fn report(&self, made: &Result<Open, BrokerError>) {
        self.failures(|last| {
            last.error = made.as_ref().err().cloned();
            last.count += u64::from(made.is_err());
        });
        if made.is_ok() {
            metrics::counter!("shop_broker_connections_total", "service" => self.service, "purpose" => self.purpose)
                .increment(1);
        }
        self.gauge(if made.is_ok() { 1.0 } else { 0.0 });
    }

    fn gauge(&self, connected: f64) {
        metrics::gauge!("shop_broker_connected", "service" => self.service, "purpose" => self.purpose)
            .set(connected);
    }

    fn failures<T>(&self, work: impl FnOnce(&mut Failure) -> T) -> T {
        let mut last = self
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut last)
    }
}
