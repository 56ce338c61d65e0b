//! A command's transaction.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::future::BoxFuture;
use mongodb::action::Aggregate;
use mongodb::bson::Document;
use mongodb::options::{
    FindOneOptions, FindOptions, ReadConcern, ReadPreference, ReturnDocument, SelectionCriteria,
    TransactionOptions,
};
use mongodb::results::UpdateResult;
use mongodb::{ClientSession, Collection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store_kit::StoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::connect::majority;
use crate::database::{Database, Limits};
use crate::error::{Failed, commit_error, how, is_unknown, store_error};

/// The first wait before a transaction that met another one is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(3);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Reads and writes of one command: all or nothing.
///
/// After an error the server has already forgotten the transaction: hand the error on.
#[derive(Debug)]
pub struct Transaction {
    session: ClientSession,
    database: mongodb::Database,
}

/// Some of several statements did nothing.
#[derive(Debug, thiserror::Error)]
#[error("MongoDB did not change all documents of `{collection}` that it should (code {code})")]
struct NotAll {
    collection: String,
    code: i32,
}

impl Database {
    /// Runs a command: all or nothing, on a majority of the members when this returns `Ok`. An error of the command undoes
    /// what it did.
    ///
    /// The command may be run several times (see the crate's page), so it is a function of `input`. If this future is
    /// dropped or the time is up, the command may have been applied or not.
    ///
    /// ```ignore
    /// store.transact(&account, |tx, account| Box::pin(register(tx, account))).await
    /// ```
    pub async fn transact<C: ?Sized, T, E, F>(&self, input: &C, command: F) -> Result<T, E>
    where
        F: for<'a> Fn(&'a mut Transaction, &'a C) -> BoxFuture<'a, Result<T, E>>,
        E: From<StoreError> + Error + 'static,
    {
        // The deadline stops a member that does not answer; the retries stop earlier, and with the reason.
        let begun = Instant::now();
        let again = |error: &E| match how(error) {
            Failed::Transient => begun.elapsed() < self.limits.statement,
            Failed::NoPrimary => begun.elapsed() < self.limits.no_primary(),
            Failed::ForGood => false,
        };
        self.in_time(async {
            (async || {
                self.end_abandoned(begun).await;
                self.attempt(input, &command).await
            })
            .retry(waits())
            .when(again)
            .await
        })
        .await
    }

    async fn attempt<C: ?Sized, T, E, F>(&self, input: &C, command: &F) -> Result<T, E>
    where
        F: for<'a> Fn(&'a mut Transaction, &'a C) -> BoxFuture<'a, Result<T, E>>,
        E: From<StoreError> + Error + 'static,
    {
        let mut transaction = self.begin().await?;
        match command(&mut transaction, input).await {
            Ok(done) => {
                transaction.commit(self.limits).await?;
                Ok(done)
            }
            Err(error) => {
                // What fails here is undone by the server, when the connection ends or the transaction's time is up.
                let _ = transaction.session.abort_transaction().await;
                Err(error)
            }
        }
    }

    async fn begin(&self) -> Result<Transaction, StoreError> {
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::snapshot())
            .write_concern(majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .max_commit_time(self.limits.statement)
            .build();
        let mut session = self.client.start_session().await.map_err(store_error)?;
        let started = session.start_transaction().with_options(options).await;
        started.map_err(store_error)?;
        Ok(Transaction {
            session,
            database: self.mongo.clone(),
        })
    }
}

/// Ever longer waits, each with a random part: those who met each other should not meet again.
fn waits() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_factor(1.7)
        .with_jitter()
        .without_max_times()
}

fn number(reply: &Document, key: &str) -> Option<usize> {
    usize::try_from(reply.get_i32(key).ok()?).ok()
}

