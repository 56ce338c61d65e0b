//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::Opened;
use messaging::sqlite::SqliteMessages;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreKind};

use crate::store::UserStore;
use crate::store::sqlite::SqliteUsers;

/// The engines this service has.
const ENGINES: &[StoreKind] = &[StoreKind::Sqlite];

/// Opens the store that the settings name.
pub async fn open(settings: &StoreSettings) -> Result<Opened<dyn UserStore>, OpenError> {
    engine(settings)?;
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    let store = SqliteUsers::open(&path).await?;
    let database = store.database().clone();
    let messages = SqliteMessages::open(database.clone()).await;
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(messages.map_err(OpenError::refused)?),
        handle: Arc::new(database),
    })
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    engine(settings)?;
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    Ok(SqliteUsers::migrate(&path).await?)
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    StoreKind::of(&settings.url, ENGINES).map_err(OpenError::refused)
}
