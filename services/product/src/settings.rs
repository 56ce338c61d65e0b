//! Settings of the product service.

use std::time::Duration;

use access_token::VerifierSettings;
use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::settings::{StoreSettings, within};
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

use crate::domain::stock::Rules;

/// All settings.
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
    /// Where its events go.
    pub broker: BrokerSettings,
    /// How it verifies access tokens.
    pub auth: VerifierSettings,
    /// How it deals with stock.
    pub stock: StockSettings,
}

const MINUTES_A_YEAR: u64 = 525_600;
const SECONDS_A_DAY: u64 = 86_400;

/// Rules for stock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StockSettings {
    /// Administrators are told when the available pieces of a sku fall to this number.
    pub low_threshold: u32,
    /// Minutes for which a replaced price is still honoured: 0 to 525600.
    #[serde(deserialize_with = "within::<_, 0, MINUTES_A_YEAR>")]
    pub price_grace_min: u64,
    /// Minutes a hold lasts before the order is asked about it: the order's deadlines for reservation and payment and a
    /// quarter of an hour. 1 to 525600.
    #[serde(deserialize_with = "within::<_, 1, MINUTES_A_YEAR>")]
    pub hold_min: u64,
    /// Seconds between looks for old holds: 1 to 86400.
    #[serde(deserialize_with = "within::<_, 1, SECONDS_A_DAY>")]
    pub sweep_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at_port(3002),
            log: LogSettings::default(),
            shutdown: LifecycleSettings::default(),
            store: StoreSettings::default(),
            broker: BrokerSettings::default(),
            auth: VerifierSettings::default(),
            stock: StockSettings::default(),
        }
    }
}

impl Default for StockSettings {
    fn default() -> Self {
        Self {
            low_threshold: 5,
            price_grace_min: 15,
            hold_min: 60 + 30 + 15,
            sweep_s: 30,
        }
    }
}

impl StockSettings {
    /// The same as the domain has them.
    #[must_use]
    pub fn rules(self) -> Rules {
        Rules {
            low_threshold: u64::from(self.low_threshold),
            price_grace: Duration::from_secs(self.price_grace_min * 60),
            hold: Duration::from_secs(self.hold_min * 60),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_refused_with_their_bounds() {
        for (json, message) in [
            (
                r#"{"sweep_s":0}"#,
                "0 is not a whole number from 1 to 86400",
            ),
            (
                r#"{"hold_min":0}"#,
                "0 is not a whole number from 1 to 525600",
            ),
            (
                r#"{"price_grace_min":1152921504606846976}"#,
                "1152921504606846976 is not a whole number from 0 to 525600",
            ),
        ] {
            let error = serde_json::from_str::<StockSettings>(json).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let none: StockSettings = serde_json::from_str(r#"{"price_grace_min":0}"#).unwrap();
        assert_eq!(none.rules().price_grace, Duration::ZERO);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error = serde_json::from_str::<Settings>(r#"{"stock":{"lowthreshold":1}}"#);
        assert!(error.unwrap_err().to_string().contains("lowthreshold"));
    }
}
