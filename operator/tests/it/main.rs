//! The operator against a real Kubernetes API server with real controllers, and nodes that are played.

#[cfg(test)]
#[path = "../common/access.rs"]
mod access;
#[cfg(test)]
mod children;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
mod schema;
