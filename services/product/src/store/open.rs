//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::Opened;
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
        let store = MongoStore::open(settings, rules).await?;
        let (database, handoff) = (store.database().clone(), store.handoff().clone());
        return Ok(Opened::on_mongo(database, handoff, Arc::new(store)));
    }
    open_file(settings, rules).await
}

/// Opens a store that is a file, and no other: a program that opens stores by this alone has no driver of a server in it.
pub async fn open_file(
    settings: &StoreSettings,
    rules: Rules,
) -> Result<Opened<dyn ProductStore>, OpenError> {
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteStore::open(&path, rules).await?;
    Opened::<dyn ProductStore>::on_sqlite(store.database().clone(), Arc::new(store)).await
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
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteStore::attach(&path, rules).await?;
    Ok(Opened::beside_sqlite(
        store.database().clone(),
        Arc::new(store),
    ))
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    if engine(settings)? == StoreKind::MongoDb {
        return MongoStore::migrate(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url)?;
    Ok(SqliteStore::migrate(&path).await?)
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    Ok(StoreKind::of(&settings.url, ENGINES)?)
}
