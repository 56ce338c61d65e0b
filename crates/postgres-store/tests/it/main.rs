//! The PostgreSQL store on a real server: opening, migrating, transactions, and what happens when the server or the network
//! goes away in the middle of them.
#![expect(
    clippy::disallowed_methods,
    reason = "a test's own tasks end with its runtime; there is no lifecycle to track them"
)]

#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod transactions;
