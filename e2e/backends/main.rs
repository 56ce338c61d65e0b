//! Tests of the whole shop on MongoDB, PostgreSQL and RabbitMQ, each service as processes of its own. They need the servers of
//! `make test`, and the programs of all services built: `cargo build --workspace --bins`.

#[cfg(test)]
mod journey;
#[cfg(test)]
mod load;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod under_load;
