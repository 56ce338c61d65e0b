//! The product service from outside: its store's contract, its API, and both together with a broker.

#[cfg(test)]
mod api;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod mongo;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod stock_model;
