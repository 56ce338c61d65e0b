//! Real servers for tests: private, temporary, on free ports, with data that is thrown away, gone when who started them is gone.
//!
//! `hack/ensure-servers.sh` makes the programs available. Most tests do not start any: `make test` runs under
//! `test-servers`, which starts one of each for all of them, and a test makes a database or a virtual host of its own in it
//! ([`crate::isolated`]). A test that kills, halts or restarts a server starts one here.
//!
//! How long one takes to start on two idle cores: PostgreSQL 1.1 s (of which `initdb` is most), MongoDB 1 s, RabbitMQ 4 s (of
//! which nothing more could be trimmed: it loads its code for most of it; without epmd and the other plugins it is as fast as
//! it gets).

mod certificates;
mod installed;
mod mongo;
mod ports;
mod postgres;
mod process;
mod rabbit;
mod script;
mod supervisor;

pub use certificates::Authority;
pub use mongo::{Mongo, MongoOptions};
pub use postgres::{Postgres, PostgresOptions};
pub use process::ServerProcess;
pub use rabbit::{Rabbit, RabbitOptions};
pub(crate) use supervisor::Supervisor;
