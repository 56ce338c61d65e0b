//! A fake mail server: speaks enough SMTP to take mails from lettre, and misbehaves as a test tells it to.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notification::settings::{SmtpSettings, TlsMode};
use service_kit::settings::Secret;
use testkit::mail_server::{read_mail, say};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the server does with a mail it has read.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Answers; a 250 takes the mail.
    Say(&'static str),
    /// Answers after a while.
    SayAfter(Duration, &'static str),
    /// Takes the mail and never answers.
    Stall,
    /// Takes the mail and hangs up without an answer: the reply is lost.
    HangUp,
}

/// The server.
pub struct FakeSmtp {
    port: u16,
    tls: TlsMode,
    ca_file: PathBuf,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<Vec<u8>>>,
    answers: Mutex<VecDeque<Answer>>,
    always: Mutex<Option<Answer>>,
    sign_ins: Mutex<Vec<String>>,
    manners: Mutex<HashMap<&'static str, Manner>>,
    open: AtomicUsize,
    connections: AtomicUsize,
}

/// What the server does instead of the usual.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Says(&'static str),
    IsSilent,
}

/// What [`FakeSmtp::answer_to`] and [`FakeSmtp::be_silent_at`] call the first moment of a conversation.
pub const GREETING: &str = "GREETING";

impl Shared {
    fn manner_at(&self, command: &str) -> Option<Manner> {
        self.manners.lock().unwrap().get(command).copied()
    }
}

impl FakeSmtp {
    /// Without TLS.
    pub async fn start() -> Self {
        Self::start_with(TlsMode::None, Path::new("")).await
    }

    /// With a certificate for `localhost` that only `ca_file` in this folder vouches for.
    pub async fn start_with(tls: TlsMode, folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, ca_file) = match tls {
            TlsMode::None => (None, PathBuf::new()),
            TlsMode::StartTls | TlsMode::Tls => {
                let (acceptor, ca_file) = certified(folder);
                (Some(acceptor), ca_file)
            }
        };
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        let accepting = accept(listener, Arc::clone(&shared), tls, acceptor);
        tasks.spawn(accepting);
        Self {
            port,
            tls,
            ca_file,
            shared,
            _tasks: tasks,
        }
    }

    /// The settings that lead here.
    pub fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            host: "localhost".to_owned(),
            port: self.port,
            tls: self.tls,
            ca_file: self.ca_file.clone(),
            ..SmtpSettings::default()
        }
    }

    /// The same with an account.
    pub fn settings_with_account(&self) -> SmtpSettings {
        SmtpSettings {
            username: "shop".to_owned(),
            password: Secret::from("hunter2"),
            ..self.settings()
        }
    }

    /// What to do with the next mails, one after the other; after that they are taken.
    pub fn answer(&self, answers: &[Answer]) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    /// What to do with all mails from now on.
    pub fn always(&self, answer: Option<Answer>) {
        *self.shared.always.lock().unwrap() = answer;
    }

    /// How a command is answered from now on, or [`GREETING`] what it greets with.
    pub fn answer_to(&self, command: &'static str, answer: &'static str) {
        let mut manners = self.shared.manners.lock().unwrap();
        manners.insert(command, Manner::Says(answer));
    }

    /// From now on takes this command, or the connection ([`GREETING`]), and never says anything any more.
    pub fn be_silent_at(&self, command: &'static str) {
        let mut manners = self.shared.manners.lock().unwrap();
        manners.insert(command, Manner::IsSilent);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open, as far as the server can tell.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// What the clients sent to sign in.
    pub fn sign_ins(&self) -> Vec<String> {
        self.shared.sign_ins.lock().unwrap().clone()
    }

    /// The mails that were taken.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.shared.mails.lock().unwrap().clone()
    }
}

fn certified(folder: &Path) -> (TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let ca_file = folder.join("mail-server.pem");
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der.to_vec()));
    std::fs::write(&ca_file, pem).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca_file)
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: TlsMode,
    acceptor: Option<TlsAcceptor>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
        shared.open.fetch_add(1, Ordering::SeqCst);
        shared.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(async move {
            // A client that leaves early is no failure of the server's.
            let _ = serve(&shared, socket, tls, acceptor).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(
    shared: &Shared,
    socket: TcpStream,
    tls: TlsMode,
    acceptor: Option<TlsAcceptor>,
) -> io::Result<()> {
    match (tls, acceptor) {
        (TlsMode::StartTls, Some(acceptor)) => {
            if let Some(socket) = talk(shared, socket, true, true).await? {
                talk(shared, acceptor.accept(socket).await?, false, false).await?;
            }
        }
        (TlsMode::Tls, Some(acceptor)) => {
            talk(shared, acceptor.accept(socket).await?, true, false).await?;
        }
        _ => {
            talk(shared, socket, true, false).await?;
        }
    }
    Ok(())
}

/// One conversation; gives the stream back if STARTTLS was asked for.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: S,
    greet: bool,
    offer_tls: bool,
) -> io::Result<Option<S>> {
    let mut stream = BufStream::new(stream);
    if greet {
        match shared.manner_at(GREETING) {
            None => say(&mut stream, "220 fake.example ESMTP").await?,
            Some(Manner::Says(line)) => say(&mut stream, line).await?,
            Some(Manner::IsSilent) => return listen(stream).await,
        }
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        let word = word.to_ascii_uppercase();
        if word == "AUTH" {
            shared.sign_ins.lock().unwrap().push(line.trim().to_owned());
        }
        match shared.manner_at(&word) {
            None => {}
            Some(Manner::Says(line)) => {
                say(&mut stream, line).await?;
                continue;
            }
            Some(Manner::IsSilent) => return listen(stream).await,
        }
        match word.as_str() {
            "EHLO" if offer_tls => say(&mut stream, "250-fake.example\r\n250 STARTTLS").await?,
            "EHLO" => say(&mut stream, "250-fake.example\r\n250 AUTH PLAIN").await?,
            "STARTTLS" => {
                say(&mut stream, "220 go ahead").await?;
                return Ok(Some(stream.into_inner()));
            }
            "AUTH" => say(&mut stream, "235 welcome").await?,
            "DATA" => {
                say(&mut stream, "354 go ahead").await?;
                let mail = read_mail(&mut stream).await?;
                if !settle(shared, &mut stream, mail).await? {
                    return Ok(None);
                }
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Ok(None);
            }
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

/// Says nothing more, until the client hangs up.
async fn listen<S>(mut stream: impl AsyncRead + Unpin) -> io::Result<Option<S>> {
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(None)
}

/// Does with a mail what the test wants; false if the conversation is over.
async fn settle<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: &mut S,
    mail: Vec<u8>,
) -> io::Result<bool> {
    let next = shared.answers.lock().unwrap().pop_front();
    let always = *shared.always.lock().unwrap();
    let answer = next.or(always).unwrap_or(Answer::Say("250 taken"));
    let takes = match answer {
        Answer::Say(line) | Answer::SayAfter(_, line) => line.starts_with("250"),
        Answer::Stall | Answer::HangUp => true,
    };
    if takes {
        shared.mails.lock().unwrap().push(mail);
    }
    match answer {
        Answer::Say(line) => say(stream, line).await?,
        Answer::SayAfter(wait, line) => {
            tokio::time::sleep(wait).await;
            say(stream, line).await?;
        }
        Answer::Stall => {
            listen::<()>(stream).await?;
            return Ok(false);
        }
        Answer::HangUp => return Ok(false),
    }
    Ok(true)
}
