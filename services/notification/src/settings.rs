//! What can be set.

mod smtp_url;

use std::path::PathBuf;
use std::time::Duration;

use access_token::VerifierSettings;
use lettre::message::Mailbox;
use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::settings::{Secret, StoreSettings};
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

use crate::sender::Terms;

/// The settings of the notification service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub http: HttpSettings,
    /// How it logs.
    pub log: LogSettings,
    /// How it ends.
    pub shutdown: LifecycleSettings,
    /// Where its data is.
    pub store: StoreSettings,
    /// Where events come from.
    pub broker: BrokerSettings,
    /// How it verifies access tokens.
    pub auth: VerifierSettings,
    /// The mail server.
    pub smtp: SmtpSettings,
    /// The Maildir folder that mails are written to while `smtp.host` is empty. If both are empty, no mail is sent and the
    /// deliveries are `skipped`.
    pub maildir: PathBuf,
    /// The shop's name in mails.
    pub shop_name: String,
    /// Where the shop is for customers: mails link there if it is set.
    pub shop_url: String,
    /// How deliveries are worked off.
    pub senders: SenderSettings,
    /// The live stream.
    pub stream: StreamSettings,
    /// How long things are kept.
    pub retention: RetentionSettings,
}

/// The mail server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpSettings {
    /// Host, port, `tls`, user and password in one: `smtp://user:password@host:587`, `smtps://…`. It wins over them.
    pub url: Secret,
    /// Its name; empty for none.
    pub host: String,
    /// Its port: 587 for STARTTLS, 465 for TLS from the first byte.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// A PEM file with certificates that are trusted besides the system's; empty for none.
    pub ca_file: PathBuf,
    /// The account there; empty to send without signing in.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// Who mails are from.
    pub from: String,
    /// Seconds for handing over one mail, from connecting to the server's last word.
    pub timeout_s: u64,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Not at all: for a server on the same machine.
    None,
    /// By STARTTLS, which the server must offer.
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
}

/// How deliveries are worked off.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderSettings {
    /// Mails handed over at the same time.
    pub concurrency: u16,
    /// Milliseconds between looks for deliveries whose time has come.
    pub poll_ms: u64,
    /// Seconds before the second try; doubled with every further one.
    pub retry_first_s: u64,
    /// The most that doubling leads to, in seconds.
    pub retry_max_s: u64,
    /// Tries before a delivery is given up.
    pub attempts: u32,
}

/// The live stream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamSettings {
    /// Milliseconds between looks for notifications that another replica took in.
    pub poll_ms: u64,
    /// Seconds of silence after which a comment is sent.
    pub heartbeat_s: u64,
    /// Streams that one account may have open.
    pub per_account: u32,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSettings {
    /// Days after which a delivery that has ended leaves the log.
    pub deliveries_days: u32,
    /// Days after which a notification leaves its reader's list, and the live stream can no longer resume before it.
    pub notifications_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at_port(3004),
            log: LogSettings::default(),
            shutdown: LifecycleSettings::default(),
            store: StoreSettings::default(),
            broker: BrokerSettings::default(),
            auth: VerifierSettings::default(),
            smtp: SmtpSettings::default(),
            maildir: PathBuf::new(),
            shop_name: "Shop".to_owned(),
            shop_url: String::new(),
            senders: SenderSettings::default(),
            stream: StreamSettings::default(),
            retention: RetentionSettings::default(),
        }
    }
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            host: String::new(),
            port: 587,
            tls: TlsMode::default(),
            ca_file: PathBuf::new(),
            username: String::new(),
            password: Secret::default(),
            from: "Shop <shop@shop.example>".to_owned(),
            timeout_s: 20,
        }
    }
}

impl Default for SenderSettings {
    /// Thirty tries are about a day.
    fn default() -> Self {
        Self {
            concurrency: 8,
            poll_ms: 1_000,
            retry_first_s: 5,
            retry_max_s: 3_600,
            attempts: 30,
        }
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            poll_ms: 250,
            heartbeat_s: 15,
            per_account: 10,
        }
    }
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            deliveries_days: 90,
            notifications_days: 365,
        }
    }
}

/// A setting has a value of the right type that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}`: {message}")]
pub struct SettingError {
    /// Its path.
    pub key: &'static str,
    /// What would make sense.
    pub message: String,
}

