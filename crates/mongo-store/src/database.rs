//! The store as services hold it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Collection};
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreError, StoreHandle};
use tokio::time::Instant;

use crate::connect::{self, Place};
use crate::error::{Late, said, store_error};
use crate::schema::{self, Schema};

/// The oldest server that is used.
const OLDEST: i32 = 6;

/// One database of a replica set. Cheap to clone; connections are let go by [`StoreHandle::close`].
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) client: Client,
    pub(crate) mongo: mongodb::Database,
    pub(crate) limits: Limits,
    /// How this program's sessions are told from those of others.
    pub(crate) program: Arc<str>,
    /// When abandoned transactions were last looked for.
    pub(crate) looked: Arc<Mutex<Option<Instant>>>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until there is a server and a connection to it.
    pub(crate) wait: Duration,
    /// A statement; and as long, a transaction is tried again.
    pub(crate) statement: Duration,
}

impl Limits {
    /// How long a command tries while there is no primary: a planned election is over before that, and people who wait for the
    /// outcome of one that is not, or for a server that is gone, are better told soon. The driver itself waits for `wait`.
    pub(crate) fn no_primary(self) -> Duration {
        self.statement.min(2 * self.wait)
    }

    /// The driver has no deadline of its own for an answer: without one, a member that is cut off would be waited for until
    /// the system gives the connection up.
    pub(crate) fn whole(self) -> Duration {
        self.wait + self.statement
    }
}

/// Why a server is not used.
#[derive(Debug, thiserror::Error)]
enum WrongServer {
    #[error(
        "it is not a replica set: multi-document transactions need one; start mongod with --replSet and initiate it"
    )]
    StandAlone,
    #[error("it is MongoDB {0}, and this program needs 6.0 or newer")]
    TooOld(String),
    #[error("it does not take the name and password; check them, and that the user was created")]
    NotSignedIn(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Database {
    /// Connects, and checks that the server is one that can be used and that its database has the schema.
    pub async fn open(
        settings: &StoreSettings,
        schema: &'static Schema,
    ) -> Result<Self, OpenError> {
        let (opened, place) = Self::connect(settings).await?;
        let applied = opened.run(schema::applied(&opened.mongo)).await;
        let applied = applied.map_err(|error| OpenError::away(place.shown.clone(), error));
        if let Err(error) = applied.and_then(|applied| schema.check(applied, &place.shown)) {
            opened.close().await;
            return Err(error);
        }
        Ok(opened)
    }

    /// Brings a database up to the schema. Steps can be repeated, so it does not matter if two do this at once, or if one
    /// dies in the middle.
    pub async fn migrate(
        settings: &StoreSettings,
        schema: &'static Schema,
    ) -> Result<Applied, OpenError> {
        let (opened, place) = Self::connect(settings).await?;
        let migrated = schema::migrate(&opened, schema, &place.shown).await;
        opened.close().await;
        migrated
    }

    /// A collection of the database.
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.mongo.collection(name)
    }

    /// The database as the driver knows it.
    #[must_use]
    pub fn mongo(&self) -> &mongodb::Database {
        &self.mongo
    }

    /// Waits for something outside a transaction, but not for ever. Reads see what a majority has; a write of one document
    /// is tried once more by the driver if the primary goes away.
    pub async fn run<T>(
        &self,
        work: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, StoreError> {
        self.in_time(async { work.await.map_err(store_error) })
            .await
    }

    pub(crate) async fn in_time<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let limit = self.limits.whole();
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::away(Late(limit)).into()),
        }
    }

    async fn connect(settings: &StoreSettings) -> Result<(Self, Place), OpenError> {
        let (options, place) = connect::options(settings).await?;
        let client = connect::client(options.clone(), &settings.tls, &place)?;
        let opened = Self {
            mongo: client.database(&place.database),
            client,
            limits: Limits {
                wait: Duration::from_millis(settings.pool.wait_ms),
                statement: Duration::from_millis(settings.pool.statement_ms),
            },
            program: options.app_name.clone().unwrap_or_default().into(),
            looked: Arc::default(),
        };
        match opened.check(&place).await {
            Ok(()) => Ok((opened, place)),
            Err(error) => {
                opened.close().await;
                let refused = |error| OpenError::unusable(place.shown.clone(), error);
                let alone = is_stand_alone(options, settings, &place).await;
                Err(if alone {
                    refused(WrongServer::StandAlone)
                } else {
                    error
                })
            }
        }
    }

    /// Asks the primary what it is.
    async fn check(&self, place: &Place) -> Result<(), OpenError> {
        let unusable = |error| OpenError::unusable(place.shown.clone(), error);
        let asked = self.in_time(async {
            let hello = self.mongo.run_command(doc! { "hello": 1 }).await?;
            let about = self.mongo.run_command(doc! { "buildInfo": 1 }).await?;
            Ok::<_, AskError>((hello, about))
        });
        let (hello, about) = match asked.await {
            Ok(answers) => answers,
            Err(AskError::Driver(error)) if is_refusal(&error) => {
                return Err(unusable(WrongServer::NotSignedIn(Box::new(said(error)))));
            }
            Err(AskError::Driver(error)) => {
                return Err(OpenError::away(place.shown.clone(), said(error)));
            }
            Err(AskError::Late(error)) => return Err(OpenError::away(place.shown.clone(), error)),
        };
        if !has_transactions(&hello) {
            return Err(unusable(WrongServer::StandAlone));
        }
        if major(&about) < OLDEST {
            let version = about.get_str("version").unwrap_or("of an unknown version");
            return Err(unusable(WrongServer::TooOld(version.to_owned())));
        }
        Ok(())
    }
}

