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
use crate::wait;

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

    /// Waits until it takes connections.
    pub(super) async fn listens(&self) -> Result<()> {
        wait::until("a load balancer to take connections", || async {
            Ok(TcpStream::connect(self.address).await.is_ok().then_some(()))
        })
        .await
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A replica that says its name to whoever connects.
    struct Fake {
        target: Arc<Target>,
        ready: Arc<AtomicBool>,
        service: JoinSet<()>,
        _admin: JoinSet<()>,
    }

    impl Fake {
        async fn start(name: u8) -> Self {
            let bind = || TcpListener::bind(("127.0.0.1", 0));
            let (service, admin) = (bind().await.unwrap(), bind().await.unwrap());
            let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
            let target = Arc::<Target>::default();
            target.starts_at(port(&service), port(&admin));
            let ready = Arc::new(AtomicBool::new(true));
            let (mut names, mut health) = (JoinSet::new(), JoinSet::new());
            names.spawn(async move {
                loop {
                    let (mut client, _) = service.accept().await.unwrap();
                    client.write_all(&[name]).await.unwrap();
                }
            });
            let is_ready = Arc::clone(&ready);
            health.spawn(async move {
                loop {
                    let (mut client, _) = admin.accept().await.unwrap();
                    let status = if is_ready.load(Ordering::SeqCst) {
                        "200"
                    } else {
                        "503"
                    };
                    let reply = format!("HTTP/1.1 {status} ");
                    let _ = client.read(&mut [0; 1024]).await;
                    let _ = client.write_all(reply.as_bytes()).await;
                }
            });
            Self {
                target,
                ready,
                service: names,
                _admin: health,
            }
        }
    }

    /// Who answers; none if the connection is refused, or closed because none is ready any more.
    async fn ask(balancer: &Balancer) -> Option<u8> {
        let mut connection = TcpStream::connect(balancer.address()).await.ok()?;
        connection.read_u8().await.ok()
    }

    /// Asks until these answer, by turns.
    async fn until(balancer: &Balancer, names: [Option<u8>; 4]) {
        wait::until(&format!("{names:?}"), || async {
            let mut answers = Vec::new();
            for _ in names {
                answers.push(ask(balancer).await);
            }
            answers.sort_unstable();
            Ok((answers == names).then_some(()))
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn connections_go_round_to_those_that_are_ready_and_are_refused_if_none_is() {
        let (one, mut two) = (Fake::start(1).await, Fake::start(2).await);
        let targets = vec![Arc::clone(&one.target), Arc::clone(&two.target)];
        let balancer = Balancer::start(targets).unwrap();
        until(&balancer, [Some(1), Some(1), Some(2), Some(2)]).await;
        one.ready.store(false, Ordering::SeqCst);
        until(&balancer, [Some(2); 4]).await;
        two.ready.store(false, Ordering::SeqCst);
        until(&balancer, [None; 4]).await;
        one.ready.store(true, Ordering::SeqCst);
        two.ready.store(true, Ordering::SeqCst);
        until(&balancer, [Some(1), Some(1), Some(2), Some(2)]).await;
        // Dead, and nobody has noticed yet.
        two.service.shutdown().await;
        for _ in 0..8 {
            assert_eq!(ask(&balancer).await, Some(1));
        }
    }
}
