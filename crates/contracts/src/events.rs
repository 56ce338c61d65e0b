//! The payloads of all events, one room per producer.
//!
//! A payload changes only by adding optional fields; anything else is a new version with a new type.
//! Consumers ignore fields they do not know.

pub mod notification;
pub mod order;
pub mod product;
pub mod stock;
pub mod user;
