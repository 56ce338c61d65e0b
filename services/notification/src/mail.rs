//! Mail: written from templates, handed to a server or to a Maildir folder.

mod compose;
mod maildir;
mod smtp;
mod templates;

use std::sync::Arc;

use async_trait::async_trait;
use lettre::message::Mailbox;

use contracts::Timestamp;

pub use self::compose::{ComposeError, Composer, Letter};
pub use self::maildir::{Maildir, MaildirError};
pub use self::smtp::Smtp;
pub use self::templates::Templates;
use crate::settings::{SettingError, Settings};

/// A mail ready to be sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The mail.
    pub message: lettre::Message,
    /// Its `Message-ID` without angle brackets: the same for every try.
    pub message_id: String,
    /// When what it tells was taken in: its `Date`.
    pub created_at: Timestamp,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server will never take it (SMTP 5xx).
    #[error("{0}")]
    Permanent(String),
    /// The server does not take it now (SMTP 4xx).
    #[error("{0}")]
    Transient(String),
    /// The server takes no mail at all now: it is away, too slow, not to be trusted, or refuses us.
    #[error("{0}")]
    Away(String),
}

/// What takes mails.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// What kind it is, for health and logs.
    fn kind(&self) -> &'static str;

    /// Hands over one mail within the mailer's own deadline. Once it returns `Ok` the mail is the taker's.
    async fn send(&self, mail: &Mail) -> Result<(), SendError>;

    /// Lets go of what has not been used for a while; called now and then.
    async fn tidy(&self) {}

    /// Lets go of everything: no mail follows.
    async fn close(&self) {}
}

/// Why mail cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// A setting makes no sense.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The Maildir folder cannot be used.
    #[error(transparent)]
    Maildir(#[from] MaildirError),
}

/// What the settings choose: the server, else the folder, else nothing.
pub fn mailer(settings: &Settings) -> Result<Option<Arc<dyn Mailer>>, MailSetupError> {
    let smtp = settings.smtp.with_url()?;
    if !smtp.host.is_empty() {
        let at_a_time = settings.senders.concurrency;
        return Ok(Some(Arc::new(Smtp::new(&smtp, at_a_time)?)));
    }
    if !settings.maildir.as_os_str().is_empty() {
        return Ok(Some(Arc::new(Maildir::open(&settings.maildir)?)));
    }
    Ok(None)
}

/// The domain of an address, for `Message-ID`.
#[must_use]
pub fn domain_of(from: &Mailbox) -> String {
    from.email.domain().to_owned()
}