impl SettingError {
    /// That setting, and what would make sense.
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { key, message }
    }
}

impl Settings {
    /// Refuses numbers that make no sense; returns who mails are from.
    pub fn check(&self) -> Result<Mailbox, SettingError> {
        let (senders, stream, retention) = (&self.senders, &self.stream, &self.retention);
        let at_least_one = [
            ("smtp.timeout_s", self.smtp.timeout_s),
            ("smtp.port", u64::from(self.smtp.port)),
            ("senders.concurrency", u64::from(senders.concurrency)),
            ("senders.poll_ms", senders.poll_ms),
            ("senders.retry_first_s", senders.retry_first_s),
            ("senders.attempts", u64::from(senders.attempts)),
            ("stream.poll_ms", stream.poll_ms),
            ("stream.heartbeat_s", stream.heartbeat_s),
            ("stream.per_account", u64::from(stream.per_account)),
            (
                "retention.deliveries_days",
                u64::from(retention.deliveries_days),
            ),
            (
                "retention.notifications_days",
                u64::from(retention.notifications_days),
            ),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(SettingError::new(key, "it must be at least 1"));
        }
        if self.senders.retry_max_s < self.senders.retry_first_s {
            let message = "it must not be less than senders.retry_first_s";
            return Err(SettingError::new("senders.retry_max_s", message));
        }
        let url = &self.shop_url;
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            let message = "write it as https://shop.example, or leave it empty";
            return Err(SettingError::new("shop_url", message));
        }
        self.smtp.from.parse().map_err(|error| {
            let message = format!("write it as `Shop <shop@shop.example>`: {error}");
            SettingError::new("smtp.from", message)
        })
    }
}

impl Settings {
    /// How long claims hold, and when they may be taken over.
    pub(crate) fn terms(&self) -> Terms {
        let pool = &self.store.pool;
        let a_statement = Duration::from_millis(pool.wait_ms + pool.statement_ms);
        Terms::new(self.smtp.deadline(), a_statement)
    }
}

impl SmtpSettings {
    /// For handing over one mail.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }
}

impl ServiceSettings for Settings {
    fn log(&self) -> &LogSettings {
        &self.log
    }

    fn shutdown(&self) -> LifecycleSettings {
        self.shutdown
    }

    fn http(&self) -> &HttpSettings {
        &self.http
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> Option<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().err().map(|error| error.to_string())
    }

    #[test]
    fn the_defaults_make_sense_and_numbers_that_make_none_are_refused_by_name() {
        assert_eq!(refused(|_| ()), None);
        let zero = refused(|settings| settings.senders.concurrency = 0);
        assert_eq!(
            zero.as_deref(),
            Some("setting `senders.concurrency`: it must be at least 1")
        );
        let silent = refused(|settings| settings.stream.heartbeat_s = 0);
        assert_eq!(
            silent.as_deref(),
            Some("setting `stream.heartbeat_s`: it must be at least 1")
        );
        let shrinking = refused(|settings| settings.senders.retry_max_s = 1);
        assert_eq!(
            shrinking.as_deref(),
            Some("setting `senders.retry_max_s`: it must not be less than senders.retry_first_s")
        );
        let script = refused(|settings| settings.shop_url = "javascript:alert(1)".to_owned());
        assert_eq!(
            script.as_deref(),
            Some("setting `shop_url`: write it as https://shop.example, or leave it empty")
        );
        let nobody = refused(|settings| settings.smtp.from = "Shop".to_owned());
        assert!(nobody.is_some_and(|text| text.starts_with("setting `smtp.from`: write it as")));
    }

    #[test]
    fn the_password_of_the_mail_server_is_never_printed() {
        let variable = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let settings: Settings = service_kit::settings::load_from(
            None,
            [
                variable("SHOP__SMTP__PASSWORD", "hunter2"),
                variable("SHOP__SMTP__TLS", "tls"),
            ],
        )
        .unwrap();
        assert_eq!(settings.smtp.password.expose(), "hunter2");
        assert_eq!(settings.smtp.tls, TlsMode::Tls);
        let printed = service_kit::settings::redacted_yaml(&settings).unwrap();
        assert!(printed.contains("password: <redacted>"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
