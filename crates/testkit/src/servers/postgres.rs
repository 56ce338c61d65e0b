//! A PostgreSQL of one's own.

use std::ops::Deref;

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::certificates::Authority;
use super::host::{Host, PASSWORD};
use super::installed;
use super::ports::ReservedPort;
use super::process::ServerProcess;
use super::script::{Script, quote};
use super::supervisor::Supervisor;

/// How a PostgreSQL of a test is set up.
#[derive(Clone, Default)]
pub struct PostgresOptions {
    /// Waits for the disk at every commit, as in production: for tests that kill it. Else commits do not reach the disk.
    pub durable: bool,
    /// Offers TLS as well, with a certificate of this authority.
    pub tls: Option<Authority>,
    /// Has a disk of its own of so many MiB, that a test can fill: [`ServerProcess::fill_disk`].
    pub disk_mib: Option<u32>,
}

/// A running PostgreSQL with the super-user `postgres`, who needs no password on this machine.
pub struct Postgres {
    process: ServerProcess,
    host: Host,
    port: ReservedPort,
}

impl Postgres {
    /// A fast one.
    pub async fn start() -> Result<Self> {
        Self::start_with(&PostgresOptions::default()).await
    }

    /// One that is set up as told.
    pub async fn start_with(options: &PostgresOptions) -> Result<Self> {
        let programs = installed::postgres()?;
        let host = Host::chosen()?;
        let port = ReservedPort::draw()?;
        let supervisor = Supervisor::new("postgres")?;
        let folder = supervisor.folder();
        if let Some(authority) = &options.tls {
            authority.write(folder)?;
        }
        script(
            &programs.display().to_string(),
            (host, port.number()),
            options,
            folder,
        )
        .write(folder)?;
        let address = format!("postgres://postgres@127.0.0.1:{}/postgres", port.number());
        let ready = Box::new(move || -> futures_util::future::BoxFuture<'static, bool> {
            let address = address.clone();
            Box::pin(async move { sqlx::PgConnection::connect(&address).await.is_ok() })
        });
        // SIGINT: ends without waiting for clients, but writes everything down.
        let process = ServerProcess::new("PostgreSQL", supervisor, "INT", ready);
        process.start().await?;
        Ok(Self {
            process,
            host,
            port,
        })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The database `postgres`, as super-user.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres", "postgres")
    }

    /// The same over TLS, where the server's certificate must be the authority's.
    #[must_use]
    pub fn tls_url(&self) -> String {
        let authority = self.process.folder().join("ca.pem");
        let url = self.url();
        format!(
            "{url}?sslmode=verify-full&sslrootcert={}",
            authority.display()
        )
    }

    /// Makes a user of this name who owns a database of the same name, as an administrator does for a service; returns its URL.
    pub async fn make_database(&self, name: &str) -> Result<String> {
        let mut administrator = sqlx::PgConnection::connect(&self.url()).await?;
        for statement in [
            format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'"),
            format!("CREATE DATABASE \"{name}\" OWNER \"{name}\""),
        ] {
            administrator.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(self.url_of(name, name))
    }

    fn url_of(&self, user: &str, database: &str) -> String {
        let login = match self.host.beyond() {
            Some(_) => format!("{user}:{PASSWORD}"),
            None => user.to_owned(),
        };
        format!(
            "postgres://{login}@{}:{}/{database}",
            self.host,
            self.port()
        )
    }

    /// Kills it and removes its data.
    pub async fn remove(self) -> Result<()> {
        self.process.remove().await
    }
}

impl Deref for Postgres {
    type Target = ServerProcess;

    fn deref(&self) -> &ServerProcess {
        &self.process
    }
}

fn script(
    programs: &str,
    (host, port): (Host, u16),
    options: &PostgresOptions,
    folder: &std::path::Path,
) -> Script {
    let is_root = rustix::process::geteuid().is_root();
    // It refuses to run as root.
    let user = if is_root {
        "setpriv --reuid postgres --regid postgres --clear-groups "
    } else {
        ""
    };
    let owner = if is_root { "-o postgres " } else { "" };
    let folder = quote(&folder.display().to_string());
    let addresses = host
        .listening()
        .into_iter()
        .map(|address| address.to_string());
    let addresses = addresses.collect::<Vec<_>>().join(",");
    let mut settings = format!(
        "-p {port} -c listen_addresses={addresses} -c unix_socket_directories= -c max_connections=300 \
         -c shared_buffers=64MB -c timezone=UTC -c max_prepared_transactions=0"
    );
    if !options.durable {
        settings.push_str(" -c fsync=off -c synchronous_commit=off -c full_page_writes=off");
    }
    if options.tls.is_some() {
        settings.push_str(" -c ssl=on -c ssl_cert_file=certificate.pem -c ssl_key_file=key.pem");
    }
    let mut script = Script::new().line(&format!("cd {folder}"));
    if let Some(mib) = options.disk_mib {
        script = script.disk(mib);
    }
    script = script
        .line("if [ ! -e data/PG_VERSION ]; then")
        .line(&format!(
            "\techo {PASSWORD} | install -m 644 /dev/stdin password"
        ))
        .line(&format!("\tinstall -d {owner}-m 700 data"))
        .line(&format!(
            "\t{user}{programs}/initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 \
             --locale=C.UTF-8 --pwfile=password --pgdata=data"
        ));
    if host.beyond().is_some() {
        script = script.line("\techo 'host all all all scram-sha-256' >>data/pg_hba.conf");
    }
    script = script.line("fi");
    if options.tls.is_some() {
        script = script
            .line(&format!("install {owner}-m 644 certificate.pem data/"))
            .line(&format!("install {owner}-m 600 key.pem data/"));
    }
    script.line(&format!(
        "exec {user}{programs}/postgres -D data {settings}"
    ))
}
