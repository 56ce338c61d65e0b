//! Stores on MongoDB: a replica set, multi-document transactions, explicit concerns.
//!
//! A command is a function over a [`Transaction`]. It reads a snapshot, and what it writes is durable on a majority of the
//! members, journalled, when [`Database::transact`] returns `Ok`. Two transactions that write the same document do not wait
//! for each other: the later one fails at once, and is carried out again from its beginning, after a short and random
//! wait, for as long as a statement may take. One that its program will never end, because that was killed, is ended by those
//! who meet it. So a command must do nothing but read and write through its transaction, must
//! hand every error on, and should say what it writes with few operations: each is a round trip during which others may
//! come in between.

mod abandoned;
mod administer;
mod connect;
mod database;
mod error;
pub mod explain;
pub mod idempotency;
pub mod schema;
mod transaction;

pub use administer::Administrator;
pub use database::Database;
pub use error::{is_duplicate_key, store_error};
pub use schema::{Migration, Schema, Work};
pub use transaction::Transaction;

/// The driver, so that every store speaks with the same one.
pub use mongodb;
