//! A broken network between two real processes: a TCP proxy on one edge that can be told, while it runs, what to break.

mod connection;
mod pattern;
mod port;
mod rules;
mod target;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

pub(crate) use port::Port;
pub use rules::{Cut, Direction};
use rules::{Flow, Rules};
use target::Target;

/// Listens on a port that stays its own and passes everything on to one server, as long as it is not told otherwise. Dropped,
/// it resets all connections.
pub struct Proxy {
    port: Port,
    target: Target,
    rules: watch::Sender<Rules>,
    connections: TaskTracker,
    /// How many were ever taken.
    taken: Arc<AtomicUsize>,
    /// The task that takes connections; none while they are refused.
    listening: Mutex<JoinSet<()>>,
}

impl Proxy {
    /// In front of the server that a URL (`postgres:`, `mongodb:`, `amqp:`, `http:`, …) names; see [`Self::url`].
    pub async fn before(url: &str) -> Result<Self> {
        Self::start(Target::of_url(url)?).await
    }

    /// In front of the server at an address.
    pub async fn before_address(address: SocketAddr) -> Result<Self> {
        Self::start(Target::of_address(address)).await
    }

    async fn start(target: Target) -> Result<Self> {
        let proxy = Self {
            port: Port::reserve()?,
            target,
            rules: watch::Sender::new(Rules::default()),
            connections: TaskTracker::new(),
            taken: Arc::default(),
            listening: Mutex::default(),
        };
        proxy.pass().await?;
        Ok(proxy)
    }

    /// Where it listens, for its whole life.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL it was started with, through this proxy. For MongoDB it says `directConnection=true`, because a client that finds
    /// the members of the replica set by itself would go around it.
    #[must_use]
    pub fn url(&self) -> String {
        self.target.url_through(self.address())
    }

    /// How many connections are alive.
    #[must_use]
    pub fn live(&self) -> usize {
        self.connections.len()
    }

    /// How many connections were ever taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Everything works again, for new connections and for those that live: what was held back arrives.
    pub async fn pass(&self) -> Result<()> {
        self.rules.send_modify(Rules::heal);
        if self.lock().is_empty() {
            let listener = self.port.listen()?;
            let work = accept(
                listener,
                self.target.address().await?,
                self.rules.subscribe(),
                self.connections.clone(),
                Arc::clone(&self.taken),
            );
            self.lock().spawn(work);
        }
        Ok(())
    }

    /// New connections are refused, as when nobody listens. Those that live go on; see [`Self::reset`].
    pub async fn refuse(&self) {
        let mut listening = std::mem::take(&mut *self.lock());
        listening.shutdown().await;
    }

    /// Resets the connections that live, on both sides. New ones are as before.
    pub fn reset(&self) {
        self.rules.send_modify(|rules| rules.generation += 1);
    }

    /// The server is gone: what lives is reset, what is new is refused.
    pub async fn cut_off(&self) {
        self.refuse().await;
        self.reset();
    }

    /// Nothing comes through that way, but nobody is told: connections stay and are accepted. Bytes are held back, and arrive when
    /// [`Self::pass`] heals it, as TCP would send them again.
    pub fn black_hole(&self, direction: Direction) {
        self.rules
            .send_modify(|rules| rules.set(direction, Flow::Hold));
    }

    /// Everything takes this much longer, each way of the direction.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.rules
            .send_modify(|rules| rules.set(direction, Flow::Delay(delay)));
    }

    /// Once: when a client sends these bytes (such as `COMMIT` or `commitTransaction`), they reach the server, but the first bytes it
    /// answers after them do not come back: the connection is reset on both sides. The client cannot know whether it was done.
    ///
    /// For protocols with one request at a time on a connection; where several are under way, the answer to an earlier one may be
    /// what ends it. Bytes within TLS are not seen.
    pub fn cut_reply_after(&self, request: &[u8]) -> Cut {
        let cut = Cut::new(request);
        self.rules
            .send_modify(|rules| rules.cut = Some(cut.clone()));
        cut
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until it is aborted, which closes the listener.
async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    rules: watch::Receiver<Rules>,
    connections: TaskTracker,
    taken: Arc<AtomicUsize>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of descriptors, or a client that was gone before it was taken: neither ends the proxy.
            tokio::task::yield_now().await;
            continue;
        };
        taken.fetch_add(1, Ordering::SeqCst);
        connections.spawn(connection::run(client, target, rules.clone()));
    }
}