#[async_trait]
impl StoreHandle for Database {
    fn kind(&self) -> &'static str {
        "mongodb"
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.run(self.mongo.run_command(doc! { "ping": 1 })).await?;
        Ok(())
    }

    /// Lets go of the connections; later commands and queries, also those of clones, are refused.
    async fn close(&self) {
        self.client.clone().shutdown().immediate(true).await;
    }
}

enum AskError {
    Driver(mongodb::error::Error),
    Late(StoreError),
}

impl From<mongodb::error::Error> for AskError {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        Self::Late(error)
    }
}

/// A URL that names a replica set makes the driver ignore a server that is none, and only say that it found nothing. So each
/// server is asked by itself.
async fn is_stand_alone(
    mut options: mongodb::options::ClientOptions,
    settings: &StoreSettings,
    place: &Place,
) -> bool {
    options.repl_set_name = None;
    options.credential = None;
    for host in options.hosts.clone() {
        options.hosts = vec![host];
        options.direct_connection = Some(true);
        let Ok(client) = connect::client(options.clone(), &settings.tls, place) else {
            continue;
        };
        let wait = Duration::from_millis(settings.pool.wait_ms);
        let database = client.database("admin");
        let asked = tokio::time::timeout(wait, async {
            database.run_command(doc! { "hello": 1 }).await
        });
        let alone = matches!(&asked.await, Ok(Ok(hello)) if !has_transactions(hello));
        client.shutdown().immediate(true).await;
        if alone {
            return true;
        }
    }
    false
}

/// Members of a replica set, also of one that is not initiated yet, and routers of a sharded cluster have transactions.
fn has_transactions(hello: &Document) -> bool {
    hello.contains_key("setName")
        || hello.get_bool("isreplicaset").unwrap_or(false)
        || hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid")
}

fn is_refusal(error: &mongodb::error::Error) -> bool {
    matches!(
        &*error.kind,
        mongodb::error::ErrorKind::Authentication { .. }
    )
}

fn major(about: &Document) -> i32 {
    let version = about.get_array("versionArray").ok();
    version
        .and_then(|parts| parts.first())
        .and_then(Bson::as_i32)
        .unwrap_or_default()
}
