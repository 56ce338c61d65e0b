//! From the stores into a snapshot: one loader an engine.

mod mongo;
mod postgres;
mod rabbit;
mod sql;
mod sqlite;
mod tables;

pub(super) use mongo::Mongo;
pub(super) use postgres::Postgres;
pub(super) use rabbit::Rabbit;
pub(super) use sqlite::folder;
