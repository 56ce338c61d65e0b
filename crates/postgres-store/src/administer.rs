//! For administrators' programs: a connection that is no service's.

use std::time::Duration;

use service_kit::settings::StoreSettings;
use sqlx::PgConnection;
use store_kit::OpenError;

use crate::connect::Place;

/// A connection to a server that a service could use, to the database that the settings name, whatever is in it.
pub async fn administrator(
    settings: &StoreSettings,
    program: &str,
) -> Result<PgConnection, OpenError> {
    let place = Place::of(settings, program)?;
    let wait = Duration::from_millis(settings.pool.wait_ms);
    let mut connection = place.connection(wait).await?;
    place.check_server(&mut connection).await?;
    Ok(connection)
}