impl Transaction {
    /// A collection, for what the functions here do not do; give its operation [`Self::session`].
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.database.collection(name)
    }

    /// What makes an operation part of the transaction.
    pub fn session(&mut self) -> &mut ClientSession {
        &mut self.session
    }

    /// The document that matches, in the order and with the fields that the options say.
    pub async fn find_one<T>(
        &mut self,
        collection: &str,
        filter: Document,
        options: Option<FindOneOptions>,
    ) -> Result<Option<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        self.collection::<T>(collection)
            .find_one(filter)
            .with_options(options)
            .session(&mut self.session)
            .await
            .map_err(store_error)
    }

    /// All documents that match; at most as many as the options say.
    pub async fn find<T>(
        &mut self,
        collection: &str,
        filter: Document,
        options: Option<FindOptions>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut found = Vec::new();
        let mut cursor = self
            .collection::<T>(collection)
            .find(filter)
            .with_options(options)
            .session(&mut self.session)
            .await
            .map_err(store_error)?;
        while let Some(next) = cursor.next(&mut self.session).await {
            found.push(next.map_err(store_error)?);
        }
        Ok(found)
    }

    /// What a pipeline makes of the documents of a collection.
    pub async fn aggregate<T>(
        &mut self,
        collection: &str,
        pipeline: Vec<Document>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let collection = self.collection::<Document>(collection);
        self.made(collection.aggregate(pipeline)).await
    }

    /// What a pipeline makes that begins with documents of its own (`$documents`): things of several collections in one
    /// round trip.
    pub async fn gather<T>(&mut self, pipeline: Vec<Document>) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let database = self.database.clone();
        self.made(database.aggregate(pipeline)).await
    }

    async fn made<T>(&mut self, aggregate: Aggregate<'_>) -> Result<Vec<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut made = Vec::new();
        let mut cursor = aggregate
            .with_type::<T>()
            .session(&mut self.session)
            .await
            .map_err(store_error)?;
        while let Some(next) = cursor.next(&mut self.session).await {
            made.push(next.map_err(store_error)?);
        }
        Ok(made)
    }

    /// Changes the document that matches and returns it as it is then.
    pub async fn find_one_and_update<T>(
        &mut self,
        collection: &str,
        filter: Document,
        update: Document,
    ) -> Result<Option<T>, StoreError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        self.collection::<T>(collection)
            .find_one_and_update(filter, update)
            .return_document(ReturnDocument::After)
            .session(&mut self.session)
            .await
            .map_err(store_error)
    }

    /// Writes documents, in one round trip; nothing for none.
    pub async fn insert<T>(&mut self, collection: &str, documents: &[T]) -> Result<(), StoreError>
    where
        T: Serialize + Send + Sync,
    {
        if documents.is_empty() {
            return Ok(());
        }
        self.collection::<T>(collection)
            .insert_many(documents)
            .session(&mut self.session)
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Changes one document; how many matched is in the result.
    pub async fn update_one(
        &mut self,
        collection: &str,
        filter: Document,
        update: Document,
    ) -> Result<UpdateResult, StoreError> {
        self.collection::<Document>(collection)
            .update_one(filter, update)
            .session(&mut self.session)
            .await
            .map_err(store_error)
    }

    /// Changes one document, or makes it.
    pub async fn upsert(
        &mut self,
        collection: &str,
        filter: Document,
        update: Document,
    ) -> Result<UpdateResult, StoreError> {
        self.collection::<Document>(collection)
            .update_one(filter, update)
            .upsert(true)
            .session(&mut self.session)
            .await
            .map_err(store_error)
    }

    /// Changes all documents that match.
    pub async fn update_many(
        &mut self,
        collection: &str,
        filter: Document,
        update: Document,
    ) -> Result<UpdateResult, StoreError> {
        self.collection::<Document>(collection)
            .update_many(filter, update)
            .session(&mut self.session)
            .await
            .map_err(store_error)
    }

    /// Changes one document by each of several statements (`q`, `u`, and `upsert` as in the server's `update`), all in one
    /// round trip; nothing for none. One that matches no document is an error. Returns the places of those statements that
    /// made a document.
    pub async fn update_each(
        &mut self,
        collection: &str,
        updates: Vec<Document>,
    ) -> Result<BTreeSet<usize>, StoreError> {
        if updates.is_empty() {
            return Ok(BTreeSet::new());
        }
        let wanted = updates.len();
        let command = mongodb::bson::doc! { "update": collection, "updates": updates };
        let reply = self
            .database
            .run_command(command)
            .session(&mut self.session)
            .await
            .map_err(store_error)?;
        // The driver sees a failed command, but not statements that failed within one.
        let failed = reply.get_array("writeErrors").ok();
        let code = failed
            .and_then(|errors| errors.first()?.as_document()?.get_i32("code").ok())
            .unwrap_or_default();
        if failed.is_some() || number(&reply, "n") != Some(wanted) {
            let error = NotAll {
                collection: collection.to_owned(),
                code,
            };
            return Err(StoreError::broken(error));
        }
        let made = reply.get_array("upserted").into_iter().flatten();
        let made = made.filter_map(|made| number(made.as_document()?, "index"));
        Ok(made.collect())
    }

    /// Removes all documents that match; returns how many.
    pub async fn delete_many(
        &mut self,
        collection: &str,
        filter: Document,
    ) -> Result<u64, StoreError> {
        self.collection::<Document>(collection)
            .delete_many(filter)
            .session(&mut self.session)
            .await
            .map(|deleted| deleted.deleted_count)
            .map_err(store_error)
    }

    /// Commits, and asks again while it is not known whether that worked: the server answers the same commit with the same.
    async fn commit(&mut self, limits: Limits) -> Result<(), StoreError> {
        let begun = Instant::now();
        let session = Mutex::new(&mut self.session);
        let commit = async || session.lock().await.commit_transaction().await;
        commit
            .retry(waits())
            .when(|error| is_unknown(error) && begun.elapsed() < limits.statement)
            .await
            .map_err(commit_error)
    }
}
