//! What can be set, for instance by `SHOP__HTTP__PORT`: the parts that every service has.

use std::net::Ipv4Addr;

use access_token::VerifierSettings;
use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::settings::StoreSettings;
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) http: HttpSettings,
    pub(crate) log: LogSettings,
    pub(crate) shutdown: LifecycleSettings,
    pub(crate) store: StoreSettings,
    pub(crate) broker: BrokerSettings,
    pub(crate) auth: VerifierSettings,
}

impl Default for Settings {
    /// As a pod needs them; what differs between pods is in `examples/extra-service.yaml`.
    fn default() -> Self {
        Self {
            http: HttpSettings {
                host: Ipv4Addr::UNSPECIFIED.into(),
                ..HttpSettings::at_port(8080)
            },
            log: LogSettings::default(),
            shutdown: LifecycleSettings {
                // Requests come until every node has noticed that this replica ends.
                delay_ms: 5_000,
                ..LifecycleSettings::default()
            },
            store: StoreSettings::default(),
            broker: BrokerSettings::default(),
            auth: VerifierSettings::default(),
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
