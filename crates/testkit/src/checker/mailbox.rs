//! The Maildir that mails arrive in.

use std::path::PathBuf;

use anyhow::Result;

use super::snapshot::Mails;
use crate::maildir;

/// Where mails arrive, and how often each may.
pub(super) struct Mailbox {
    folder: PathBuf,
    may_repeat: bool,
}

impl Mailbox {
    /// Each mail once.
    pub(super) fn once(folder: PathBuf) -> Self {
        Self {
            folder,
            may_repeat: false,
        }
    }

    /// Each mail once or more: something happens to those who send them that makes mails come again.
    pub(super) fn or_more_often(self) -> Self {
        Self {
            may_repeat: true,
            ..self
        }
    }

    /// What arrived so far.
    pub(super) fn mails(&self) -> Result<Mails> {
        Ok(Mails {
            arrived: maildir::count(&self.folder)?,
            may_repeat: self.may_repeat,
        })
    }
}
