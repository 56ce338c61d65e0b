//! One address for all replicas of a service, as a Kubernetes Service is: connections go round to those that are ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::target::Target;
use crate::chaos::Port;

/// Between two looks at who is ready.
const PERIOD: Duration = Duration::from_millis(100);

/// Passes each new connection on to the next replica that is ready, and to another one if that refuses it. While none is ready,
/// connections are refused. A connection stays with its replica, ready or not.
pub(super) struct Balancer {
    address: SocketAddr,
    _work: JoinSet<()>,
}

impl Balancer {
    pub(super) fn start(targets: Vec<Arc<Target>>) -> Result<Self> {
        let port = Port::reserve()?;
        let address = port.address();
        let targets: Arc<[Arc<Target>]> = targets.into();
        let mut work = JoinSet::new();
        for target in targets.iter() {
            work.spawn(watch(Arc::clone(target)));
        }
        work.spawn(serve(port, targets));
        Ok(Self {
            address,
            _work: work,
        })
    }

    /// Where it listens, for its whole life.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn watch(target: Arc<Target>) {
    loop {
        target.look().await;
        tokio::time::sleep(PERIOD).await;
    }
}

async fn serve(port: Port, targets: Arc<[Arc<Target>]>) {
    let mut listener = None;
    let mut connections = JoinSet::new();
    let mut next = 0_usize;
    loop {
        let any = targets.iter().any(|target| target.ready().is_some());
        listener = match listener {
            Some(listener) if any => Some(listener),
            None if any => port.listen().ok(),
            _ => None,
        };
        tokio::select! {
            client = accept(listener.as_ref()) => {
                next = next.wrapping_add(1);
                connections.spawn(pass(client, Arc::clone(&targets), next));
            }
            Some(_) = connections.join_next() => {}
            // Readiness changes by itself.
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            None => std::future::pending().await,
            Some(listener) => match listener.accept().await {
                Ok((client, _)) => return client,
                // Out of descriptors, or a client that was gone before it was taken.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
}

async fn pass(mut client: TcpStream, targets: Arc<[Arc<Target>]>, first: usize) {
    for turn in 0..targets.len() {
        let Some(target) = targets.get(first.wrapping_add(turn) % targets.len()) else {
            return;
        };
        let Some(address) = target.ready() else {
            continue;
        };
        if let Ok(mut server) = TcpStream::connect(address).await {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
        target.is_gone();
    }
}
