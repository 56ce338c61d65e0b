//! Tests of the whole shop on MongoDB, PostgreSQL and RabbitMQ, each service as processes of its own. They need the servers of
//! `make test`, and the programs of all services built: `cargo build --workspace --bins`.

#[cfg(test)]
mod broken;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod elections;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod nemesis;
#[cfg(test)]
mod partitions;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod run_backends;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod under_load;
