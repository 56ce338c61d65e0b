//! Transactions.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::future::BoxFuture;
use sqlx::{Connection as _, PgConnection};
use store_kit::StoreError;

use crate::database::{Database, leaves_connection_whole};
use crate::error::{is_conflict, store_error};
use crate::suspicion::Unfinished;

/// How often a transaction is begun again. Locks are taken in one global order, so this is rare, and once is nearly always
/// enough.
const TRIES: usize = 5;

impl Database {
    /// Runs a command as one transaction: all or nothing, durable when this returns `Ok`. An error of `work` rolls back.
    ///
    /// `work` gets the connection and `input`, which is all it may borrow (a tuple does well); it may be run several times,
    /// because what the server rolled back in favour of another transaction (serialization failure, deadlock) is begun anew, and
    /// so is what could not even begin because the server had been restarted since the connection was used last.
    /// It must not go on after a statement has failed: use `ON CONFLICT` where a conflict is a normal answer.
    ///
    /// ```text
    /// db.transact(&(event, context), |connection, (event, context)| {
    ///     Box::pin(take_in(connection, event, context))
    /// })
    /// ```
    pub async fn transact<In, T, E, F>(&self, input: &In, work: F) -> Result<T, E>
    where
        In: Sync + ?Sized,
        T: Send,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'c> Fn(&'c mut PgConnection, &'c In) -> BoxFuture<'c, Result<T, E>> + Send + Sync,
    {
        let attempt = || self.attempt(input, &work);
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(2))
            .with_max_delay(Duration::from_millis(100))
            .with_max_times(TRIES)
            .with_jitter();
        attempt
            .retry(waits)
            .when(|failure| failure.again)
            .notify(|_, _| {
                metrics::counter!("shop_store_conflicts_total", "service" => self.service)
                    .increment(1);
            })
            .await
            .map_err(|failure| failure.error)
    }

    async fn attempt<In, T, E, F>(&self, input: &In, work: &F) -> Result<T, Failure<E>>
    where
        In: Sync + ?Sized,
        T: Send,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'c> Fn(&'c mut PgConnection, &'c In) -> BoxFuture<'c, Result<T, E>> + Send + Sync,
    {
        let attempt = pin!(self.once(input, work));
        // Dropped before `attempt` is, so that the connection comes back to a pool that is warned.
        let unfinished = Unfinished::new(&self.suspicion);
        let Ok(result) = tokio::time::timeout(self.limit(), attempt).await else {
            let reason = format!("PostgreSQL did not answer within {:?}", self.limit());
            return Err(Failure {
                error: StoreError::away(reason).into(),
                whole: false,
                again: false,
            });
        };
        if result.as_ref().err().is_none_or(|failure| failure.whole) {
            unfinished.finished();
        }
        result
    }

    async fn once<In, T, E, F>(&self, input: &In, work: &F) -> Result<T, Failure<E>>
    where
        In: Sync + ?Sized,
        T: Send,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'c> Fn(&'c mut PgConnection, &'c In) -> BoxFuture<'c, Result<T, E>> + Send + Sync,
    {
        let mut connection = self.pool.acquire().await.map_err(Failure::of_driver)?;
        let beginning = connection.begin().await;
        let mut transaction = beginning.map_err(|error| Failure {
            again: !leaves_connection_whole(&error),
            ..Failure::of_driver(error)
        })?;
        match work(&mut transaction, input).await {
            Ok(done) => {
                #[cfg(debug_assertions)]
                refuse_failed(&mut transaction)
                    .await
                    .map_err(Failure::of_driver)?;
                transaction.commit().await.map_err(Failure::of_driver)?;
                Ok(done)
            }
            Err(error) => {
                // Its own failure says nothing new: the connection is broken, and the server rolls back.
                let whole = transaction.rollback().await.is_ok();
                let again = is_conflict(&error);
                Err(Failure {
                    error,
                    whole,
                    again,
                })
            }
        }
    }
}

/// Why a transaction failed.
struct Failure<E> {
    error: E,
    /// Its connection is as good as before.
    whole: bool,
    /// Nothing was done, and the same may succeed at once.
    again: bool,
}

impl<E: From<StoreError>> Failure<E> {
    fn of_driver(error: sqlx::Error) -> Self {
        Self {
            whole: leaves_connection_whole(&error),
            again: is_conflict(&error),
            error: store_error(error).into(),
        }
    }
}

/// PostgreSQL answers the COMMIT of a failed transaction with a quiet ROLLBACK. Work that swallowed the failure of a statement
/// would lose what it did; this makes every test of it fail.
#[cfg(debug_assertions)]
async fn refuse_failed(connection: &mut PgConnection) -> sqlx::Result<()> {
    const ANYTHING: &str = "SELECT 1";
    sqlx::query(ANYTHING).execute(connection).await?;
    Ok(())
}
