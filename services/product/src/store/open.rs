//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::Opened;
use messaging::mongo::MongoMessages;
use messaging::sqlite::SqliteMessages;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreKind};

use crate::domain::stock::Rules;
use crate::store::ProductStore;
use crate::store::mongo::MongoStore;
use crate::store::sqlite::SqliteStore;

/// The engines this service has.
const ENGINES: &[StoreKind] = &[StoreKind::Sqlite, StoreKind::MongoDb];

/// Opens the store that the settings name.
pub async fn open(
    settings: &StoreSettings,
    rules: Rules,
) -> Result<Opened<dyn ProductStore>, OpenError> {
    if engine(settings)? == StoreKind::MongoDb {
        return mongo(settings, rules).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    let store = SqliteStore::open(&path, rules).await?;
    let database = store.database().clone();
    let messages = SqliteMessages::open(database.clone()).await;
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(messages.map_err(OpenError::refused)?),
        handle: Arc::new(database),
    })
}

/// Opens the store beside the processes of the service, for an administrator's command: a file must be there and is not
/// migrated, and what the service has claimed stays claimed.
pub async fn attach(
    settings: &StoreSettings,
    rules: Rules,
) -> Result<Opened<dyn ProductStore>, OpenError> {
    if engine(settings)? != StoreKind::Sqlite {
        return open(settings, rules).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    let store = SqliteStore::attach(&path, rules).await?;
    let database = store.database().clone();
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(SqliteMessages::attach(database.clone())),
        handle: Arc::new(database),
    })
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    if engine(settings)? == StoreKind::MongoDb {
        return MongoStore::migrate(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    Ok(SqliteStore::migrate(&path).await?)
}

async fn mongo(
    settings: &StoreSettings,
    rules: Rules,
) -> Result<Opened<dyn ProductStore>, OpenError> {
    let store = MongoStore::open(settings, rules).await?;
    let database = store.database().clone();
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(MongoMessages::new(database.clone())),
        handle: Arc::new(database),
    })
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    StoreKind::of(&settings.url, ENGINES).map_err(OpenError::refused)
}
