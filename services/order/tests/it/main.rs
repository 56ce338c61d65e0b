//! The order service from outside: its store's contract, its API, and both together with a broker.

#[cfg(test)]
mod api;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod in_progress;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod saga;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sqlite;
