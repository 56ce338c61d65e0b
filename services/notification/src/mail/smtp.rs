//! Mail over SMTP (RFC 5321), protected by TLS (RFC 8314) or STARTTLS (RFC 3207), over pooled connections.

use std::error::Error as _;
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

/// How long an unused connection is kept: less than servers wait (RFC 5321 asks for five minutes).
const IDLE: Duration = Duration::from_mins(1);

/// How long the other connections of a pool may take to say good-bye. A server that hangs never answers that either.
const GOODBYE: Duration = Duration::from_secs(1);

/// A mail server.
pub struct Smtp {
    builder: AsyncSmtpTransportBuilder,
    /// Made with the first mail, which is when there is a runtime; replaced when a mail took too long.
    transport: Mutex<Option<Transport>>,
    deadline: Duration,
}

impl Smtp {
    /// The server that the settings name; it is not asked yet. It keeps as many connections as there are mails at a time.
    pub fn new(settings: &SmtpSettings, at_a_time: u16) -> Result<Self, SettingError> {
        let tls = match settings.tls {
            TlsMode::None => Tls::None,
            TlsMode::StartTls => Tls::Required(tls_parameters(settings)?),
            TlsMode::Tls => Tls::Wrapper(tls_parameters(settings)?),
        };
        let mut builder = Transport::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(settings.deadline()))
            .pool_config(
                PoolConfig::new()
                    .max_size(u32::from(at_a_time))
                    .idle_timeout(IDLE),
            );
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
        let _ = tokio::time::timeout(GOODBYE, transport.shutdown()).await;
        let deadline = self.deadline;
        Err(SendError::Away(format!(
            "the mail server did not take the mail within {deadline:?}"
        )))
    }
}

/// What an answer means for the mail. A refused sign-in says nothing about the mail, whatever class its code has
/// (RFC 4954, section 6): no mail may be given up because of a wrong password.
fn refused(error: &Error) -> SendError {
    let Some(code) = error.status() else {
        return SendError::Away(trouble(error));
    };
    let code = u16::from(code);
    let text = error.source().map(ToString::to_string);
    let answer = answer(code, &text.unwrap_or_default());
    match code {
        421 | 454 | 530 | 534 | 535 | 538 => SendError::Away(format!(
            "the mail server takes no mail from us now: it answered {answer}"
        )),
        _ if error.is_permanent() => {
            SendError::Permanent(format!("the mail server refused the mail with {answer}"))
        }
        _ => SendError::Transient(format!("the mail server put the mail off with {answer}")),
    }
}

/// What went wrong without an answer: words of the system's or of the library's, never of the server's.
fn trouble(error: &Error) -> String {
    if error.is_response() {
        return "the mail server gave an answer that is none".to_owned();
    }
    error_chain(error)
}

/// The code of an answer and, if there is one, its enhanced status code (RFC 3463). Its text may name the recipient, and this
/// is logged, and told to others.
fn answer(code: u16, text: &str) -> String {
    match text
        .split_whitespace()
        .next()
        .filter(|word| is_status(word))
    {
        Some(status) => format!("{code} {status}"),
        None => code.to_string(),
    }
}

/// `class.subject.detail`: class 2, 4 or 5, the others of up to three digits.
fn is_status(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [class, subject, detail] => {
            matches!(*class, "2" | "4" | "5") && number(subject) && number(detail)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_the_codes_are_told() {
        for (text, told) in [
            ("5.1.1 <ada@example.com>: no such user", "550 5.1.1"),
            ("5.7.999 refused", "550 5.7.999"),
            ("<ada@example.com>: no such user", "550"),
            ("5.1.1234 x", "550"),
            ("3.1.1 x", "550"),
            ("ada@5.1.1 x", "550"),
            ("192.0.2.1 is blocked", "550"),
            ("", "550"),
        ] {
            assert_eq!(answer(550, text), told, "{text}");
        }
    }
}
