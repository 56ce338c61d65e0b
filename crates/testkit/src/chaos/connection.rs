//! One connection through the proxy: two ways, each read and written on its own.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::pattern::Search;
use super::rules::{Cut, Flow, Rules, Way};

/// How many pieces may be on their way; a delayed connection must not be a slow one.
const UNDER_WAY: usize = 256;
const PIECE: usize = 16 * 1024;

/// The connection is to end with a reset on both sides.
struct Broken;

/// A piece and when it may arrive; none is the end of this way.
type Sent = (Instant, Option<Vec<u8>>);

/// Carries one connection until both sides have ended it, or it is broken.
pub(super) async fn run(
    mut client: TcpStream,
    target: SocketAddr,
    mut rules: watch::Receiver<Rules>,
) {
    let generation = rules.borrow_and_update().generation;
    let mut resets = rules.clone();
    let served = async {
        // In a black hole the server does not hear of the connection either.
        until_let_through(&mut rules, Way::ToServer).await?;
        let mut server = TcpStream::connect(target).await.map_err(|_| Broken)?;
        let carried = carry(&mut client, &mut server, &rules).await;
        if carried.is_err() {
            reset_at_close(&server);
        }
        carried
    };
    // A proxy that is dropped takes its connections with it: the sender is gone then.
    let told = async {
        let _ = resets.wait_for(|now| now.generation != generation).await;
    };
    let broken = tokio::select! {
        served = served => served.is_err(),
        () = told => true,
    };
    if broken {
        reset_at_close(&client);
    }
}

async fn carry(
    client: &mut TcpStream,
    server: &mut TcpStream,
    rules: &watch::Receiver<Rules>,
) -> Result<(), Broken> {
    for stream in [&*client, &*server] {
        let _ = stream.set_nodelay(true);
        // Also when this is abandoned in the middle: an orderly end is written as such before.
        reset_at_close(stream);
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let lost = Arc::new(OnceLock::new());
    let (requests, to_be_asked) = mpsc::channel(UNDER_WAY);
    let (replies, to_be_told) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(
        read_requests(from_client, requests, rules.clone(), &lost),
        write(to_server, to_be_asked, rules.clone(), Way::ToServer),
        read_replies(from_server, replies, rules.clone(), &lost),
        write(to_client, to_be_told, rules.clone(), Way::ToClient),
    )?;
    // Both have ended it: what is still under way must arrive.
    for stream in [client, server] {
        let _ = SockRef::from(&*stream).set_linger(None);
    }
    Ok(())
}

async fn read_requests(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Sent>,
    rules: watch::Receiver<Rules>,
    lost: &OnceLock<Cut>,
) -> Result<(), Broken> {
    let mut search = Search::default();
    loop {
        let piece = read(&mut from).await?;
        if let Some(piece) = &piece {
            let cut = rules.borrow().cut.clone();
            // Noted before it is passed on: the reply cannot come earlier.
            if let Some(cut) = cut
                && search.found(cut.request(), piece)
                && cut.take()
            {
                let _ = lost.set(cut);
            }
        }
        if !send(&to, piece, delay(&rules, Way::ToServer)).await? {
            return Ok(());
        }
    }
}

async fn read_replies(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Sent>,
    rules: watch::Receiver<Rules>,
    lost: &OnceLock<Cut>,
) -> Result<(), Broken> {
    loop {
        let piece = read(&mut from).await?;
        if let Some(cut) = lost.get() {
            cut.finish();
            return Err(Broken);
        }
        if !send(&to, piece, delay(&rules, Way::ToClient)).await? {
            return Ok(());
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut from: mpsc::Receiver<Sent>,
    mut rules: watch::Receiver<Rules>,
    way: Way,
) -> Result<(), Broken> {
    while let Some((due, piece)) = from.recv().await {
        tokio::time::sleep_until(due).await;
        until_let_through(&mut rules, way).await?;
        match piece {
            Some(piece) => to.write_all(&piece).await.map_err(|_| Broken)?,
            None => to.shutdown().await.map_err(|_| Broken)?,
        }
    }
    Ok(())
}

/// The next piece; none at the end.
async fn read(from: &mut ReadHalf<'_>) -> Result<Option<Vec<u8>>, Broken> {
    let mut piece = Vec::with_capacity(PIECE);
    let length = from.read_buf(&mut piece).await.map_err(|_| Broken)?;
    Ok((length > 0).then_some(piece))
}

/// Whether there may be more.
async fn send(
    to: &mpsc::Sender<Sent>,
    piece: Option<Vec<u8>>,
    delay: Duration,
) -> Result<bool, Broken> {
    let more = piece.is_some();
    let sent = to.send((Instant::now() + delay, piece)).await;
    sent.map(|()| more).map_err(|_| Broken)
}

fn delay(rules: &watch::Receiver<Rules>, way: Way) -> Duration {
    match rules.borrow().flow(way) {
        Flow::Delay(delay) => delay,
        Flow::Pass | Flow::Hold => Duration::ZERO,
    }
}

async fn until_let_through(rules: &mut watch::Receiver<Rules>, way: Way) -> Result<(), Broken> {
    rules
        .wait_for(|rules| rules.flow(way) != Flow::Hold)
        .await
        .map(drop)
        .map_err(|_| Broken)
}

/// Closing sends RST instead of FIN.
fn reset_at_close(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
