//! Tests of the whole shop in a real cluster: real nodes, real pods, the operator from its chart. `make e2e` makes all that, and
//! runs them where Services and pods can be reached by their addresses. `KUBECONFIG` says which cluster it is.
//!
//! Each test has a platform in a namespace of its own, where only *restricted* pods may run. They go one after the other: a
//! machine with two cores carries one platform under load.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod data;
#[cfg(test)]
mod external;
#[cfg(test)]
mod extra;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod network;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod services_users;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod traffic;
