//! The control plane is a real one: its controllers, its scheduler and its checks of rights do what they do in any cluster, and
//! what kwok plays is enough for them.

mod api;
mod pods;
mod restart;
mod rights;
mod volumes;
mod workloads;

pub(crate) use api::manifest;
