//! The proxy, before a plain server that sends back what it gets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::chaos::{Direction, Proxy};
use testkit::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Long enough that what could come would have come: the proxy is on the same machine.
const A_MOMENT: Duration = Duration::from_millis(150);

/// Echoes, and remembers what it got.
struct Echo {
    address: SocketAddr,
    got: Arc<Mutex<Vec<u8>>>,
    broken: Arc<Mutex<Vec<ErrorKind>>>,
    _task: JoinSet<()>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let broken = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let (heard, failed) = (got.clone(), broken.clone());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(echo(stream, heard.clone(), failed.clone()));
            }
        });
        Self {
            address,
            got,
            broken,
            _task: task,
        }
    }

    fn got(&self) -> String {
        String::from_utf8(self.got.lock().unwrap().clone()).unwrap()
    }

    async fn until_got(&self, text: &str) {
        wait::until("the server to get it", || async {
            Ok((self.got() == text).then_some(()))
        })
        .await
        .unwrap();
    }

    async fn until_broken(&self) -> Vec<ErrorKind> {
        wait::until("the server to see an error", || async {
            let broken = self.broken.lock().unwrap().clone();
            Ok((!broken.is_empty()).then_some(broken))
        })
        .await
        .unwrap()
    }
}

async fn echo(mut stream: TcpStream, got: Arc<Mutex<Vec<u8>>>, broken: Arc<Mutex<Vec<ErrorKind>>>) {
    let mut buffer = vec![0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return,
            Ok(length) => {
                got.lock().unwrap().extend_from_slice(&buffer[..length]);
                let _ = stream.write_all(&buffer[..length]).await;
            }
            Err(error) => {
                broken.lock().unwrap().push(error.kind());
                return;
            }
        }
    }
}

async fn pair() -> (Echo, Proxy) {
    let echo = Echo::start().await;
    let proxy = Proxy::before_address(echo.address).await.unwrap();
    (echo, proxy)
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What comes within a moment; empty when nothing does.
async fn overhear(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 64];
    match tokio::time::timeout(A_MOMENT, stream.read(&mut buffer)).await {
        Err(_) => String::new(),
        Ok(length) => String::from_utf8(buffer[..length.unwrap()].to_vec()).unwrap(),
    }
}

async fn error(stream: &mut TcpStream) -> ErrorKind {
    let mut buffer = [0; 64];
    stream.read(&mut buffer).await.unwrap_err().kind()
}

#[tokio::test]
async fn eight_megabytes_come_back_as_they_were_and_then_the_end() {
    let (_echo, proxy) = pair().await;
    let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut from, mut to) = client(&proxy).await.into_split();
    let all = sent.clone();
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        to.write_all(&all).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    from.read_to_end(&mut back).await.unwrap();
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
}

#[tokio::test]
async fn a_refused_port_stays_ours_and_takes_connections_again() {
    let (_echo, proxy) = pair().await;
    let mut before = client(&proxy).await;
    say(&mut before, "a").await;
    assert_eq!(hear(&mut before, 1).await, "a");

    proxy.refuse().await;
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(proxy.address()).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    say(&mut before, "b").await;
    assert_eq!(hear(&mut before, 1).await, "b", "what lives goes on");

    proxy.pass().await.unwrap();
    let mut after = client(&proxy).await;
    say(&mut after, "c").await;
    assert_eq!(hear(&mut after, 1).await, "c");
}

#[tokio::test]
async fn a_reset_breaks_both_sides_and_nothing_that_comes_later() {
    let (echo, proxy) = pair().await;
    let mut before = client(&proxy).await;
    say(&mut before, "a").await;
    hear(&mut before, 1).await;
    assert_eq!(proxy.live(), 1);

    proxy.reset();
    assert_eq!(error(&mut before).await, ErrorKind::ConnectionReset);
    assert_eq!(echo.until_broken().await, [ErrorKind::ConnectionReset]);

    let mut after = client(&proxy).await;
    say(&mut after, "b").await;
    assert_eq!(hear(&mut after, 1).await, "b");
    assert_eq!(proxy.live(), 1);
}

