//! The mails a shop without an SMTP server wrote.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use mail_parser::MessageParser;

/// A mail, as far as tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `Message-ID` without the angle brackets.
    pub message_id: String,
    /// The address it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
}

/// All mails in a Maildir (`new` and `cur`), by message id.
pub fn read(folder: &Path) -> Result<Vec<Mail>> {
    let mut mails = Vec::new();
    for part in ["new", "cur"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            let raw = std::fs::read(&path)?;
            let message = MessageParser::default()
                .parse(&raw)
                .with_context(|| format!("{} is not a mail", path.display()))?;
            mails.push(Mail {
                message_id: message.message_id().unwrap_or_default().to_owned(),
                to: message
                    .to()
                    .and_then(|to| to.first())
                    .and_then(|to| to.address())
                    .unwrap_or_default()
                    .to_owned(),
                subject: message.subject().unwrap_or_default().to_owned(),
                text: message.body_text(0).unwrap_or_default().into_owned(),
            });
        }
    }
    mails.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    Ok(mails)
}

/// How often each mail is in a Maildir, by message id.
pub fn count(folder: &Path) -> Result<BTreeMap<String, u32>> {
    let mut times = BTreeMap::new();
    for mail in read(folder)? {
        *times.entry(mail.message_id).or_default() += 1;
    }
    Ok(times)
}
