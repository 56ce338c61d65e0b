//! Real servers for tests: private, temporary, on free ports, with data that is thrown away, gone when who started them is gone.
//!
//! `hack/ensure-servers.sh` makes the programs available. Most tests do not start any: `make test` runs under
//! `test-servers`, which starts one of each for all of them, and a test makes a database or a virtual host of its own in it
//! ([`crate::isolated`]). A test that kills, halts or restarts a server starts one here.
//!
//! `TEST_SERVERS_HOST` names an address of the machine where they listen besides 127.0.0.1, for pods of a cluster on it.
//!
//! All three start in 4.3 s on two idle cores, which is what RabbitMQ needs; most of that is loading its code, and neither more
//! schedulers nor the absence of epmd made a difference. While a build has the cores (load 10) PostgreSQL and MongoDB take 2 s,
//! RabbitMQ 15 s.

mod certificates;
mod disks;
mod host;
mod installed;
mod mongo;
mod ports;
mod postgres;
mod process;
mod rabbit;
mod script;
mod supervisor;

pub use certificates::Authority;
pub(crate) use installed::tools;
pub use mongo::{Mongo, MongoOptions};
pub use ports::{ReservedPort, free_port};
pub use postgres::{Postgres, PostgresOptions};
pub use process::ServerProcess;
pub use rabbit::{Rabbit, RabbitOptions};
pub(crate) use script::{Script, quote};
pub(crate) use supervisor::Supervisor;