#[tokio::test]
async fn a_server_that_is_cut_off_is_gone_for_old_and_new() {
    let (_echo, proxy) = pair().await;
    let mut before = client(&proxy).await;
    say(&mut before, "a").await;
    hear(&mut before, 1).await;
    proxy.cut_off().await;
    assert_eq!(error(&mut before).await, ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_gives_it_back_when_it_heals() {
    let (echo, proxy) = pair().await;
    let mut old = client(&proxy).await;
    say(&mut old, "a").await;
    hear(&mut old, 1).await;

    proxy.black_hole(Direction::Both);
    let mut new = client(&proxy).await;
    say(&mut old, "b").await;
    say(&mut new, "c").await;
    assert_eq!(overhear(&mut old).await, "");
    assert_eq!(overhear(&mut new).await, "");
    assert_eq!(echo.got(), "a");

    proxy.pass().await.unwrap();
    assert_eq!(hear(&mut old, 1).await, "b");
    assert_eq!(hear(&mut new, 1).await, "c");
}

#[tokio::test]
async fn a_black_hole_one_way_lets_the_other_through() {
    let (echo, proxy) = pair().await;
    let mut stream = client(&proxy).await;
    proxy.black_hole(Direction::ToClient);
    say(&mut stream, "a").await;
    echo.until_got("a").await;
    assert_eq!(overhear(&mut stream).await, "");

    proxy.pass().await.unwrap();
    assert_eq!(hear(&mut stream, 1).await, "a");

    proxy.black_hole(Direction::ToServer);
    say(&mut stream, "b").await;
    assert_eq!(overhear(&mut stream).await, "");
    assert_eq!(echo.got(), "a");
}

#[tokio::test]
async fn who_gives_up_in_a_black_hole_is_missed_only_when_it_heals() {
    let (echo, proxy) = pair().await;
    let mut stream = client(&proxy).await;
    say(&mut stream, "a").await;
    hear(&mut stream, 1).await;
    proxy.black_hole(Direction::Both);
    say(&mut stream, "b").await;
    drop(stream);
    proxy.pass().await.unwrap();
    echo.until_got("ab").await;
}

#[tokio::test]
async fn a_delay_is_added_each_way_and_does_not_add_up() {
    let (_echo, proxy) = pair().await;
    let delay = Duration::from_secs(1);
    proxy.delay(Direction::Both, delay);
    let mut stream = client(&proxy).await;
    let begin = Instant::now();
    say(&mut stream, "a").await;
    hear(&mut stream, 1).await;
    assert!(begin.elapsed() >= 2 * delay, "{:?}", begin.elapsed());

    // Forty that follow one another without waiting would take forty seconds if each waited for the one before.
    let begin = Instant::now();
    for _ in 0..40 {
        say(&mut stream, "b").await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hear(&mut stream, 40).await;
    assert!(begin.elapsed() < 20 * delay, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn one_reply_is_lost_after_the_server_got_the_request() {
    let (echo, proxy) = pair().await;
    let mut other = client(&proxy).await;
    let mut stream = client(&proxy).await;
    let cut = proxy.cut_reply_after(b"COMMIT");
    say(&mut stream, "BEGIN ").await;
    assert_eq!(hear(&mut stream, 6).await, "BEGIN ");
    assert!(!cut.is_done());

    say(&mut stream, "COM").await;
    assert_eq!(hear(&mut stream, 3).await, "COM");
    say(&mut stream, "MIT").await;
    assert_eq!(error(&mut stream).await, ErrorKind::ConnectionReset);
    cut.done().await.unwrap();
    assert_eq!(echo.got(), "BEGIN COMMIT");

    // Nobody else noticed, and the next one gets its reply.
    say(&mut other, "COMMIT").await;
    assert_eq!(hear(&mut other, 6).await, "COMMIT");
}

#[tokio::test]
async fn a_server_that_is_down_behind_the_proxy_resets_the_client() {
    let (echo, proxy) = pair().await;
    drop(echo);
    let mut stream = client(&proxy).await;
    let mut buffer = [0; 1];
    let ended = stream.read(&mut buffer).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_dropped_proxy_takes_its_connections_and_its_port_with_it() {
    let (_echo, proxy) = pair().await;
    let address = proxy.address();
    let mut stream = client(&proxy).await;
    say(&mut stream, "a").await;
    hear(&mut stream, 1).await;
    drop(proxy);
    assert_eq!(error(&mut stream).await, ErrorKind::ConnectionReset);
    wait::until("the port to be free", || async {
        Ok(TcpListener::bind(address).await.ok())
    })
    .await
    .unwrap();
}
