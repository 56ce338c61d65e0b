//! What can be set.

use std::time::Duration;

use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::settings::{StoreSettings, within};
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

use crate::domain::Deadlines;

/// The settings of the order service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub http: HttpSettings,
    /// How it ends.
    pub shutdown: LifecycleSettings,
    /// How it logs.
    pub log: LogSettings,
    /// Where orders are kept.
    pub store: StoreSettings,
    /// Where events are exchanged.
    pub broker: BrokerSettings,
    /// How access tokens are verified.
    pub auth: access_token::VerifierSettings,
    /// Where address books are.
    pub user_service: UserServiceSettings,
    /// How long an order waits for others.
    pub deadlines: DeadlineSettings,
    /// How many events may wait for the broker.
    pub outbox: OutboxSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at_port(3003),
            shutdown: LifecycleSettings::default(),
            log: LogSettings::default(),
            store: StoreSettings::default(),
            broker: BrokerSettings::default(),
            auth: access_token::VerifierSettings::default(),
            user_service: UserServiceSettings::default(),
            deadlines: DeadlineSettings::default(),
            outbox: OutboxSettings::default(),
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

/// Where address books are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserServiceSettings {
    /// The user service, without a path.
    pub url: String,
}

impl Default for UserServiceSettings {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:3001".to_owned(),
        }
    }
}

/// In seconds.
const DAY: u64 = 86_400;
/// In seconds.
const DAYS_30: u64 = 30 * DAY;

/// How long an order waits for others, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadlineSettings {
    /// For stock to hold its lines; then it is cancelled. 1 second to 30 days.
    #[serde(deserialize_with = "within::<_, 1, DAYS_30>")]
    pub reserve_s: u64,
    /// For stock to give back what it holds, before it is asked again; doubled with every reminder. 1 second
    /// to a day.
    #[serde(deserialize_with = "within::<_, 1, DAY>")]
    pub release_s: u64,
    /// The most that doubling leads to. 1 second to a day.
    #[serde(deserialize_with = "within::<_, 1, DAY>")]
    pub release_max_s: u64,
}

impl Default for DeadlineSettings {
    fn default() -> Self {
        let deadlines = Deadlines::default();
        Self {
            reserve_s: deadlines.reserve.as_secs(),
            release_s: deadlines.release.as_secs(),
            release_max_s: deadlines.release_max.as_secs(),
        }
    }
}

impl From<DeadlineSettings> for Deadlines {
    fn from(settings: DeadlineSettings) -> Self {
        Self {
            reserve: Duration::from_secs(settings.reserve_s),
            release: Duration::from_secs(settings.release_s),
            release_max: Duration::from_secs(settings.release_max_s),
        }
    }
}

/// How many events may wait for the broker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxSettings {
    /// From so many on, orders are refused with 503 until the broker is back. At least one.
    #[serde(deserialize_with = "within::<_, 1, { u64::MAX }>")]
    pub cap: u64,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self { cap: 100_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_refused_with_their_bounds() {
        for (json, message) in [
            (
                r#"{"reserve_s":0}"#,
                "0 is not a whole number from 1 to 2592000",
            ),
            (
                r#"{"reserve_s":18446744073709551615}"#,
                "18446744073709551615 is not a whole number from 1 to 2592000",
            ),
            (
                r#"{"release_s":0}"#,
                "0 is not a whole number from 1 to 86400",
            ),
        ] {
            let error = serde_json::from_str::<DeadlineSettings>(json).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let error = serde_json::from_str::<OutboxSettings>(r#"{"cap":0}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("0 is not a whole number from 1"),
            "{error}"
        );
    }
}
