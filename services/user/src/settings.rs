//! What can be set.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::settings::{Secret, StoreSettings};
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

/// The settings of the user service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens. Behind the gateway, `trusted_hops` is 1: throttles go by the client's own address.
    pub http: HttpSettings,
    /// How it ends.
    pub shutdown: LifecycleSettings,
    /// How it logs.
    pub log: LogSettings,
    /// Where accounts are kept.
    pub store: StoreSettings,
    /// Where events are exchanged.
    pub broker: BrokerSettings,
    /// What its access tokens say of issuer and audience. It verifies them with its own keys; `jwks` is not looked at.
    pub auth: access_token::VerifierSettings,
    /// What it signs with.
    pub keys: KeySettings,
    /// The first administrator.
    pub bootstrap_admin: BootstrapAdmin,
    /// How long tokens live.
    pub tokens: TokenSettings,
    /// What hashing passwords may cost.
    pub passwords: PasswordSettings,
    /// How often somebody may try to sign in or to register.
    pub throttle: ThrottleSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at_port(3001),
            shutdown: LifecycleSettings::default(),
            log: LogSettings::default(),
            store: StoreSettings::default(),
            broker: BrokerSettings::default(),
            auth: access_token::VerifierSettings::default(),
            keys: KeySettings::default(),
            bootstrap_admin: BootstrapAdmin::default(),
            tokens: TokenSettings::default(),
            passwords: PasswordSettings::default(),
            throttle: ThrottleSettings::default(),
        }
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

/// Ed25519 private keys in PKCS#8 PEM.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    /// The file of the key that signs.
    pub signing_key: PathBuf,
    /// The file of the key that signed before, for at least one life of an access token after a change.
    pub previous_signing_key: Option<PathBuf>,
    /// The file of the key that will sign after a change: shown to those who verify, so that they know it by then.
    pub next_signing_key: Option<PathBuf>,
}

/// The first administrator: made at start if no account has the address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapAdmin {
    /// Their e-mail address; nobody is made without.
    pub email: String,
    /// Their password until they change it. It is never reset to this one.
    pub password: Secret,
}

/// How long tokens live, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// An access token; at most an hour, for it cannot be taken back.
    pub access_s: NonZeroU32,
    /// A refresh token that is not used.
    pub refresh_s: NonZeroU32,
    /// A sign-in, however often it is carried on.
    pub refresh_absolute_s: NonZeroU32,
}

/// The longest life of an access token.
const MAX_ACCESS_S: u32 = 3_600;

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            access_s: nonzero(600),
            refresh_s: nonzero(14 * 24 * 3_600),
            refresh_absolute_s: nonzero(90 * 24 * 3_600),
        }
    }
}

/// What hashing passwords may cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordSettings {
    /// Passwords hashed at a time; each takes a core and `memory_kib`.
    pub concurrency: NonZeroUsize,
    /// Passwords that may wait for that; more are answered 503.
    pub queue: usize,
    /// Memory of one hash in KiB, at least 19456. Hashes with less are renewed when their owners sign in.
    pub memory_kib: u32,
    /// Passes over that memory, at least 2.
    pub iterations: u32,
}

/// The memory cost that OWASP recommends with two passes.
const MIN_MEMORY_KIB: u32 = 19_456;
/// One GiB: more would end the process sooner than an attack.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MIN_ITERATIONS: u32 = 2;
const MAX_ITERATIONS: u32 = 100;
const MAX_CONCURRENCY: usize = 64;
const MAX_QUEUE: usize = 100_000;

impl Default for PasswordSettings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            concurrency: cores.min(NonZeroUsize::MIN.saturating_add(3)),
            queue: 256,
            memory_kib: MIN_MEMORY_KIB,
            iterations: MIN_ITERATIONS,
        }
    }
}

/// So many at once, and so many again in every period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// How many.
    pub burst: NonZeroU32,
    /// The period in seconds: a minute, if not said.
    #[serde(default = "minute")]
    pub per_s: NonZeroU32,
}

fn minute() -> NonZeroU32 {
    nonzero(60)
}

impl Allowance {
    /// The period.
    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_secs(u64::from(self.per_s.get()))
    }
}

