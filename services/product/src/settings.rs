//! Settings of the product service.

use std::time::Duration;

use access_token::VerifierSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
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
    pub store: UrlSettings,
    /// Where its events go.
    pub broker: UrlSettings,
    /// How it verifies access tokens.
    pub auth: VerifierSettings,
    /// How it deals with stock.
    pub stock: StockSettings,
}

/// A back-end, by URL.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UrlSettings {
    /// The URL; its scheme names the kind.
    pub url: String,
}

/// Rules for stock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StockSettings {
    /// Administrators are told when the available pieces of a sku fall to this number.
    pub low_threshold: u32,
    /// Minutes for which a replaced price is still honoured.
    pub price_grace_min: u64,
    /// Minutes a hold lasts before the order is asked about it: the order's deadlines for reservation and payment and a
    /// quarter of an hour.
    pub hold_min: u64,
    /// Seconds between looks for old holds.
    pub sweep_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at_port(3002),
            log: LogSettings::default(),
            shutdown: LifecycleSettings::default(),
            store: UrlSettings::default(),
            broker: UrlSettings::default(),
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
    pub(crate) fn rules(self) -> Rules {
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
}
