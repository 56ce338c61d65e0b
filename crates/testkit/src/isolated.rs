//! Something of its own for each test on the servers that `make test` started (or that the environment names): tests that
//! run at the same time do not see each other.
//!
//! What a test was given is removed when it is dropped, whatever still uses it; a test that fails leaves it and prints where it is.

mod at_the_end;
mod mongo;
mod named;
mod postgres;
mod vhost;

pub use mongo::{MongoDatabase, mongo_database};
pub use postgres::{PostgresDatabase, postgres_database};
pub use vhost::{Vhost, vhost};
