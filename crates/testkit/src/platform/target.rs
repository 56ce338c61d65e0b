//! Where a replica is at the moment, and whether it is ready: what the load balancer goes by.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a process may take to say whether it is ready.
const DEADLINE: Duration = Duration::from_secs(1);
/// One that says nothing so many times in a row is not ready any more (the `failureThreshold` of a probe in Kubernetes): on a
/// busy machine everybody is late now and then.
const SILENCES: u32 = 3;

/// Where a process listens.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub(super) service: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// A replica as its load balancer sees it.
#[derive(Default)]
pub(super) struct Target(Mutex<State>);

#[derive(Default)]
struct State {
    addresses: Option<Addresses>,
    ready: bool,
    /// Looks in a row that were not answered in time.
    silent: u32,
}

impl Target {
    pub(super) fn starts_at(&self, port: u16, admin_port: u16) {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        *self.lock() = State {
            addresses: Some(Addresses {
                service: at(port),
                admin: at(admin_port),
            }),
            ready: false,
            silent: 0,
        };
    }

    pub(super) fn is_gone(&self) {
        self.lock().ready = false;
    }

    pub(super) fn addresses(&self) -> Option<Addresses> {
        self.lock().addresses
    }

    /// Where to connect to, if it is ready.
    pub(super) fn ready(&self) -> Option<SocketAddr> {
        let state = self.lock();
        state
            .addresses
            .filter(|_| state.ready)
            .map(|addresses| addresses.service)
    }

    /// Asks `/readyz`, and remembers the answer.
    pub(super) async fn look(&self) -> bool {
        let Some(Addresses { admin, .. }) = self.addresses() else {
            return false;
        };
        let asked = tokio::time::timeout(DEADLINE, ask(admin)).await;
        let mut state = self.lock();
        // It may have been started anew meanwhile.
        if state.addresses.is_none_or(|now| now.admin != admin) {
            return false;
        }
        if let Ok(answer) = asked {
            state.silent = 0;
            state.ready = answer.unwrap_or(false);
        } else {
            state.silent = state.silent.saturating_add(1);
            state.ready &= state.silent < SILENCES;
        }
        state.ready
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(admin: SocketAddr) -> Result<bool> {
    let mut connection = TcpStream::connect(admin).await?;
    let request = "GET /readyz HTTP/1.1\r\nhost: replica\r\nconnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    connection.read_exact(&mut head).await?;
    Ok(&head == b"HTTP/1.1 200")
}
