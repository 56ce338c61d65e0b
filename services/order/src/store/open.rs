//! Which engine keeps the data: the scheme of the URL says.

use std::sync::Arc;

use messaging::Opened;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreKind};

use crate::domain::Deadlines;
use crate::store::OrderStore;
use crate::store::postgres::PostgresOrders;
use crate::store::sqlite::SqliteOrders;

/// The engines this service has.
const ENGINES: &[StoreKind] = &[StoreKind::Sqlite, StoreKind::Postgres];

/// Opens the store that the settings name.
pub async fn open(
    settings: &StoreSettings,
    deadlines: Deadlines,
) -> Result<Opened<dyn OrderStore>, OpenError> {
    if engine(settings)? == StoreKind::Postgres {
        let store = PostgresOrders::open(settings, deadlines).await?;
        let (database, handoff) = (store.database().clone(), store.handoff().clone());
        return Ok(Opened::on_postgres(database, handoff, Arc::new(store)));
    }
    open_file(settings, deadlines).await
}

/// Opens a store that is a file, and no other: a program that opens stores by this alone has no driver of a server in it.
pub async fn open_file(
    settings: &StoreSettings,
    deadlines: Deadlines,
) -> Result<Opened<dyn OrderStore>, OpenError> {
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteOrders::open(&path, deadlines).await?;
    Opened::<dyn OrderStore>::on_sqlite(store.database().clone(), Arc::new(store)).await
}

/// Opens the store beside the processes of the service, for an administrator's command: a file must be there and is not
/// migrated, and what the service has claimed stays claimed.
pub async fn attach(
    settings: &StoreSettings,
    deadlines: Deadlines,
) -> Result<Opened<dyn OrderStore>, OpenError> {
    if engine(settings)? != StoreKind::Sqlite {
        return open(settings, deadlines).await;
    }
    let path = sqlite_store::path_of(&settings.url)?;
    let store = SqliteOrders::attach(&path, deadlines).await?;
    Ok(Opened::beside_sqlite(
        store.database().clone(),
        Arc::new(store),
    ))
}

/// Brings the store's schema up to this version.
pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    if engine(settings)? == StoreKind::Postgres {
        return PostgresOrders::migrate(settings).await;
    }
    let path = sqlite_store::path_of(&settings.url)?;
    Ok(SqliteOrders::migrate(&path).await?)
}

fn engine(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
    Ok(StoreKind::of(&settings.url, ENGINES)?)
}
