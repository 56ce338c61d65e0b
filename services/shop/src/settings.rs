//! Settings of the one binary: a section for each service, which is the service's own, and what they share.

use std::path::Path;

use access_token::VerifierSettings;
use anyhow::Context as _;
use messaging::embedded_path;
use serde::{Deserialize, Serialize};
use service_kit::settings::BackEndSettings;
use service_kit::telemetry::LogSettings;
use sqlite_store::path_of;

use crate::first_start::{JWKS, SIGNING_KEY};
use crate::service::Service;

/// The e-mail address of the administrator that the first start makes.
pub(crate) const ADMIN_EMAIL: &str = "admin@shop.example";
/// Where mails are written if there is no SMTP server.
pub(crate) const MAIL: &str = "mail";

/// All settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How the process logs.
    pub log: LogSettings,
    /// The broker of all services: `embedded:///absolute/path.db`; in the data folder, if nothing is said.
    pub broker: BackEndSettings,
    /// The gateway's.
    pub gateway: gateway::Settings,
    /// The user service's.
    pub user: user::Settings,
    /// The product service's.
    pub product: product::Settings,
    /// The order service's.
    pub order: order::Settings,
    /// The notification service's.
    pub notification: notification::Settings,
}

/// A setting of a single service that makes no sense where all share one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{service}.{key}` has no effect in the one binary, where all services share one; set `{key}` instead"
)]
pub struct PlacementError {
    service: &'static str,
    key: &'static str,
}

impl Settings {
    /// Fills in what follows from the data folder, and refuses what would be without effect.
    pub fn place(&mut self, folder: &Path) -> Result<(), PlacementError> {
        self.refuse_what_has_no_effect()?;
        let file = |name: &str| folder.join(name).display().to_string();
        fill(&mut self.broker.url, || {
            format!("embedded://{}", file("broker.db"))
        });
        for (service, url) in [
            (Service::User, &mut self.user.store.url),
            (Service::Product, &mut self.product.store.url),
            (Service::Order, &mut self.order.store.url),
            (Service::Notification, &mut self.notification.store.url),
        ] {
            fill(url, || {
                format!("sqlite://{}", file(&format!("{service}.db")))
            });
        }
        let usual = VerifierSettings::default().jwks;
        for auth in [
            &mut self.gateway.auth,
            &mut self.user.auth,
            &mut self.product.auth,
            &mut self.order.auth,
            &mut self.notification.auth,
        ] {
            if auth.jwks == usual {
                auth.jwks = file(JWKS);
            }
        }
        if self.user.keys.signing_key.as_os_str().is_empty() {
            self.user.keys.signing_key = folder.join(SIGNING_KEY);
        }
        fill(&mut self.user.bootstrap_admin.email, || {
            ADMIN_EMAIL.to_owned()
        });
        // The gateway stands in front of it: throttles go by the client's address, not by the gateway's.
        if self.user.http.trusted_hops == 0 {
            self.user.http.trusted_hops = 1;
        }
        if self.notification.maildir.as_os_str().is_empty() {
            self.notification.maildir = folder.join(MAIL);
        }
        Ok(())
    }

    /// Refuses back-ends that the one binary does not have, without opening any.
    pub fn check_back_ends(&self) -> anyhow::Result<()> {
        embedded_path(&self.broker.url).context("setting `broker.url`")?;
        for (service, url) in [
            (Service::User, &self.user.store.url),
            (Service::Product, &self.product.store.url),
            (Service::Order, &self.order.store.url),
            (Service::Notification, &self.notification.store.url),
        ] {
            path_of(url).with_context(|| {
                format!(
                    "setting `{service}.store.url` (in `shop` every store is a file; servers are for the binary `{service}`)"
                )
            })?;
        }
        Ok(())
    }

    fn refuse_what_has_no_effect(&self) -> Result<(), PlacementError> {
        let usual = LogSettings::default();
        for (service, log) in [
            (Service::Gateway, &self.gateway.log),
            (Service::User, &self.user.log),
            (Service::Product, &self.product.log),
            (Service::Order, &self.order.log),
            (Service::Notification, &self.notification.log),
        ] {
            if *log != usual {
                return Err(refused(service, "log"));
            }
        }
        for (service, url) in [
            (Service::User, &self.user.broker.url),
            (Service::Product, &self.product.broker.url),
            (Service::Order, &self.order.broker.url),
            (Service::Notification, &self.notification.broker.url),
        ] {
            if !url.is_empty() {
                return Err(refused(service, "broker.url"));
            }
        }
        Ok(())
    }
}

fn fill(text: &mut String, default: impl FnOnce() -> String) {
    if text.is_empty() {
        *text = default();
    }
}

fn refused(service: Service, key: &'static str) -> PlacementError {
    PlacementError {
        service: service.name(),
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_follows_from_the_data_folder() {
        let mut settings = Settings::default();
        settings.order.store.url = "sqlite:///elsewhere/order.db".to_owned();
        settings.place(Path::new("/data")).unwrap();
        assert_eq!(settings.broker.url, "embedded:///data/broker.db");
        assert_eq!(settings.user.store.url, "sqlite:///data/user.db");
        assert_eq!(settings.order.store.url, "sqlite:///elsewhere/order.db");
        assert_eq!(settings.gateway.auth.jwks, "/data/jwks.json");
        assert_eq!(settings.notification.maildir, Path::new("/data/mail"));
    }

    #[test]
    fn a_back_end_that_the_one_binary_does_not_have_is_refused_by_its_key() {
        let mut settings = Settings::default();
        settings.place(Path::new("/data")).unwrap();
        settings.check_back_ends().unwrap();
        settings.product.store.url = "mongodb://user:secret@host/shop".to_owned();
        let error = settings.check_back_ends().unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "setting `product.store.url` (in `shop` every store is a file; servers are for the binary `product`): STORE_URL has \
             the scheme `mongodb`, which this service does not support; use sqlite:///absolute/path.db"
        );
        settings.broker.url = "amqp://host".to_owned();
        let error = settings.check_back_ends().unwrap_err();
        assert!(
            format!("{error:#}")
                .starts_with("setting `broker.url`: BROKER_URL has the scheme `amqp`"),
            "{error:#}"
        );
    }

    #[test]
    fn a_setting_without_effect_is_refused() {
        let mut settings = Settings::default();
        settings.order.log.filter = "debug".to_owned();
        assert_eq!(
            settings.place(Path::new("/data")).unwrap_err().to_string(),
            "`order.log` has no effect in the one binary, where all services share one; set `log` instead"
        );
        let mut settings = Settings::default();
        settings.user.broker.url = "amqp://rabbit".to_owned();
        assert_eq!(
            settings.place(Path::new("/data")).unwrap_err(),
            refused(Service::User, "broker.url")
        );
    }
}
