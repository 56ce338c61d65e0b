//! The store the tests work on: a table of notes, in a folder that goes away with the test.

use std::path::PathBuf;
use std::sync::mpsc;

use sqlite_store::{Database, Migration, Schema, StoreError};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub static SCHEMA: Schema = Schema {
    service: "notes",
    migrations: &[Migration {
        version: 1,
        name: "notes",
        work: "CREATE TABLE note (text TEXT PRIMARY KEY, padding BLOB) STRICT;
              CREATE TABLE answer (
                to_note TEXT NOT NULL REFERENCES note (text) DEFERRABLE INITIALLY DEFERRED
              ) STRICT;",
        min_binary: 1,
    }],
};

pub struct Notes {
    pub folder: TempDir,
    pub db: Database,
}

impl Notes {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("notes.db"), &SCHEMA)
            .await
            .unwrap();
        Self { folder, db }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("notes.db")
    }

    pub async fn add(&self, text: &str) -> Result<(), StoreError> {
        add(&self.db, text, 0).await
    }

    pub async fn all(&self) -> Vec<String> {
        all(&self.db).await
    }

    /// Keeps the writer busy, so that what is sent meanwhile waits and shares one transaction with it. The note is part of
    /// that transaction.
    pub async fn hold_the_writer(&self, text: &'static str) -> Held {
        let (started, begun) = oneshot::channel();
        let (release, released) = mpsc::sync_channel::<()>(1);
        let db = self.db.clone();
        let held = tokio::task::spawn(async move {
            db.write(move |connection| {
                started.send(()).unwrap();
                released.recv().unwrap();
                connection.execute("INSERT INTO note (text) VALUES (?1)", [text])?;
                Ok::<_, StoreError>(())
            })
            .await
        });
        begun.await.unwrap();
        Held { release, held }
    }
}

pub struct Held {
    release: mpsc::SyncSender<()>,
    held: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Held {
    pub async fn release(self) -> Result<(), StoreError> {
        self.release.send(()).unwrap();
        self.held.await.unwrap()
    }
}

pub async fn add(db: &Database, text: &str, padding: usize) -> Result<(), StoreError> {
    let text = text.to_owned();
    db.write(move |connection| {
        connection.execute(
            "INSERT INTO note (text, padding) VALUES (?1, zeroblob(?2))",
            rusqlite::params![text, padding],
        )?;
        Ok(())
    })
    .await
}

pub async fn all(db: &Database) -> Vec<String> {
    db.read(|connection| {
        let mut select = connection.prepare("SELECT text FROM note ORDER BY text")?;
        let texts = select.query_map([], |row| row.get(0))?;
        Ok::<_, StoreError>(texts.collect::<Result<_, _>>()?)
    })
    .await
    .unwrap()
}

/// Sends commands so that each is in the writer's queue before the next is made: polls each future once.
pub fn queued<T: Send + 'static>(
    command: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    use std::task::{Context, Poll, Waker};
    let mut command = Box::pin(command);
    let first_poll = command
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(
        matches!(first_poll, Poll::Pending),
        "the writer answers after the commit"
    );
    tokio::task::spawn(command)
}
