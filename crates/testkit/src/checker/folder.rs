//! The data folder of a shop in one process, and the mailbox that its mails go to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::mailbox::Mailbox;
use super::snapshot::Snapshot;
use super::{PATIENCE, load};

/// The stores of a shop in one process.
pub struct Folder {
    data: PathBuf,
    mailbox: Option<Mailbox>,
}

impl Folder {
    /// Names it.
    #[must_use]
    pub fn at(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            mailbox: None,
        }
    }

    /// Compares what was sent with the mails in a Maildir, too: each is there once (I10). Only one that a mail server fills shows
    /// that a mail came twice.
    #[must_use]
    pub fn mailing_to(mut self, folder: PathBuf) -> Self {
        self.mailbox = Some(Mailbox::once(folder));
        self
    }

    /// Each mail is there once or more: the process was killed while it may have had mails in hand (rows D1 and D2).
    #[must_use]
    pub fn mails_may_repeat(mut self) -> Self {
        self.mailbox = self.mailbox.map(Mailbox::or_more_often);
        self
    }

    /// Everything that the rules see, now.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let stores = load::folder(&self.data)?;
        // A mail is handed over before it is recorded.
        let mails = self.mailbox.as_ref().map(Mailbox::mails).transpose()?;
        Ok(Snapshot { mails, ..stores })
    }

    /// Waits until nothing moves any more (I3), then checks that all invariants hold; returns what was there then. The error
    /// lists what does not hold, with the ids it is about.
    pub async fn quiescent(&self) -> Result<Snapshot> {
        // Its broker can be looked into: what neither waits there nor was heard is lost, and the second look is only for what was
        // on its way between two stores.
        super::rest(PATIENCE, Duration::ZERO, async || self.snapshot()).await
    }
}
