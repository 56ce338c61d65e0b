//! The services' stores, opened beside the services.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use messaging::{MessageStore, Opened};
use product::store::ProductStore;
use service_kit::settings::StoreSettings;
use store_kit::{OpenError, StoreHandle};
use user::store::UserStore;

use crate::error::Error;
use crate::settings::{Service, Settings};

/// Where stores are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StoreArgs {
    /// The store's URL; wins over `STORE_URL`
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) store_url: Option<String>,
    /// The data folder of a shop in one process, which may be running
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

/// Where each service's store is.
pub(crate) struct Stores {
    settings: Settings,
    data: Option<PathBuf>,
}

/// The messages of one service.
pub(crate) struct Messages {
    pub(crate) service: Service,
    pub(crate) store: Arc<dyn MessageStore>,
    handle: Arc<dyn StoreHandle>,
}

impl Messages {
    /// What an error of the store means.
    pub(crate) fn failed(&self, cause: store_kit::StoreError) -> Error {
        let service = self.service;
        Error::Store { service, cause }
    }

    /// Lets the store go.
    pub(crate) async fn close(self) {
        self.handle.close().await;
    }
}

impl Stores {
    pub(crate) fn new(mut settings: Settings, args: &StoreArgs) -> Self {
        if let Some(url) = &args.store_url {
            settings.store.url.clone_from(url);
        }
        Self {
            settings,
            data: args.data.clone(),
        }
    }

    /// Those of the services that were asked for: the named one, or all.
    pub(crate) fn services(&self, named: Option<Service>) -> Result<Vec<Service>, Error> {
        match named {
            Some(service) => Ok(vec![service]),
            None if self.settings.store.url.is_empty() => Ok(Service::ALL.into()),
            None => Err(Error::Usage(
                "STORE_URL names the store of one service; say of which with --service".to_owned(),
            )),
        }
    }

    /// The settings of a service's store.
    pub(crate) fn settings(&self, service: Service) -> Result<StoreSettings, Error> {
        if self.settings.store.url.is_empty() {
            self.settings.store_of(service, self.data.as_deref())
        } else {
            Ok(self.settings.store.clone())
        }
    }

    /// The messages of a service.
    pub(crate) async fn messages(&self, service: Service) -> Result<Messages, Error> {
        let settings = self.settings(service)?;
        let opened = open_messages(service, &settings).await;
        let (store, handle) = opened.map_err(|cause| Error::Open { service, cause })?;
        Ok(Messages {
            service,
            store,
            handle,
        })
    }

    /// The store of products.
    pub(crate) async fn products(&self) -> Result<Opened<dyn ProductStore>, Error> {
        let service = Service::Product;
        let settings = self.settings(service)?;
        let opened = open_products(&settings).await;
        opened.map_err(|cause| Error::Open { service, cause })
    }

    /// The store of accounts.
    pub(crate) async fn users(&self) -> Result<Opened<dyn UserStore>, Error> {
        let service = Service::User;
        let settings = self.settings(service)?;
        let opened = user::store::attach(&settings).await;
        opened.map_err(|cause| Error::Open { service, cause })
    }
}

/// The messages of a service, and what the store is held by.
pub(crate) async fn open_messages(
    service: Service,
    settings: &StoreSettings,
) -> Result<(Arc<dyn MessageStore>, Arc<dyn StoreHandle>), OpenError> {
    let opened = match service {
        Service::User => parts(user::store::attach(settings).await?),
        Service::Product => parts(open_products(settings).await?),
        Service::Order => {
            // They matter to commands on orders only.
            let deadlines = order::domain::Deadlines::default();
            parts(order::store::attach(settings, deadlines).await?)
        }
        Service::Notification => parts(notification::store::attach(settings).await?),
    };
    Ok(opened)
}

async fn open_products(settings: &StoreSettings) -> Result<Opened<dyn ProductStore>, OpenError> {
    // They matter to commands on stock only.
    let rules = product::Settings::default().stock.rules();
    product::store::attach(settings, rules).await
}

fn parts<S: ?Sized>(opened: Opened<S>) -> (Arc<dyn MessageStore>, Arc<dyn StoreHandle>) {
    (opened.messages, opened.handle)
}
