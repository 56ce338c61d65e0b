//! Mail over SMTP (RFC 5321), protected by TLS (RFC 8314) or STARTTLS (RFC 3207), over connections that are kept for a while.
//!
//! Everything that is done with a connection has a deadline, and when that passes the connection is dropped, and its socket closed,
//! there and then. (Transports of `lettre` say good-bye first, in a task of their own, and wait for the answer for ever.)

mod answers;
mod connections;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use service_kit::error_chain;

use self::answers::{refused, unusable};
use self::connections::{Connections, Protection};
use crate::mail::{Mail, Mailer, SendError};
use crate::settings::{SettingError, SmtpSettings, TlsMode};

/// How long a server may take to forget a mail that it refused.
const RESET: Duration = Duration::from_secs(1);

/// A mail server.
pub struct Smtp {
    connections: Connections,
    deadline: Duration,
}

impl Smtp {
    /// The server that the settings name; it is not asked yet. It keeps as many connections as there are mails at a time.
    pub fn new(settings: &SmtpSettings, at_a_time: u16) -> Result<Self, SettingError> {
        let protection = match settings.tls {
            TlsMode::None => Protection::None,
            TlsMode::StartTls => Protection::StartTls(tls_parameters(settings)?),
            TlsMode::Tls => Protection::Tls(tls_parameters(settings)?),
        };
        let credentials = (!settings.username.is_empty()).then(|| {
            let password = settings.password.expose().to_owned();
            Credentials::new(settings.username.clone(), password)
        });
        let server = (settings.host.clone(), settings.port);
        let deadline = settings.deadline();
        let at_most = usize::from(at_a_time);
        Ok(Self {
            connections: Connections::new(server, protection, credentials, deadline, at_most),
            deadline,
        })
    }

    /// Hands the mail over; gives the connection back unless it is of no use any more.
    async fn hand_over(&self, mail: &Mail) -> (Option<AsyncSmtpConnection>, Result<(), SendError>) {
        let mut connection = match self.connections.get().await {
            Ok(connection) => connection,
            Err(error) => return (None, Err(unusable(&error))),
        };
        let handed_over = converse(&mut connection, mail).await;
        let usable = !matches!(handed_over, Err(SendError::Away(_)));
        (usable.then_some(connection), handed_over)
    }
}

/// One mail: who it is from, to whom it goes, and what it says.
async fn converse(connection: &mut AsyncSmtpConnection, mail: &Mail) -> Result<(), SendError> {
    let (envelope, bytes) = (mail.message.envelope(), mail.message.formatted());
    let offers = |feature| connection.server_info().supports_feature(feature);
    let mut parameters = Vec::new();
    let addresses = envelope.from().into_iter().chain(envelope.to());
    if !addresses.map(AsRef::<str>::as_ref).all(str::is_ascii) {
        if !offers(Extension::SmtpUtfEight) {
            return Err(SendError::Permanent(
                "the mail server takes no addresses beyond ASCII".to_owned(),
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !bytes.is_ascii() {
        if !offers(Extension::EightBitMime) {
            return Err(SendError::Permanent(
                "the mail server takes no mails beyond ASCII".to_owned(),
            ));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let from = From::new(envelope.from().cloned(), parameters);
    // Whoever refuses the sender refuses us, whomever the mail is for.
    let from = connection.command(from).await;
    from.map_err(|error| unusable(&error))?;
    for to in envelope.to() {
        let to = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
        to.map_err(|error| refused(&error))?;
    }
    let data = connection.command(Data).await;
    data.map_err(|error| refused(&error))?;
    let taken = connection.message(&bytes).await;
    taken.map_err(|error| refused(&error))?;
    Ok(())
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, SettingError> {
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if !settings.ca_file.as_os_str().is_empty() {
        parameters = parameters.add_root_certificate(certificate(&settings.ca_file)?);
    }
    parameters.build_rustls().map_err(|error| {
        let message = format!("no TLS with this host: {}", error_chain(&error));
        SettingError::new("smtp.host", message)
    })
}

fn certificate(file: &Path) -> Result<Certificate, SettingError> {
    let refuse = |error: String| {
        let message = format!("{} is no PEM certificate: {error}", file.display());
        SettingError::new("smtp.ca_file", message)
    };
    let pem = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
    Certificate::from_pem(&pem).map_err(|error| refuse(error_chain(&error)))
}

#[async_trait]
impl Mailer for Smtp {
    fn kind(&self) -> &'static str {
        "smtp"
    }

    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let handing_over = tokio::time::timeout(self.deadline, self.hand_over(mail));
        let Ok((connection, handed_over)) = handing_over.await else {
            // The connection, in the middle of a conversation, is gone with what was going on: no other mail can take a late
            // answer to this one for its own.
            let deadline = self.deadline;
            return Err(SendError::Away(format!(
                "the mail server did not take the mail within {deadline:?}"
            )));
        };
        let Some(mut connection) = connection else {
            return handed_over;
        };
        if handed_over.is_err() {
            let forgotten = tokio::time::timeout(RESET, connection.command(Rset)).await;
            if !matches!(forgotten, Ok(Ok(_))) {
                return handed_over;
            }
        }
        self.connections.keep(connection);
        handed_over
    }

    async fn tidy(&self) {
        self.connections.close_unused().await;
    }

    async fn close(&self) {
        self.connections.close_all().await;
    }
}
