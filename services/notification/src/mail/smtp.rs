//! Mail over SMTP (RFC 5321), protected by TLS (RFC 8314) or STARTTLS (RFC 3207), over pooled connections.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use service_kit::error_chain;

use crate::mail::{Mail, Mailer, SendError};
use crate::settings::{SettingError, SmtpSettings, TlsMode};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Connections kept for the next mail.
const POOL: u32 = 4;
/// How long an unused connection is kept: less than servers wait (RFC 5321 asks for five minutes).
const IDLE: Duration = Duration::from_mins(1);

/// A mail server.
pub struct Smtp {
    builder: AsyncSmtpTransportBuilder,
    /// Made with the first mail, which is when there is a runtime; replaced when a mail took too long.
    transport: Mutex<Option<Transport>>,
    deadline: Duration,
}

impl Smtp {
    /// The server that the settings name; it is not asked yet.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SettingError> {
        let tls = match settings.tls {
            TlsMode::None => Tls::None,
            TlsMode::StartTls => Tls::Required(tls_parameters(settings)?),
            TlsMode::Tls => Tls::Wrapper(tls_parameters(settings)?),
        };
        let mut builder = Transport::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(settings.deadline()))
            .pool_config(PoolConfig::new().max_size(POOL).idle_timeout(IDLE));
        if !settings.username.is_empty() {
            let password = settings.password.expose().to_owned();
            builder = builder.credentials(Credentials::new(settings.username.clone(), password));
        }
        Ok(Self {
            builder,
            transport: Mutex::new(None),
            deadline: settings.deadline(),
        })
    }

    fn transport(&self) -> Transport {
        let mut transport = self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        transport
            .get_or_insert_with(|| self.builder.clone().build())
            .clone()
    }

    fn forget_transport(&self) {
        *self
            .transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
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
        let transport = self.transport();
        let sending = transport.send(mail.message.clone());
        tokio::pin!(sending);
        if let Ok(sent) = tokio::time::timeout(self.deadline, &mut sending).await {
            return sent.map(|_| ()).map_err(|error| refused(&error));
        }
        // The connection is in the middle of a conversation. A pool would hand it to the next mail, which would take the
        // late answer to this mail for its own: so this pool is closed first, and the connection is dropped with it.
        self.forget_transport();
        transport.shutdown().await;
        let deadline = self.deadline;
        Err(SendError::Away(format!(
            "the mail server did not take the mail within {deadline:?}"
        )))
    }
}

/// What an answer means for the mail. A refused sign-in says nothing about the mail, whatever class its code has
/// (RFC 4954, section 6): no mail may be given up because of a wrong password.
fn refused(error: &Error) -> SendError {
    let reason = error_chain(error);
    let code = error.status().map(u16::from);
    match code {
        Some(421 | 454 | 530 | 534 | 535 | 538) | None => SendError::Away(reason),
        Some(_) if error.is_permanent() => SendError::Permanent(reason),
        Some(_) => SendError::Transient(reason),
    }
}
