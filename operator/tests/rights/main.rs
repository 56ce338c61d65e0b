//! The operator with the rights that it says it needs: they are enough, and each of them is missed if it is not there. The real
//! program runs as a service account, and a real API server judges, which also guards owner references.

#[cfg(test)]
#[path = "../common/access.rs"]
mod access;
#[cfg(test)]
mod account;
#[cfg(test)]
mod apis;
#[cfg(test)]
#[path = "../common/cloud_native_pg.rs"]
mod cloud_native_pg;
#[cfg(test)]
mod enough;
#[cfg(test)]
mod installed;
#[cfg(test)]
mod least;
#[cfg(test)]
#[path = "../common/manifests.rs"]
mod manifests;
#[cfg(test)]
mod plane;
#[cfg(test)]
mod process;
