//! The PostgreSQL store of a service: connections, schema, transactions.
//!
//! A command is one transaction ([`Database::transact`]) or one statement ([`Database::bounded`] on [`Database::pool`], one
//! round trip). Both end in bounded time whatever happens to the server or to the network between, and both fail as
//! [`store_kit::StoreError`]. What a command does is durable once it returned `Ok`; when the connection broke while it was
//! being committed it may have been applied, and the idempotency key or the inbox tells on the next try.
//!
//! Statements are named constants ([`statements!`]), so that tests can prepare and explain every one of them.

mod administer;
mod connect;
mod database;
mod error;
pub mod idempotency;
mod migrate;
mod plan;
mod statements;
mod suspicion;
mod transact;

pub use administer::administrator;
pub use database::Database;
pub use error::{is_conflict, parsed, store_error, unreadable};
pub use plan::Plan;

/// The schema of one service's store; the work of a step is SQL text.
pub type Schema = store_kit::Schema<&'static str>;
/// One step of a schema.
pub type Migration = store_kit::Migration<&'static str>;
