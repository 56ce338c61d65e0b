//! Mails in a folder, in the Maildir format (<https://cr.yp.to/proto/maildir.html>): for shops without a mail server.

mod flush;

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::flush::Flush;
use crate::mail::{Mail, Mailer, SendError};

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the mail folder {} cannot be made or written to", path.display())]
pub struct MaildirError {
    /// The folder.
    path: PathBuf,
    /// What the system said.
    #[source]
    source: io::Error,
}

/// A Maildir folder. A mail has one name for all its tries, so a try that is repeated after a crash replaces the mail of
/// the first instead of adding another (I10).
#[derive(Clone, Debug)]
pub struct Maildir {
    folder: PathBuf,
    /// Of `new`.
    flush: Arc<Flush>,
}

impl Maildir {
    /// Opens the folder, or makes it, readable by its owner only.
    pub fn open(folder: &Path) -> Result<Self, MaildirError> {
        for part in ["tmp", "new", "cur"] {
            let path = folder.join(part);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| MaildirError { path, source })?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            flush: Arc::new(Flush::new(folder.join("new"))),
        })
    }

    /// Written whole to `tmp`, on disk, then moved to `new`: a reader never sees half a mail, and a crash leaves none.
    fn put(&self, name: &str, again: bool, bytes: &[u8]) -> io::Result<()> {
        if again && self.was_seen(name)? {
            return Ok(());
        }
        let [tmp, new] = ["tmp", "new"].map(|part| self.folder.join(part).join(name));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&tmp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&tmp, new)?;
        self.flush.changed()
    }

    /// Whether a mail reader has moved the mail to `cur`, where flags follow its name after a colon.
    fn was_seen(&self, name: &str) -> io::Result<bool> {
        for entry in std::fs::read_dir(self.folder.join("cur"))? {
            let seen = entry?.file_name();
            if seen.to_string_lossy().split(':').next() == Some(name) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The mail's file name: readers sort by the seconds in front.
fn file_name(mail: &Mail) -> String {
    let local = mail.message_id.split('@').next().unwrap_or_default();
    format!("{}.{local}", mail.created_at.unix_seconds())
}

#[async_trait]
impl Mailer for Maildir {
    fn kind(&self) -> &'static str {
        "maildir"
    }

    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let (maildir, name) = (self.clone(), file_name(mail));
        let (again, bytes) = (mail.attempt > 1, mail.message.formatted());
        let written = tokio::task::spawn_blocking(move || maildir.put(&name, again, &bytes)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::Away(format!(
                "the mail folder cannot be written to: {error}"
            ))),
            Err(error) => Err(SendError::Away(format!(
                "writing the mail was cut short: {error}"
            ))),
        }
    }
}
