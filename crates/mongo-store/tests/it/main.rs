//! A store on a real MongoDB: how it is opened, what a transaction promises, and what happens when servers go away.

#[cfg(test)]
mod abandoned;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod transactions;
