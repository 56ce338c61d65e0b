//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::Opened;
use messaging::postgres::PostgresMessages;
use messaging::sqlite::SqliteMessages;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreKind};

use crate::store::NotificationStore;
use crate::store::postgres::PostgresNotifications;
use crate::store::sqlite::SqliteNotifications;

/// The engines this service has.
const ENGINES: &[StoreKind] = &[StoreKind::Sqlite, StoreKind::Postgres];

/// Opens the store that the settings name.
pub async fn open(settings: &StoreSettings) -> Result<Opened<dyn NotificationStore>, OpenError> {
    if engine(settings)? == StoreKind::Postgres {
        return postgres(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    let store = SqliteNotifications::open(&path).await?;
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
pub async fn attach(settings: &StoreSettings) -> Result<Opened<dyn NotificationStore>, OpenError> {
    if engine(settings)? != StoreKind::Sqlite {
        return open(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    let store = SqliteNotifications::attach(&path).await?;
    let database = store.database().clone();
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(SqliteMessages::attach(database.clone())),
        handle: Arc::new(database),
    })
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    if engine(settings)? == StoreKind::Postgres {
        return PostgresNotifications::migrate(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url).map_err(OpenError::refused)?;
    Ok(SqliteNotifications::migrate(&path).await?)
}

async fn postgres(settings: &StoreSettings) -> Result<Opened<dyn NotificationStore>, OpenError> {
    let store = PostgresNotifications::open(settings).await?;
    let database = store.database().clone();
    Ok(Opened {
        store: Arc::new(store),
        messages: Arc::new(PostgresMessages::new(database.clone())),
        handle: Arc::new(database),
    })
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    StoreKind::of(&settings.url, ENGINES).map_err(OpenError::refused)
}
