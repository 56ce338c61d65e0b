//! The administrator's command line: looks after parked messages and outboxes, tells consumers again what they missed,
//! makes databases and users, and says what is wrong with a platform.
//!
//! It works on the servers themselves, with the services' own code, so it works while the services are down.

mod cli;
mod commands;
mod credentials;
pub mod doctor;
mod error;
mod output;
pub mod provision;
pub mod secrets;
mod servers;
pub mod settings;
mod stores;

pub use cli::main;
