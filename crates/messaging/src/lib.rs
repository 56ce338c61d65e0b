//! Events between services: told at least once, done once.
//!
//! A command writes its events into its own store's *outbox*, in its own transaction. The *relay* publishes them to the
//! *broker* and stamps them once they are confirmed. A *consumer* hands each message to a handler, whose transaction begins
//! with a row in the *inbox*, so a repeated message does nothing. What a handler cannot do now is *deferred* in the
//! consumer's store, and *parked* there when it cannot be done at all. See `docs/architecture.md`.

mod broker;
mod connect;
mod consumer;
mod deferred;
pub mod embedded;
mod handler;
mod handoff;
mod message;
pub mod mongo;
mod opened;
mod outbox;
mod parked_api;
pub mod postgres;
pub mod rabbitmq;
mod relay;
mod retry;
mod settings;
pub mod sqlite;
mod upkeep;
mod which_parked;

pub use broker::{
    Broker, BrokerError, Confirms, DELIVERY_LIMIT, DeadLetter, Delivery, Receipt, Source,
    Subscription, dead_letters_of,
};
pub use connect::{ConnectError, connect, embedded_path};
pub use consumer::{ConsumerSettings, Consumers};
pub use deferred::{DeferredMessage, DeferredStats, DeferredStore, ParkedMessage, ParkedPosition};
pub use handler::{Handler, Outcome};
pub use handoff::{Handoff, Places};
pub use message::Message;
pub use opened::Opened;
pub use outbox::{OutboxStats, OutboxStore, Poke, Replayed, replay_since};
pub use parked_api::{WaitingMessage, parked_openapi, parked_router};
pub use relay::spawn_relay;
pub use settings::BrokerSettings;
pub use upkeep::{MessageStore, spawn_upkeep};
pub use which_parked::{NoParkedQueue, parked_queue};
