//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::{Handoff, Opened};
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreKind};

use crate::store::UserStore;
use crate::store::mongo::MongoUsers;
use crate::store::sqlite::SqliteUsers;

/// The engines this service has.
const ENGINES: &[StoreKind] = &[StoreKind::Sqlite, StoreKind::MongoDb];

/// Opens the store that the settings name.
pub async fn open(settings: &StoreSettings) -> Result<Opened<dyn UserStore>, OpenError> {
    if engine(settings)? == StoreKind::MongoDb {
        let store = MongoUsers::open(settings).await?;
        let database = store.database().clone();
        return Ok(Opened::on_mongo(
            database,
            Handoff::default(),
            Arc::new(store),
        ));
    }
    open_file(settings).await
}

/// Opens a store that is a file, and no other: a program that opens stores by this alone has no driver of a server in it.
pub async fn open_file(settings: &StoreSettings) -> Result<Opened<dyn UserStore>, OpenError> {
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteUsers::open(&path).await?;
    Opened::<dyn UserStore>::on_sqlite(store.database().clone(), Arc::new(store)).await
}

/// Opens the store beside the processes of the service, for an administrator's command: a file must be there and is not
/// migrated, and what the service has claimed stays claimed.
pub async fn attach(settings: &StoreSettings) -> Result<Opened<dyn UserStore>, OpenError> {
    if engine(settings)? != StoreKind::Sqlite {
        return open(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteUsers::attach(&path).await?;
    Ok(Opened::beside_sqlite(
        store.database().clone(),
        Arc::new(store),
    ))
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    if engine(settings)? == StoreKind::MongoDb {
        return MongoUsers::migrate(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url)?;
    Ok(SqliteUsers::migrate(&path).await?)
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    Ok(StoreKind::of(&settings.url, ENGINES)?)
}
