//! The Kubernetes operator of the shop platform: one `ShopPlatform` becomes a running shop, and stays one.
//!
//! A reconciliation goes one way, through five rooms:
//!
//! 1. [`dereference`]: reads what the spec points to;
//! 2. [`validate`]: parses spec and what was read into a [`platform::Platform`] that cannot be wrong;
//! 3. [`build`]: makes every child object of it; pure, without a client;
//! 4. [`apply`]: writes what differs, by server-side apply, and removes what is not wanted any more;
//! 5. [`status`]: tells how things are, whatever the outcome was.

pub mod apply;
pub mod build;
pub mod check;
pub mod child;
pub mod cli;
pub mod client;
pub mod controller;
pub mod crd;
pub mod credentials;
pub mod dereference;
pub mod election;
pub mod events;
mod metrics;
pub mod names;
pub mod observed;
pub mod platform;
pub mod readiness;
pub mod release;
pub mod render;
pub mod resource;
pub mod rights;
pub mod run;
pub mod status;
pub mod time;
pub mod validate;
