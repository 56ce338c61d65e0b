//! The operator at work: it runs in this process, each in a namespace of its own, against a real Kubernetes API server with real
//! controllers, and nodes that are played. All that it asks is recorded, and may be made to go wrong.

#[cfg(test)]
#[path = "../common/access.rs"]
mod access;
#[cfg(test)]
mod campaign;
#[cfg(test)]
#[path = "../common/cloud_native_pg.rs"]
mod cloud_native_pg;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod election;
#[cfg(test)]
mod events;
#[cfg(test)]
mod fixpoint;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod life;
#[cfg(test)]
mod life_cycle;
#[cfg(test)]
#[path = "../common/manifests.rs"]
mod manifests;
#[cfg(test)]
mod releases;
