//! What becomes of a running platform over time: releases and roll-backs, the order of rollouts, autoscalers, disks that grow,
//! upgrades of the operator. One operator serves all tests, against a real Kubernetes API server with real controllers, and
//! nodes that are played.

#[cfg(test)]
#[path = "../it/cluster.rs"]
mod cluster;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod order;
#[cfg(test)]
mod roll_back;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod troubles;
#[cfg(test)]
mod upgrade;