/// How often somebody may try to sign in, to register, or to change a password. Raise these where many people come from
/// one address, as in load tests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleSettings {
    /// From one address (one /64 network of IPv6).
    pub by_address: Allowance,
    /// With one e-mail from one address.
    pub by_email_and_address: Allowance,
    /// With one e-mail from anywhere. More than the one before, so that no single stranger can use it up and keep an
    /// account's owner out.
    pub by_email: Allowance,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        let a_minute = |burst| Allowance {
            burst: nonzero(burst),
            per_s: minute(),
        };
        Self {
            by_address: a_minute(60),
            by_email_and_address: a_minute(10),
            by_email: a_minute(30),
        }
    }
}

/// A setting makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {key} {rule}")]
pub struct SenselessSetting {
    key: &'static str,
    rule: &'static str,
}

impl SenselessSetting {
    pub(crate) fn of_throttle() -> Self {
        Self {
            key: "throttle",
            rule: "allows more tries than time can be divided into: lower burst or raise per_s",
        }
    }
}

impl Settings {
    /// Refuses numbers that make no sense alone or together; zero is refused where it is read.
    pub(crate) fn check(&self) -> Result<(), SenselessSetting> {
        let (tokens, passwords) = (self.tokens, self.passwords);
        let rules = [
            (
                tokens.access_s.get() <= MAX_ACCESS_S,
                "tokens.access_s",
                "is at most 3600: an access token cannot be taken back",
            ),
            (
                tokens.refresh_s >= tokens.access_s,
                "tokens.refresh_s",
                "is at least tokens.access_s",
            ),
            (
                tokens.refresh_absolute_s >= tokens.refresh_s,
                "tokens.refresh_absolute_s",
                "is at least tokens.refresh_s",
            ),
            (
                passwords.concurrency.get() <= MAX_CONCURRENCY,
                "passwords.concurrency",
                "is at most 64",
            ),
            (
                passwords.queue <= MAX_QUEUE,
                "passwords.queue",
                "is at most 100000",
            ),
            (
                (MIN_MEMORY_KIB..=MAX_MEMORY_KIB).contains(&passwords.memory_kib),
                "passwords.memory_kib",
                "is from 19456 to 1048576",
            ),
            (
                (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&passwords.iterations),
                "passwords.iterations",
                "is from 2 to 100",
            ),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, key, rule)) => Err(SenselessSetting { key, rule }),
        }
    }
}

#[cfg(test)]
mod tests {
    use service_kit::settings::load_from;

    use super::*;

    fn set(key: &str, value: &str) -> Result<Settings, String> {
        let variables = [(format!("SHOP__{key}"), value.to_owned())];
        let settings: Settings = load_from(None, variables).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn the_defaults_make_sense() {
        Settings::default().check().unwrap();
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_by_name() {
        for (key, value, name) in [
            ("TOKENS__ACCESS_S", "0", "tokens.access_s"),
            ("TOKENS__ACCESS_S", "3601", "tokens.access_s"),
            ("TOKENS__REFRESH_S", "599", "tokens.refresh_s"),
            (
                "TOKENS__REFRESH_ABSOLUTE_S",
                "700",
                "tokens.refresh_absolute_s",
            ),
            ("PASSWORDS__CONCURRENCY", "0", "passwords.concurrency"),
            ("PASSWORDS__CONCURRENCY", "65", "passwords.concurrency"),
            ("PASSWORDS__QUEUE", "-1", "passwords.queue"),
            ("PASSWORDS__QUEUE", "100001", "passwords.queue"),
            ("PASSWORDS__MEMORY_KIB", "19455", "passwords.memory_kib"),
            ("PASSWORDS__ITERATIONS", "1", "passwords.iterations"),
            ("KEYS__PUBLIC_KEY", "x", "keys.public_key"),
        ] {
            let refusal = set(key, value).unwrap_err();
            assert!(refusal.contains(name), "{refusal}");
        }
    }

    #[test]
    fn throttles_and_the_first_administrator_are_set_by_variables() {
        let settings = set("BOOTSTRAP_ADMIN__EMAIL", "root@example.com").unwrap();
        assert_eq!(settings.bootstrap_admin.email, "root@example.com");
        let by_address = set("THROTTLE__BY_ADDRESS__BURST", "5000")
            .unwrap()
            .throttle
            .by_address;
        let allowance = Allowance {
            burst: nonzero(5_000),
            per_s: nonzero(60),
        };
        assert_eq!(by_address, allowance);
    }
}
