//! Requests that no well-behaved client sends.

use testkit::wait::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends these bytes and gives the status of the first reply.
pub async fn status(address: &str, bytes: &str) -> u16 {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.windows(2).any(|pair| pair == b"\r\n") {
            let mut piece = [0; 256];
            let read = stream.read(&mut piece).await.unwrap();
            assert_ne!(read, 0, "no reply to {bytes:?}");
            head.extend_from_slice(&piece[..read]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        text.split(' ').nth(1).unwrap().parse().unwrap()
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}
