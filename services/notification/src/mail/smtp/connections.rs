//! Connections to a mail server: made, kept for the next mail, and closed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::Instant;

/// How long an unused connection is kept: less than servers wait (RFC 5321 asks for five minutes).
const IDLE: Duration = Duration::from_mins(1);

/// How long a server may take to answer a good-bye. One that hangs never does.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection is protected.
pub(super) enum Protection {
    None,
    StartTls(TlsParameters),
    Tls(TlsParameters),
}

/// The connections to one server.
pub(super) struct Connections {
    server: (String, u16),
    protection: Protection,
    credentials: Option<Credentials>,
    /// For what may be in vain, a dead address or a dead connection: a part of the time that a mail has.
    patience: Duration,
    at_most: usize,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl Connections {
    pub(super) fn new(
        server: (String, u16),
        protection: Protection,
        credentials: Option<Credentials>,
        deadline: Duration,
        at_most: usize,
    ) -> Self {
        Self {
            server,
            protection,
            credentials,
            patience: deadline / 4,
            at_most,
            kept: Mutex::default(),
        }
    }

    /// One that was kept and still works, else a new one. Whoever waits for it sets the deadline.
    pub(super) async fn get(&self) -> Result<AsyncSmtpConnection, Error> {
        loop {
            let Some(mut kept) = self.kept().pop() else {
                return self.connect().await;
            };
            let working = kept.connection.test_connected();
            match tokio::time::timeout(self.patience, working).await {
                Ok(true) => return Ok(kept.connection),
                // The server closed it.
                Ok(false) => {}
                // The server, or the way to it, was gone for a while, and nothing that was kept will work again.
                Err(_) => self.kept().clear(),
            }
        }
    }

    /// Keeps a connection that nothing is going on over.
    pub(super) fn keep(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.kept();
        if kept.len() < self.at_most {
            kept.push(Kept {
                connection,
                since: Instant::now(),
            });
        }
    }

    /// Closes those that have not been used for a while.
    pub(super) async fn close_unused(&self) {
        let now = Instant::now();
        // The last that was kept is the first that is used.
        let unused: Vec<_> = {
            let mut kept = self.kept();
            let unused = kept
                .iter()
                .take_while(|kept| now.duration_since(kept.since) >= IDLE)
                .count();
            kept.drain(..unused).collect()
        };
        say_goodbye(unused).await;
    }

    /// Closes all.
    pub(super) async fn close_all(&self) {
        let all = std::mem::take(&mut *self.kept());
        say_goodbye(all).await;
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (host, port) = &self.server;
        let name = ClientId::default();
        let tls = match &self.protection {
            Protection::Tls(tls) => Some(tls.clone()),
            Protection::None | Protection::StartTls(_) => None,
        };
        let connecting = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(self.patience),
            &name,
            tls,
            None,
        );
        let mut connection = connecting.await?;
        if let Protection::StartTls(tls) = &self.protection {
            connection.starttls(tls.clone(), &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// An orderly end, which RFC 5321 (section 4.1.1.10) asks for. Whoever does not answer is left.
async fn say_goodbye(connections: Vec<Kept>) {
    let closing = connections.into_iter().map(async |mut kept| {
        let _ = tokio::time::timeout(GOODBYE, kept.connection.abort()).await;
    });
    join_all(closing).await;
}
