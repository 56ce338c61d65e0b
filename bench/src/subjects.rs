//! What forwards: the gateway, and what it is compared with.

pub mod gateway;
pub mod nginx;
