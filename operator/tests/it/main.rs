//! The operator against a real Kubernetes API server with real controllers, and nodes that are played.

#[cfg(test)]
mod children;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod schema;
