//! The order service from outside: its store's contract, its API, and both together with a broker.

mod api;
mod contract;
mod saga;
mod service;
mod sqlite;
