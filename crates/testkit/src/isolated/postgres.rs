//! A PostgreSQL database of one's own.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{at_the_end, named};
use crate::runner;

/// An empty database, owned by the super-user.
pub struct PostgresDatabase {
    server: String,
    name: String,
    url: String,
}

/// Makes an empty database.
pub async fn postgres_database() -> Result<PostgresDatabase> {
    let server = named::server(runner::POSTGRES)?;
    let name = named::name();
    execute(&server, format!("CREATE DATABASE {name}")).await?;
    Ok(PostgresDatabase {
        url: named::with_path(&server, &name),
        server,
        name,
    })
}

impl PostgresDatabase {
    /// Where it is, as super-user.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, which no other has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        // Connections of services that still run are cut.
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        at_the_end::remove(&self.url, async move { execute(&server, statement).await });
    }
}

async fn execute(server: &str, statement: String) -> Result<()> {
    let mut connection = PgConnection::connect(server)
        .await
        .with_context(|| format!("{} names no PostgreSQL that answers", runner::POSTGRES))?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await?;
    Ok(())
}
