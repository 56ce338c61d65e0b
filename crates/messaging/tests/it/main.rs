//! Messaging on real files: what brokers and stores promise, and what relay and consumers make of it.
#![expect(
    clippy::disallowed_methods,
    reason = "a test's own tasks end with its runtime; there is no lifecycle to track them"
)]

#[cfg(test)]
mod broker_contract;
#[cfg(test)]
mod consumers;
#[cfg(test)]
mod embedded_broker;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod handoff;
#[cfg(test)]
mod mongo_messages;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod parked_api;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod postgres_messages;
#[cfg(test)]
mod rabbitmq_bench;
#[cfg(test)]
mod rabbitmq_contract;
#[cfg(test)]
mod rabbitmq_faults;
#[cfg(test)]
mod rabbitmq_foreign;
mod rabbitmq_losses;
#[cfg(test)]
mod rabbitmq_patience;
#[cfg(test)]
mod rabbitmq_permissions;
#[cfg(test)]
mod rabbitmq_poison;
#[cfg(test)]
mod rabbitmq_refused;
#[cfg(test)]
mod rabbitmq_server;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod sqlite_messages;
#[cfg(test)]
mod store_contract;
