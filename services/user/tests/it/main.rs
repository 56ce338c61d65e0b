//! The user service from outside: its store's contract and its API.

#[cfg(test)]
mod api;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod mongo;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sqlite;
