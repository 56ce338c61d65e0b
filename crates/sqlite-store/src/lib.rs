//! The embedded store: one SQLite file per service, durable, with one writer thread and group commit.
//!
//! A command is a plain function over a connection. It runs in a savepoint of the transaction that is open at that
//! moment and is answered only after that transaction's COMMIT reached the disk (WAL, `synchronous=FULL`). Commands
//! that wait meanwhile share the next COMMIT, so the price of an fsync is shared too. See
//! `docs/decisions/0001-embedded-stores-on-rusqlite.md`.

mod database;
mod error;
pub mod idempotency;
mod open;
mod readers;
mod schema;
mod url;
mod writer;

pub use database::Database;
pub use error::{OpenError, StoreError};
pub use schema::{Migration, Schema};
pub use url::path_of;
