//! Connections: how they are made, and what a server must be.

use std::time::Duration;

use service_kit::settings::StoreSettings;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection, PgPool};
use store_kit::OpenError;

use crate::suspicion::Suspicion;

/// The oldest server that works, as `server_version_num` counts: PostgreSQL 15.
const OLDEST: i32 = 150_000;
/// Statements that each connection keeps prepared: more than any service has.
const PREPARED: usize = 256;
/// A connection that was idle for longer is asked whether it lives before it is used: the server may have been restarted.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

const SERVER: &str = "SELECT current_setting('server_version_num')::int4, pg_is_in_recovery()";
const TAKES_WRITES: &str = "SELECT NOT pg_is_in_recovery()";

/// Where a store is and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    options: PgConnectOptions,
    /// For people; without a password.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn of(settings: &StoreSettings, service: &str) -> Result<Self, OpenError> {
        let parsed = settings.url.parse::<PgConnectOptions>();
        let mut options = parsed.map_err(|error| OpenError::unusable("STORE_URL", error))?;
        if !settings.username.is_empty() {
            options = options.username(&settings.username);
        }
        if !settings.password.is_empty() {
            options = options.password(settings.password.expose());
        }
        if !settings.database.is_empty() {
            options = options.database(&settings.database);
        }
        if let Some(authorities) = settings.tls.ca_file() {
            options = options
                .ssl_mode(PgSslMode::VerifyFull)
                .ssl_root_cert(authorities);
        }
        if let Some((certificate, key)) = settings.tls.identity() {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        let host = options.get_socket().map_or_else(
            || options.get_host().to_owned(),
            |path| path.display().to_string(),
        );
        let database = options.get_database().unwrap_or(options.get_username());
        let name = format!("{host}:{}/{database}", options.get_port());
        let options = options
            .application_name(&format!("shop-{service}"))
            .statement_cache_capacity(PREPARED);
        Ok(Self { options, name })
    }

    /// Options of connections that serve commands.
    fn for_commands(&self, statement_ms: u64) -> PgConnectOptions {
        self.options.clone().options([
            ("statement_timeout", statement_ms.to_string()),
            // A replica that is cut off in the middle of a transaction must not hold its locks for long.
            (
                "idle_in_transaction_session_timeout",
                statement_ms.to_string(),
            ),
            // What commands are written for, whatever the server's default is.
            ("default_transaction_isolation", "read committed".to_owned()),
            // What was answered with a 2xx is on disk, whatever the server's default is.
            ("synchronous_commit", "on".to_owned()),
            // Compiling pays for statements that run for seconds; here it would cost a hundred times their work.
            ("jit", "off".to_owned()),
            // Every statement goes along an index, which tests prove. Prepared while its table is empty, as in a new shop, it
            // would be planned to read the whole table, and would go on doing so until autovacuum has counted the rows: with
            // the first few thousand orders that was half of PostgreSQL's work.
            ("enable_seqscan", "off".to_owned()),
            // Planned once a connection, as those tests plan: by itself the server plans the first five times, and for good if
            // it takes the values' plan for cheaper, which costs more than most of these statements do.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ])
    }

    pub(crate) fn pool(&self, settings: &StoreSettings, suspicion: &Suspicion) -> PgPool {
        let suspicion = suspicion.clone();
        PgPoolOptions::new()
            .max_connections(u32::try_from(settings.pool.max).unwrap_or(u32::MAX))
            .acquire_timeout(Duration::from_millis(settings.pool.wait_ms))
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_release(move |connection, _| {
                let suspicion = suspicion.clone();
                Box::pin(async move { suspicion.clears(connection).await })
            })
            .connect_lazy_with(self.for_commands(settings.pool.statement_ms))
    }

    /// One connection of its own, without limits of time for its statements.
    pub(crate) async fn connection(&self, wait: Duration) -> Result<PgConnection, OpenError> {
        let connecting = PgConnection::connect_with(&self.options);
        match tokio::time::timeout(wait, connecting).await {
            Ok(connected) => connected.map_err(|error| self.refusal(error)),
            Err(late) => Err(OpenError::away(self.name.clone(), late)),
        }
    }

    /// Refuses a server that is too old, and waits for one that only reads.
    pub(crate) async fn check_server(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), OpenError> {
        let asked = sqlx::query_as::<_, (i32, bool)>(SERVER);
        let (version, only_reads) = asked
            .fetch_one(connection)
            .await
            .map_err(|error| self.refusal(error))?;
        if version < OLDEST {
            let found = version / 10_000;
            let reason = format!("it is PostgreSQL {found}; at least version 15 is needed");
            return Err(OpenError::unusable(self.name.clone(), reason));
        }
        if only_reads {
            let reason = "it is a standby that only reads; STORE_URL must name the primary";
            return Err(OpenError::away(self.name.clone(), reason));
        }
        Ok(())
    }

    /// What an error at opening means: what a person must set right is told from what passes.
    pub(crate) fn refusal(&self, error: sqlx::Error) -> OpenError {
        let is_setting = matches!(
            error,
            sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) | sqlx::Error::InvalidArgument(_)
        );
        if is_setting || !crate::error::passes(&error) {
            OpenError::unusable(self.name.clone(), error)
        } else {
            OpenError::away(self.name.clone(), error)
        }
    }
}

/// Whether the server is still the one that is written to: after a fail-over an old primary comes back as a standby.
pub(crate) async fn takes_writes(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(TAKES_WRITES).fetch_one(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_the_settings_wins_over_the_one_of_the_url() {
        let place = |database: &str| {
            let settings = StoreSettings {
                url: "postgres://scott@db:5433/shop".to_owned(),
                database: database.to_owned(),
                ..StoreSettings::default()
            };
            Place::of(&settings, "order").unwrap().name
        };
        assert_eq!(place(""), "db:5433/shop");
        assert_eq!(place("order"), "db:5433/order");
    }
}
