//! A fake mail server: takes whatever it is handed by SMTP (RFC 5321), without TLS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Keeps what it took in a Maildir, which [`crate::maildir`] reads. Each time it is a file of its own, as in a mailbox: a mail
/// that was sent twice is there twice, unlike in the folder that a shop without a mail server writes.
pub struct FakeMailServer {
    address: SocketAddr,
    _work: JoinSet<()>,
}

impl FakeMailServer {
    /// Takes mails of this machine until it is dropped.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), folder).await
    }

    /// The same for those who reach an address of this machine.
    pub async fn start_at(address: IpAddr, folder: &Path) -> Result<Self> {
        let mailbox = Mailbox::new(folder)?;
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let mut work = JoinSet::new();
        work.spawn(accept(listener, Arc::new(mailbox)));
        Ok(Self {
            address,
            _work: work,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

struct Mailbox {
    folder: PathBuf,
    taken: AtomicU64,
}

impl Mailbox {
    fn new(folder: &Path) -> io::Result<Self> {
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            taken: AtomicU64::new(0),
        })
    }

    /// Whoever reads the folder sees all of a mail or nothing.
    fn keep(&self, mail: &[u8]) -> io::Result<()> {
        let name = self.taken.fetch_add(1, Ordering::SeqCst).to_string();
        let written = self.folder.join("tmp").join(&name);
        std::fs::write(&written, mail)?;
        std::fs::rename(written, self.folder.join("new").join(name))
    }
}

async fn accept(listener: TcpListener, mailbox: Arc<Mailbox>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                // Out of descriptors, or a client that was gone before it was taken.
                let Ok((client, _)) = client else { continue };
                let mailbox = Arc::clone(&mailbox);
                connections.spawn(async move {
                    // A client that leaves early is no failure of the server's.
                    let _ = talk(client, &mailbox).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(client: TcpStream, mailbox: &Mailbox) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut stream = BufStream::new(client);
    say(&mut stream, "220 fake.example ESMTP").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        match line.trim_end().to_ascii_uppercase().as_str() {
            "DATA" => {
                say(&mut stream, "354 go ahead").await?;
                let mail = read_mail(&mut stream).await?;
                mailbox.keep(&mail)?;
                say(&mut stream, "250 taken").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
        line.clear();
    }
    Ok(())
}

/// Answers with one line.
pub async fn say(stream: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// What comes after `DATA`, up to the line with nothing but a dot. A client that leaves before that handed nothing over.
pub async fn read_mail(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
