//! The edges between processes that a test can break.

use std::time::Duration;

use anyhow::Result;

use super::Service;
use crate::chaos::{Direction, Proxy};

/// A line between two kinds of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// From each replica of a service to its store: one proxy a replica.
    Store(Service),
    /// From each replica of a service to RabbitMQ: one proxy a replica.
    Broker(Service),
    /// From each replica of the gateway to what balances the load between the replicas of a service.
    Upstream(Service),
    /// From each replica of the order service to the user service's address books: one proxy a replica.
    AddressBooks,
}

impl Edge {
    /// All there are.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let services = Service::BEHIND.into_iter();
        let of_one = |service| {
            [
                Self::Store(service),
                Self::Broker(service),
                Self::Upstream(service),
            ]
        };
        services
            .flat_map(of_one)
            .chain([Self::AddressBooks])
            .collect()
    }
}

/// The proxies of one edge, all broken and healed together. For a single replica's see [`Lines::of`].
pub struct Lines<'p>(pub(super) Vec<&'p Proxy>);

impl Lines<'_> {
    /// The proxy of one replica, by its number from 0.
    #[must_use]
    pub fn of(&self, replica: usize) -> Option<&Proxy> {
        self.0.get(replica).copied()
    }

    /// How many connections each ever took, by replica.
    #[must_use]
    pub fn taken(&self) -> Vec<usize> {
        self.0.iter().map(|proxy| proxy.taken()).collect()
    }

    /// Everything works again; see [`Proxy::pass`].
    pub async fn pass(&self) -> Result<()> {
        for proxy in &self.0 {
            proxy.pass().await?;
        }
        Ok(())
    }

    /// New connections are refused; see [`Proxy::refuse`].
    pub async fn refuse(&self) {
        for proxy in &self.0 {
            proxy.refuse().await;
        }
    }

    /// Live connections are reset; see [`Proxy::reset`].
    pub fn reset(&self) {
        self.0.iter().for_each(|proxy| proxy.reset());
    }

    /// As if the other side were gone; see [`Proxy::cut_off`].
    pub async fn cut_off(&self) {
        for proxy in &self.0 {
            proxy.cut_off().await;
        }
    }

    /// Nothing comes through that way, and nobody is told; see [`Proxy::black_hole`].
    pub fn black_hole(&self, direction: Direction) {
        self.0.iter().for_each(|proxy| proxy.black_hole(direction));
    }

    /// Everything takes longer; see [`Proxy::delay`].
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.0
            .iter()
            .for_each(|proxy| proxy.delay(direction, delay));
    }
}
