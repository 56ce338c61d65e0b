//! The store as services hold it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use service_kit::settings::StoreSettings;
use sqlx::{Connection as _, PgPool};
use store_kit::{Applied, OpenError, StoreError, StoreHandle};

use crate::Schema;
use crate::connect::{Place, takes_writes};
use crate::error::store_error;
use crate::suspicion::{Suspicion, Unfinished};

/// How long closing waits for work that is going on: it was drained before.
const CLOSE: Duration = Duration::from_secs(5);

/// One PostgreSQL database. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: PgPool,
    pub(crate) suspicion: Suspicion,
    pub(crate) service: &'static str,
    /// How long one piece of work may take, waiting for a connection included.
    limit: Duration,
}

impl Database {
    /// Connects, and checks that the server is recent enough, takes writes, and has the schema.
    pub async fn open(
        settings: &StoreSettings,
        schema: &'static Schema,
    ) -> Result<Self, OpenError> {
        let place = Place::of(settings, schema.service)?;
        let wait = Duration::from_millis(settings.pool.wait_ms);
        let limit = wait + Duration::from_millis(settings.pool.statement_ms);
        let checked = tokio::time::timeout(limit, check(&place, wait, schema)).await;
        checked.unwrap_or_else(|late| Err(OpenError::away(place.name.clone(), late)))?;
        let suspicion = Suspicion::new();
        Ok(Self {
            pool: place.pool(settings, &suspicion),
            suspicion,
            service: schema.service,
            limit,
        })
    }

    /// Brings the database up to the schema; returns what it has then.
    pub async fn migrate(
        settings: &StoreSettings,
        schema: &'static Schema,
    ) -> Result<Applied, OpenError> {
        crate::migrate::migrate(settings, schema).await
    }

    /// The connections, for single statements: one round trip. Await the statement inside [`Database::bounded`].
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Awaits work on the pool for as long as settings allow (`pool.wait_ms + pool.statement_ms`): the server ends statements
    /// that take too long, but only this ends them when the network swallows what it says.
    pub async fn bounded<T>(
        &self,
        work: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, StoreError> {
        let work = pin!(work);
        // Dropped before `work` is, so that the connection comes back to a pool that is warned.
        let unfinished = Unfinished::new(&self.suspicion);
        let Ok(result) = tokio::time::timeout(self.limit, work).await else {
            return Err(StoreError::away(format!(
                "PostgreSQL did not answer within {:?}",
                self.limit
            )));
        };
        if result.as_ref().err().is_none_or(leaves_connection_whole) {
            unfinished.finished();
        }
        result.map_err(store_error)
    }

    /// How long one piece of work may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

/// Refuses a server that cannot be used, and a database that has not the schema.
async fn check(place: &Place, wait: Duration, schema: &'static Schema) -> Result<(), OpenError> {
    let mut connection = place.connection(wait).await?;
    place.check_server(&mut connection).await?;
    let applied = crate::migrate::applied(&mut connection).await;
    let applied = applied.map_err(|error| place.refusal(error))?;
    schema.check(applied, &place.name)?;
    connection
        .close()
        .await
        .map_err(|error| place.refusal(error))
}

/// Whether the server itself refused, for a reason that is not its own state.
pub(crate) fn leaves_connection_whole(error: &sqlx::Error) -> bool {
    !crate::error::passes(error) || crate::error::is_conflict(error)
}

#[async_trait]
impl StoreHandle for Database {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let asked = async {
            let mut connection = self.pool.acquire().await?;
            takes_writes(&mut connection).await
        };
        if self.bounded(asked).await? {
            return Ok(());
        }
        self.suspicion.raise();
        Err(StoreError::away(
            "PostgreSQL answers as a standby that only reads",
        ))
    }

    async fn close(&self) {
        if tokio::time::timeout(CLOSE, self.pool.close())
            .await
            .is_err()
        {
            tracing::warn!(
                service = self.service,
                "connections to PostgreSQL did not close in time"
            );
        }
    }
}
