//! Migrations: collections with validators and indexes, made by steps that can be repeated.

use futures_util::future::BoxFuture;
use futures_util::stream::TryStreamExt as _;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;
use store_kit::{Applied, OpenError};

use crate::database::Database;
use crate::error::{said, store_error};

/// What a step does. MongoDB makes no collections and indexes in transactions, so a step must be repeatable, as
/// [`ensure_collection`] and [`ensure_indexes`] are: one that was cut off is carried out again.
pub type Work = for<'a> fn(&'a mongodb::Database) -> BoxFuture<'a, mongodb::error::Result<()>>;
/// The schema of one service's store.
pub type Schema = store_kit::Schema<Work>;
/// One step of it.
pub type Migration = store_kit::Migration<Work>;

/// Where it is written down which steps were carried out.
const APPLIED: &str = "schema_migrations";
/// The collection exists.
const NAMESPACE_EXISTS: i32 = 48;

/// A step failed.
#[derive(Debug, thiserror::Error)]
#[error("migration `{name}` failed; what it had done stays, and running it again carries on")]
struct Failed {
    name: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

/// Makes a collection whose documents must satisfy a validator; an existing one gets the validator.
pub async fn ensure_collection(
    database: &mongodb::Database,
    name: &str,
    validator: Document,
) -> mongodb::error::Result<()> {
    let made = database
        .create_collection(name)
        .validator(validator.clone())
        .await;
    match made {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(said) if said.code == NAMESPACE_EXISTS) =>
        {
            let change = doc! { "collMod": name, "validator": validator };
            database.run_command(change).await.map(drop)
        }
        made => made,
    }
}

/// Makes indexes; those that exist stay as they are.
pub async fn ensure_indexes(
    database: &mongodb::Database,
    collection: &str,
    indexes: impl IntoIterator<Item = IndexModel>,
) -> mongodb::error::Result<()> {
    let collection = database.collection::<Document>(collection);
    collection.create_indexes(indexes).await.map(drop)
}

/// An index by the name it is known by in plans.
#[must_use]
pub fn index(name: &str, keys: Document) -> IndexModel {
    index_with(keys, IndexOptions::builder().name(name.to_owned()).build())
}

/// An index that refuses a second document with the same keys.
#[must_use]
pub fn unique_index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true);
    index_with(keys, options.build())
}

/// An index over the documents that satisfy `only`; queries must say so too, or it is not used.
#[must_use]
pub fn partial_index(name: &str, keys: Document, only: Document) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .partial_filter_expression(only);
    index_with(keys, options.build())
}

/// The same, unique.
#[must_use]
pub fn unique_partial_index(name: &str, keys: Document, only: Document) -> IndexModel {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(true)
        .partial_filter_expression(only);
    index_with(keys, options.build())
}

fn index_with(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

/// What has been applied.
pub(crate) async fn applied(database: &mongodb::Database) -> mongodb::error::Result<Applied> {
    let steps = database.collection::<Document>(APPLIED);
    let mut steps = steps.find(doc! {}).await?;
    let mut applied = Applied::default();
    while let Some(step) = steps.try_next().await? {
        let number = |key| step.get_i64(key).ok().and_then(|n| u32::try_from(n).ok());
        applied.version = applied.version.max(number("_id").unwrap_or(u32::MAX));
        let min_binary = number("min_binary").unwrap_or(u32::MAX);
        applied.min_binary = applied.min_binary.max(min_binary);
    }
    Ok(applied)
}

pub(crate) async fn migrate(
    store: &Database,
    schema: &'static Schema,
    place: &str,
) -> Result<Applied, OpenError> {
    let found = store.run(applied(&store.mongo)).await;
    let mut found = found.map_err(|error| OpenError::away(place, error))?;
    schema.check_not_too_new(found, place)?;
    for step in schema.missing(found) {
        // Making an index over many documents takes as long as it takes.
        let done = (step.work)(&store.mongo).await;
        let done = match done {
            Ok(()) => record(&store.mongo, step).await,
            failed => failed,
        };
        done.map_err(|error| failed(place, step, error))?;
        found.version = step.version;
        found.min_binary = found.min_binary.max(step.min_binary);
    }
    Ok(found)
}

fn failed(place: &str, step: &Migration, error: mongodb::error::Error) -> OpenError {
    let passes = store_error(error.clone()).is_away();
    let error = Failed {
        name: step.name,
        cause: Box::new(said(error)),
    };
    if passes {
        OpenError::away(place, error)
    } else {
        OpenError::unusable(place, error)
    }
}

async fn record(database: &mongodb::Database, step: &Migration) -> mongodb::error::Result<()> {
    let values = doc! { "name": step.name, "min_binary": i64::from(step.min_binary) };
    database
        .collection::<Document>(APPLIED)
        .update_one(
            doc! { "_id": i64::from(step.version) },
            doc! { "$setOnInsert": values, "$currentDate": { "applied_at": true } },
        )
        .upsert(true)
        .await
        .map(drop)
}
