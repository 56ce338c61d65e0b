//! The order service.

pub mod context;
pub mod domain;
pub mod store;
pub mod backlog;
pub mod waiting;
pub mod address_book;
pub mod sweeper;
pub mod tasks;
pub mod events;
