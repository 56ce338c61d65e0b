//! The writer thread: group commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;

/// Commands that may wait for the writer; beyond it callers wait to get in line.
const QUEUE: usize = 1024;
/// Commands that share one COMMIT at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// What runs in the writer thread: does the work, and gives back how to tell the caller once the group's fate is known.
/// Given an error instead of a connection, it only passes the error on.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;
/// Tells the caller: `Ok` after COMMIT, else why the whole group failed.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

enum Order {
    Run(Job),
    Close(oneshot::Sender<()>),
}

/// The way to the writer thread.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
}

impl Writer {
    /// Starts the thread; it ends when told to close, or when the last `Writer` is gone.
    pub(crate) fn start(connection: Connection, store: &'static str) -> std::io::Result<Self> {
        let (orders, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name(format!("{store}-store"))
            .spawn(move || work(connection, waiting, store))?;
        Ok(Self { orders })
    }

    /// Runs a command in a savepoint and answers after the COMMIT it became part of.
    pub(crate) async fn run<T, E, F>(&self, command: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let (result, culprit) = match connection {
                Ok(connection) => {
                    let result = in_savepoint(connection, command);
                    (result, connection.is_autocommit())
                }
                Err(error) => (Err(error.into()), false),
            };
            Box::new(move |group| {
                // Nobody listening any more (a closed connection) is fine: the command is applied all the same.
                let _ = reply.send(match group {
                    Ok(()) => result,
                    // It knows best why the transaction is gone.
                    Err(error) if culprit => result.and(Err(error.into())),
                    // Also of a command that refused: what it saw may have been a neighbour's work, which is undone.
                    Err(error) => Err(error.into()),
                });
            })
        });
        self.orders
            .send(Order::Run(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Finishes what waits, moves the log into the file and closes it.
    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.orders.send(Order::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn work(connection: Connection, mut waiting: mpsc::Receiver<Order>, store: &'static str) {
    while let Some(order) = waiting.blocking_recv() {
        let closing = match order {
            Order::Run(first) => group(&connection, first, &mut waiting, store),
            Order::Close(closed) => Some(closed),
        };
        if let Some(closed) = closing {
            waiting.close();
            close(connection);
            let _ = closed.send(());
            return;
        }
    }
}

fn close(connection: Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the store's log stays beside it and is applied at the next start");
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the store was not closed in an orderly way; nothing is lost by that");
    }
}

/// One transaction: the first command and whatever waits behind it. Gives back a request to close it met on the way.
fn group(
    connection: &Connection,
    first: Job,
    waiting: &mut mpsc::Receiver<Order>,
    store: &'static str,
) -> Option<oneshot::Sender<()>> {
    let started = Instant::now();
    let mut answers = Vec::new();
    let mut closing = None;
    let begun =
        execute(connection, "BEGIN IMMEDIATE").map_err(|error| StoreError::Commit(Arc::new(error)));
    let mut next = Some(first);
    while let Some(job) = next.take() {
        answers.push(job(begun.clone().map(|()| connection)));
        if begun.is_err() || connection.is_autocommit() || answers.len() == GROUP {
            break;
        }
        match waiting.try_recv() {
            Ok(Order::Run(job)) => next = Some(job),
            Ok(Order::Close(closed)) => closing = Some(closed),
            Err(_) => {}
        }
    }
    let outcome = begun.and_then(|()| commit(connection));
    if let Err(error) = &outcome {
        tracing::error!(
            store,
            commands = answers.len(),
            error = error as &dyn std::error::Error,
            "a group of store commands was rolled back"
        );
    }
    metrics::counter!("shop_store_commands_total", "store" => store)
        .increment(u64::try_from(answers.len()).unwrap_or(0));
    metrics::histogram!("shop_store_commit_seconds", "store" => store)
        .record(started.elapsed().as_secs_f64());
    for answer in answers {
        answer(outcome.clone());
    }
    closing
}

/// SQLite itself rolls the transaction back on some errors, such as a full disk. Then nothing is committed, and every
/// command of the group fails, also those that had succeeded.
fn commit(connection: &Connection) -> Result<(), StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::RolledBack);
    }
    execute(connection, "COMMIT").map_err(|error| {
        rollback(connection);
        StoreError::Commit(Arc::new(error))
    })
}

/// Runs one command so that its failure or panic undoes it alone. If even that is refused, the transaction is rolled back
/// as a whole: half a command must never be committed with its neighbours.
fn in_savepoint<T, E, F>(connection: &Connection, command: F) -> Result<T, E>
where
    F: FnOnce(&Connection) -> Result<T, E>,
    E: From<StoreError>,
{
    execute(connection, "SAVEPOINT command").map_err(StoreError::from)?;
    let result = catch_unwind(AssertUnwindSafe(|| command(connection)))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
    if connection.is_autocommit() {
        return result;
    }
    let undone = match result {
        Ok(_) => Ok(()),
        Err(_) => execute(connection, "ROLLBACK TO command"),
    };
    if let Err(error) = undone.and_then(|()| execute(connection, "RELEASE command")) {
        rollback(connection);
        return result.and(Err(StoreError::from(error).into()));
    }
    result
}

fn rollback(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(statement)?
        .execute([])
        .map(|_| ())
}
